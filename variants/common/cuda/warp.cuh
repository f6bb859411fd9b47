#pragma once

namespace attest::cuda {

constexpr int warp_lanes = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFu;

/// Largest value of `Lanes` neighbouring lanes, the same in each; a NaN is passed over where there is a number.
template <int Lanes>
__device__ __forceinline__ float group_max(float value) {
#pragma unroll
  for (int step = Lanes / 2; step > 0; step /= 2)
    value = fmaxf(value, __shfl_xor_sync(all_lanes, value, step));
  return value;
}

/// Sum over `Lanes` neighbouring lanes, the same bits in each.
template <int Lanes>
__device__ __forceinline__ float group_sum(float value) {
#pragma unroll
  for (int step = Lanes / 2; step > 0; step /= 2)
    value += __shfl_xor_sync(all_lanes, value, step);
  return value;
}

}  // namespace attest::cuda
