// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Dao 2023, arXiv:2307.08691, algorithm 1
// Split:  one block per (b, h, 64 query rows), the last rows first; 4 warps of 16 rows; keys stream in tiles of 64
//         (32 for head dims over 128)
// Memory: Q and two tiles of K and V in shared; Q fragments, max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; Q and out move once, K and V once a row block that sees them
// Limits: f16, bf16; head dims that are multiples of 8, to 256, padded to 32, 64, 128 or 256 on the chip only

#include "variants/common/cuda/mma_attention.cuh"

namespace {

using namespace attest::cuda;

template <class Element, int Width, class Pairs>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const Pairs& pairs, const std::int64_t* kv_lengths, Element* out, float* lse) {
  extern __shared__ __align__(1024) unsigned char memory[];
  MmaAttention<Element, MmaShapeFor<Width>, false, Pairs>(p, {q, k, v, kv_lengths, out, lse}, pairs, memory).run();
}

}  // namespace

#define ATTEST_FLASH2_MMA(suffix, Element, width)                                                                 \
  extern "C" __global__ void __launch_bounds__(128, 1) flash2_mma_##suffix##_d##width(                            \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t*, const float*, \
      const std::int64_t* kv_lengths, Element* out, float* lse) {                                                 \
    attend<Element, width>(p, q, k, v, NoPairs{}, kv_lengths, out, lse);                                          \
  }                                                                                                               \
  extern "C" __global__ void __launch_bounds__(128, 1) flash2_mma_##suffix##_d##width##_pairs(                    \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,          \
      const float* bias, const std::int64_t* kv_lengths, Element* out, float* lse) {                              \
    attend<Element, width>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, out, lse);                            \
  }

ATTEST_FLASH2_MMA(bf16, BFloat16, 32)
ATTEST_FLASH2_MMA(bf16, BFloat16, 64)
ATTEST_FLASH2_MMA(bf16, BFloat16, 128)
ATTEST_FLASH2_MMA(bf16, BFloat16, 256)
ATTEST_FLASH2_MMA(f16, Half, 32)
ATTEST_FLASH2_MMA(f16, Half, 64)
ATTEST_FLASH2_MMA(f16, Half, 128)
ATTEST_FLASH2_MMA(f16, Half, 256)
