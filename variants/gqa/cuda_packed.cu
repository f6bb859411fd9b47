// out[h][i] = sum_j kappa softmax_j(cap(scale * q[h][i].k[g][j]) + bias) v[g][j], g = h / (hq / hkv), j visible from i
// Source: Ainslie et al. 2023, arXiv:2305.13245; inner loop of Dao 2023, arXiv:2307.08691, algorithm 1
// Split:  one block per (b, key head, 64 packed rows), where packed row n is row n / group of head n % group of the
//         group: a tile of keys serves neighbouring rows of all its heads; keys stream in tiles of 64 or 32
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once for 64 packed rows
// Limits: f32 with head dims to 128; bf16, f16 with head dims that are multiples of 8, to 128

#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"

namespace {

using namespace attest::cuda;

template <class Element, int Width, class Pairs>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const Pairs& pairs, const std::int64_t* kv_lengths, Element* out, float* lse) {
  extern __shared__ __align__(1024) unsigned char memory[];
  if constexpr (sizeof(Element) == 4) {
    SimtAttention<SimtShapeFor<Width>, true, Pairs>(p, {q, k, v, kv_lengths, out, lse}, pairs, memory).run();
  } else {
    MmaAttention<Element, MmaShapeFor<Width>, true, Pairs>(p, {q, k, v, kv_lengths, out, lse}, pairs, memory).run();
  }
}

}  // namespace

#define ATTEST_GQA_PACKED(suffix, Element, width, threads)                                                        \
  extern "C" __global__ void __launch_bounds__(threads, 1) gqa_packed_##suffix##_d##width(                        \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t*, const float*, \
      const std::int64_t* kv_lengths, Element* out, float* lse) {                                                 \
    attend<Element, width>(p, q, k, v, NoPairs{}, kv_lengths, out, lse);                                          \
  }                                                                                                               \
  extern "C" __global__ void __launch_bounds__(threads, 1) gqa_packed_##suffix##_d##width##_pairs(                \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,          \
      const float* bias, const std::int64_t* kv_lengths, Element* out, float* lse) {                              \
    attend<Element, width>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, out, lse);                            \
  }
#define ATTEST_GQA_PACKED_WIDTHS(suffix, Element, threads) \
  ATTEST_GQA_PACKED(suffix, Element, 32, threads)          \
  ATTEST_GQA_PACKED(suffix, Element, 64, threads)          \
  ATTEST_GQA_PACKED(suffix, Element, 128, threads)

ATTEST_GQA_PACKED_WIDTHS(f32, float, 256)
ATTEST_GQA_PACKED_WIDTHS(bf16, BFloat16, 128)
ATTEST_GQA_PACKED_WIDTHS(f16, Half, 128)
