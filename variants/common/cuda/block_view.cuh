#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"
#include "variants/common/cuda/visibility.cuh"

namespace attest::cuda {

/// Which keys the neighbouring query rows of a block see: a band, and the keys before a prefix.
struct BlockKeys {
  KeySpan any;     ///< some row sees them, beside the prefix
  KeySpan all;     ///< every row sees them
  int prefix_any;  ///< some row sees keys before it
  int prefix_all;  ///< every row sees keys before it
};

/// What a row sees by causality and window alone. Other views have the same members.
struct BandView {
  using Row = KeySpan;
  static constexpr bool has_prefix = false;

  __device__ KeySpan row(const AttentionParams& p, int keys, int row) const { return keys_of_row(p, keys, row); }
  __device__ BlockKeys block(const AttentionParams& p, int keys, int first_row, int last_row) const {
    return {keys_of_any(p, keys, first_row, last_row), keys_of_all(p, keys, first_row, last_row), 0, 0};
  }
};

/// The tiles of `Keys` keys that a block of that view has to look at: those of the prefix, then those of the band; a
/// tile that would lie between them is left out.
template <class View, int Keys>
struct TileWalk {
  BlockKeys keys;

  __device__ int begin() const { return View::has_prefix && keys.prefix_any > 0 ? 0 : keys.any.first; }
  __device__ int end() const { return View::has_prefix ? max(keys.any.last, keys.prefix_any) : keys.any.last; }
  __device__ int next(int first) const {
    if (!View::has_prefix || first + Keys < keys.prefix_any) return first + Keys;
    return max(first + Keys, keys.any.first);
  }
  /// One past the last key of the tile that is looked at.
  __device__ int limit(int first) const {
    if (!View::has_prefix) return end();
    const bool before_band = keys.any.empty() || first + Keys <= keys.any.first;
    return before_band ? keys.prefix_any : end();
  }
  /// Whether every row sees the whole tile, so that no pair needs a look.
  __device__ bool is_whole(int first) const {
    return (first >= keys.all.first && first + Keys <= keys.all.last) ||
           (View::has_prefix && first + Keys <= keys.prefix_all);
  }
};

}  // namespace attest::cuda
