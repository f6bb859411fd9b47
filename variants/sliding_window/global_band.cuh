#pragma once

#include <cstdint>

#include "variants/common/cuda/block_view.cuh"
#include "variants/common/cuda/visibility.cuh"

namespace attest::sliding_window {

/// Longformer's view: the first `global` keys are seen by every row, and rows that stand at them see every key;
/// causality holds for both. All other pairs are of the band.
struct GlobalBand {
  struct Row {
    cuda::KeySpan band;
    int prefix;

    __device__ bool holds(int key) const { return key < prefix || band.holds(key); }
  };
  static constexpr bool has_prefix = true;

  int global;

  __device__ Row row(const cuda::AttentionParams& p, int keys, int row) const {
    const std::int64_t here = cuda::position_of_row(p, keys, row);
    const int limit = limit_of(p, keys, here);
    if (here >= 0 && here < global) return {{0, limit}, 0};
    return {cuda::keys_of_row(p, keys, row), min(global, limit)};
  }

  __device__ cuda::BlockKeys block(const cuda::AttentionParams& p, int keys, int first_row, int last_row) const {
    const std::int64_t first = cuda::position_of_row(p, keys, first_row);
    const std::int64_t last = cuda::position_of_row(p, keys, last_row);
    cuda::KeySpan any = cuda::keys_of_any(p, keys, first_row, last_row);
    if (last >= 0 && first < global) {
      // One of the rows is global, and the last such sees the most keys.
      const std::int64_t last_global = last < global ? last : global - 1;
      any = {0, max(any.last, limit_of(p, keys, last_global))};
    }
    return {any, cuda::keys_of_all(p, keys, first_row, last_row), min(global, limit_of(p, keys, last)),
            min(global, limit_of(p, keys, first))};
  }

 private:
  /// One past the last key that causality shows to a row at key `here`.
  __device__ static int limit_of(const cuda::AttentionParams& p, int keys, std::int64_t here) {
    return p.causal ? cuda::clamped(here + 1, keys) : keys;
  }
};

}  // namespace attest::sliding_window
