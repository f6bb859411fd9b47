#pragma once

#include <cmath>
#include <limits>

#include "variants/common/cpu/microkernels.hpp"

namespace attest::tiles {

/// Softmax of one row whose scores come in pieces (Milakov and Gimelshein 2018): the maximum and the sum so far, in the
/// units of the scores. The weights so far belong to that maximum; when it grows, all that was summed with them is to
/// be multiplied by the factor that update() and merge() give.
struct OnlineSoftmax {
  float maximum = -std::numeric_limits<float>::infinity();
  float sum = 0.0f;

  /// Turns `count` scores (a multiple of the vector) into weights in place; returns the factor for what came before.
  /// exp of a difference x of scores is 2^(x * log2_factor).
  float update(const Microkernels& kernels, float* scores, int count, float log2_factor) {
    const Softened tile = kernels.soften(scores, count, log2_factor, maximum);
    const float factor = factor_to(kernels, tile.maximum, log2_factor);
    sum = sum * factor + tile.sum;
    maximum = tile.maximum;
    return factor;
  }

  /// Joins the softmax of other keys of the same row; returns the factors for this one's sums and for the other's.
  struct Factors {
    float own;
    float other;
  };
  Factors merge(const Microkernels& kernels, const OnlineSoftmax& other, float log2_factor) {
    const float joint = other.maximum > maximum ? other.maximum : maximum;
    const Factors factors{factor_to(kernels, joint, log2_factor), other.factor_to(kernels, joint, log2_factor)};
    sum = sum * factors.own + other.sum * factors.other;
    maximum = joint;
    return factors;
  }

  /// What the sums are to be divided by: 1 for a row without a visible key, whose sums are 0.
  float divisor() const { return sum == 0.0f ? 1.0f : sum; }

  /// Natural logarithm of the sum of exp(unit * score); -inf without a visible key.
  float finish(double unit) const {
    if (sum == 0.0f) return -std::numeric_limits<float>::infinity();
    return static_cast<float>(static_cast<double>(maximum) * unit + std::log(static_cast<double>(sum)));
  }

 private:
  float factor_to(const Microkernels& kernels, float joint, float log2_factor) const {
    if (maximum == joint) return 1.0f;  // also when neither has a key: (-inf) - (-inf) would be NaN
    if (maximum == -std::numeric_limits<float>::infinity())
      return 0.0f;  // (-inf) * log2_factor is NaN for a factor of 0
    return kernels.exp2((maximum - joint) * log2_factor);
  }
};

}  // namespace attest::tiles
