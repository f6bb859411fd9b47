// out[i] = sum_j softmax_j(scale * q[i].k[j] + relative_bias[bucket(j - i)][h]) v[j], sq and skv unrelated
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3; T5: Raffel et al. 2020, arXiv:1910.10683, section 2.1
// Split:  cross_bias: one thread per (h, distance) looks its bucket up;
//         cross_mma: one block per (b, h, 64 query rows), the last rows first; keys stream in tiles of 64
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers; the bias by head and distance in
//         workspace, where there is one
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; one load a pair with relative bias
// Limits: head dims to 128, of multiples of 8 in f16 and bf16 (tensor cores)

#include "variants/common/cuda/mma_attention.cuh"
#include "variants/common/cuda/simt_attention.cuh"
#include "variants/cross/cuda_mma.hpp"
#include "variants/cross/relative_pairs.cuh"

namespace {

using namespace attest::cuda;
using attest::cross::BucketRange;
using attest::cross::RelativePairs;

template <class Element, int Width, class Pairs>
struct Attention {
  using Type = MmaAttention<Element, MmaShapeFor<Width>, false, Pairs>;
};
template <int Width, class Pairs>
struct Attention<float, Width, Pairs> {
  using Type = SimtAttention<SimtShapeFor<Width>, false, Pairs>;
};

template <class Element, int Width, class Pairs>
__device__ void attend(const AttentionParams& p, const Element* q, const Element* k, const Element* v,
                       const Pairs& pairs, const std::int64_t* kv_lengths, Element* out, float* lse) {
  extern __shared__ __align__(1024) unsigned char memory[];
  typename Attention<Element, Width, Pairs>::Type(p, {q, k, v, kv_lengths, out, lse}, pairs, memory).run();
}

}  // namespace

/// by_distance (hq, 2 * reach + 1) for the distances of these buckets, from relative_bias (buckets, hq).
extern "C" __global__ void __launch_bounds__(256)
    cross_bias(const float* relative_bias, float* by_distance, BucketRange range) {
  const int distance = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) - range.reach;
  if (distance > range.reach) return;
  const int head = static_cast<int>(blockIdx.y);
  const int back = range.causal ? max(-distance, 0) : abs(distance);
  const int ahead = !range.causal && distance > 0 ? range.side : 0;
  for (int n = 0; n < range.count; ++n) {
    if (back < range.begins[n] || back >= range.begins[n + 1]) continue;
    const std::int64_t place = static_cast<std::int64_t>(head) * (2 * range.reach + 1) + range.reach + distance;
    by_distance[place] = relative_bias[static_cast<std::int64_t>(ahead + range.first + n) * range.heads + head];
    return;
  }
}

#define ATTEST_CROSS_MMA(suffix, Element, threads, width)                                                            \
  extern "C" __global__ void __launch_bounds__(threads, 1) cross_mma_##suffix##_d##width(                            \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t*, const float*,    \
      const std::int64_t* kv_lengths, Element* out, float* lse, const float*, int) {                                 \
    attend<Element, width>(p, q, k, v, NoPairs{}, kv_lengths, out, lse);                                             \
  }                                                                                                                  \
  extern "C" __global__ void __launch_bounds__(threads, 1) cross_mma_##suffix##_d##width##_pairs(                    \
      AttentionParams p, const Element* q, const Element* k, const Element* v, const std::uint8_t* mask,             \
      const float* bias, const std::int64_t* kv_lengths, Element* out, float* lse, const float* by_distance,         \
      int reach) {                                                                                                   \
    const int keys = key_count(p, kv_lengths, static_cast<int>(blockIdx.z));                                         \
    attend<Element, width>(p, q, k, v, RelativePairs{{mask, bias}, by_distance, reach, keys}, kv_lengths, out, lse); \
  }
#define ATTEST_CROSS_MMA_WIDTHS(suffix, Element, threads) \
  ATTEST_CROSS_MMA(suffix, Element, threads, 32)          \
  ATTEST_CROSS_MMA(suffix, Element, threads, 64)          \
  ATTEST_CROSS_MMA(suffix, Element, threads, 128)

ATTEST_CROSS_MMA_WIDTHS(f32, float, 256)
ATTEST_CROSS_MMA_WIDTHS(bf16, BFloat16, 128)
ATTEST_CROSS_MMA_WIDTHS(f16, Half, 128)
