#pragma once

#include "variants/common/cuda/exponential.cuh"
#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/warp.cuh"

namespace attest::cuda {

/// Softmax of one row over tiles of its scores (Milakov and Gimelshein 2018, arXiv:1805.02867). Weights are
/// 2^(scale * score - base): base is the largest scaled score so far, in base 2. The row is spread over `Lanes`
/// neighbouring lanes, and `sum` is each lane's own part until finish().
template <int Lanes>
struct OnlineSoftmax {
  float base = minus_infinity;
  float sum = 0.0f;

  /// What to take from scaled scores: nothing where no key was seen, since (-inf) - (-inf) would be NaN.
  __device__ float shift() const { return base == minus_infinity ? 0.0f : base; }

  /// Takes in the largest score of this lane's part of a tile; returns the factor for all sums so far. `scale` is above
  /// 0, so that the largest score stays the largest.
  __device__ float update(float largest, float scale) {
    const float before = base;
    base = fmaxf(base, group_max<Lanes>(largest) * scale);
    const float factor = exp2_approximate(before - shift());
    sum *= factor;
    return factor;
  }

  __device__ float weight(float score, float scale) const { return exp2_approximate(fmaf(score, scale, -shift())); }

  /// Joins the lanes' parts.
  __device__ void finish() { sum = group_sum<Lanes>(sum); }

  /// After finish(): no key was seen. Where one was, the largest weight is 1 or NaN.
  __device__ bool empty() const { return sum == 0.0f; }
  /// Multiplies the sums of values.
  __device__ float inverse(float multiplier) const { return empty() ? 0.0f : multiplier / sum; }
  /// Natural logarithm of the sum of exp(score).
  __device__ float lse() const { return empty() ? minus_infinity : fmaf(base, ln_of_2, logf(sum)); }
};

}  // namespace attest::cuda
