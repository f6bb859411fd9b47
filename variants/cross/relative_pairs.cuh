#pragma once

#include <cstdint>

#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/visibility.cuh"

namespace attest::cross {

/// Mask and bias over pairs and, where there is a table, a bias by head and distance of the key.
struct RelativePairs {
  static constexpr bool shapes = true;

  struct Row {
    cuda::RowTensors tensors;
    const float* center;  ///< the table at distance 0; null without one
    int here;             ///< the key that the row stands at
    int reach;

    __device__ float term(int key) const { return center[max(-reach, min(key - here, reach))]; }

    __device__ float score(const cuda::AttentionParams& p, int key, float product) const {
      const float score = tensors.score(p, key, product);
      if (center == nullptr) return score;
      const float own = term(key);
      // A term of -inf hides; NaN + (-inf) would be NaN.
      return score == cuda::minus_infinity || own == cuda::minus_infinity ? cuda::minus_infinity : score + own;
    }

    __device__ bool shows(const cuda::AttentionParams& p, int key) const {
      return tensors.shows(p, key) && (center == nullptr || term(key) != cuda::minus_infinity);
    }
  };

  cuda::PairTensors tensors;
  const float* by_distance;  ///< (hq, 2 * reach + 1), or null
  int reach;
  int keys;  ///< of the batch entry

  __device__ bool absent() const { return tensors.absent() && by_distance == nullptr; }

  __device__ Row row(const cuda::AttentionParams& p, int batch, int head, int row) const {
    Row result{tensors.row(p, batch, head, row), nullptr, 0, reach};
    if (by_distance == nullptr) return result;
    result.center = by_distance + static_cast<std::int64_t>(head) * (2 * reach + 1) + reach;
    // Beyond all keys a row is as far as reach says, wherever it stands.
    const std::int64_t limit = std::int64_t{1} << 30;
    result.here = static_cast<int>(max(-limit, min(cuda::position_of_row(p, keys, row), limit)));
    return result;
  }
};

}  // namespace attest::cross
