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

  /// Whether every row sees these keys, so that no pair needs a look.
  __device__ bool sees_all(int first, int count) const {
    return (first >= all.first && first + count <= all.last) || first + count <= prefix_all;
  }
};

/// What a row sees by causality and window alone. Other views have the same members.
struct BandView {
  using Row = KeySpan;

  __device__ KeySpan row(const AttentionParams& p, int keys, int row) const { return keys_of_row(p, keys, row); }
  __device__ BlockKeys block(const AttentionParams& p, int keys, int first_row, int last_row) const {
    return {keys_of_any(p, keys, first_row, last_row), keys_of_all(p, keys, first_row, last_row), 0, 0};
  }
};

/// The tiles of `Keys` keys that a block has to look at: those of the prefix, then those of the band; a tile that would
/// lie between them is left out.
template <int Keys>
struct TileWalk {
  KeySpan band;
  int prefix;

  __device__ explicit TileWalk(const BlockKeys& block) : band(block.any), prefix(block.prefix_any) {}

  __device__ int begin() const { return prefix > 0 ? 0 : band.first; }
  __device__ int end() const { return max(band.last, prefix); }
  __device__ int next(int first) const { return first + Keys < prefix ? first + Keys : max(first + Keys, band.first); }
  /// One past the last key of the tile that is looked at.
  __device__ int limit(int first) const {
    const bool before_band = band.empty() || first + Keys <= band.first;
    return min(first + Keys, before_band ? prefix : end());
  }
};

}  // namespace attest::cuda
