// out[i] = sum_j softmax_j(scale * q[i].k[j] + relative_bias[bucket(j - i)][h]) v[j], sq and skv unrelated
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3; T5: Raffel et al. 2020, arXiv:1910.10683, section 2.1
// Split:  cross_bias: one thread per (h, distance) looks its bucket up;
//         cross_mma: one block per (b, h, 64 query rows), the last rows first; keys stream in tiles of 64
// Memory: Q and two tiles of K and V in shared; max, sum and out in registers; the bias by head and distance in
//         workspace, where there is one
// Cost:   2*(d+dv) flops a visible pair, cut at the tile; one load a pair with relative bias
// Limits: head dims to 128, of multiples of 8 in f16 and bf16 (tensor cores)

#include "variants/common/cuda/tile_entries.cuh"
#include "variants/cross/cuda_mma.hpp"
#include "variants/cross/relative_pairs.cuh"

namespace {

using attest::cross::BucketRange;
using attest::cross::RelativePairs;

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

#define ATTEST_CROSS_MMA(name, Element, width, pairs)                                                              \
  ATTEST_TILE_ENTRY(name, Element, width, attest::cuda::rows_of_head, pairs, attest::cuda::BandView{}, float* lse, \
                    [[maybe_unused]] const float* by_distance, [[maybe_unused]] int reach)
#define ATTEST_CROSS_MMA_BOTH(suffix, Element, width)                                      \
  ATTEST_CROSS_MMA(cross_mma_##suffix##_d##width, Element, width, attest::cuda::NoPairs{}) \
  ATTEST_CROSS_MMA(                                                                        \
      cross_mma_##suffix##_d##width##_pairs, Element, width,                               \
      (RelativePairs{                                                                      \
          {mask, bias}, by_distance, reach, attest::cuda::key_count(p, kv_lengths, static_cast<int>(blockIdx.z))}))

ATTEST_TILE_TYPES(ATTEST_CROSS_MMA_BOTH)
