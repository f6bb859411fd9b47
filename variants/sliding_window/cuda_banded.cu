// out[i] = sum_j softmax_j(scale * q[i].k[j]) v[j], j within the window of i, or i or j global
// Source: Jiang et al. 2023, Mistral 7B, arXiv:2310.06825; Beltagy et al. 2020, Longformer, arXiv:2004.05150
// Split:  one block per (b, h, 64 query rows), the last rows first; only the tiles of keys that the block's bands touch
//         stream by, and before them those of the global keys; a block with a global row sees all
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers
// Cost:   2*(d+dv) flops a visible pair, cut at the tile, so O(n*w); K and V move (64 + w) / 64 times
// Limits: head dims to 128, of multiples of 8 in f16 and bf16 (tensor cores); a window on at least one side

#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"
#include "variants/sliding_window/global_band.cuh"

namespace {

using namespace attest::cuda;
using attest::sliding_window::GlobalBand;

template <class Element, int Width, class Pairs>
struct Attention {
  using Type = MmaAttention<Element, MmaShapeFor<Width>, false, Pairs, GlobalBand>;
};
template <int Width, class Pairs>
struct Attention<float, Width, Pairs> {
  using Type = SimtAttention<SimtShapeFor<Width>, false, Pairs, GlobalBand>;
};

template <class Element, int Width, class Pairs>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const Pairs& pairs, const std::int64_t* kv_lengths, Element* out, float* lse, int global) {
  extern __shared__ __align__(1024) unsigned char memory[];
  typename Attention<Element, Width, Pairs>::Type(p, {q, k, v, kv_lengths, out, lse}, pairs, memory, GlobalBand{global})
      .run();
}

}  // namespace

#define ATTEST_SLIDING_BANDED(suffix, Element, threads, width)                                                    \
  extern "C" __global__ void __launch_bounds__(threads, 1) sliding_banded_##suffix##_d##width(                    \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t*, const float*, \
      const std::int64_t* kv_lengths, Element* out, float* lse, int global) {                                     \
    attend<Element, width>(p, q, k, v, NoPairs{}, kv_lengths, out, lse, global);                                  \
  }                                                                                                               \
  extern "C" __global__ void __launch_bounds__(threads, 1) sliding_banded_##suffix##_d##width##_pairs(            \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,          \
      const float* bias, const std::int64_t* kv_lengths, Element* out, float* lse, int global) {                  \
    attend<Element, width>(p, q, k, v, PairTensors{mask, bias}, kv_lengths, out, lse, global);                    \
  }
#define ATTEST_SLIDING_BANDED_WIDTHS(suffix, Element, threads) \
  ATTEST_SLIDING_BANDED(suffix, Element, threads, 32)          \
  ATTEST_SLIDING_BANDED(suffix, Element, threads, 64)          \
  ATTEST_SLIDING_BANDED(suffix, Element, threads, 128)

ATTEST_SLIDING_BANDED_WIDTHS(f32, float, 256)
ATTEST_SLIDING_BANDED_WIDTHS(bf16, BFloat16, 128)
ATTEST_SLIDING_BANDED_WIDTHS(f16, Half, 128)
