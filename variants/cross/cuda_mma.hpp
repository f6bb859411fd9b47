#pragma once

#include <cstdint>

// What the host tells the device code of cross/cuda_mma beside the usual parameters.

namespace attest::cross {

/// Neighbouring buckets of T5's relative bias, as a launch takes them: bucket first + n of a side holds the distances
/// begins[n] .. begins[n + 1] - 1.
struct BucketRange {
  static constexpr int most = 256;

  std::int32_t reach;  ///< distances -reach .. reach have an entry in the table
  std::int32_t heads;
  std::int32_t causal;  ///< 1: one side, keys ahead count as distance 0; 0: keys ahead have buckets of their own
  std::int32_t side;    ///< buckets of a side
  std::int32_t first;   ///< bucket of begins[0]
  std::int32_t count;   ///< buckets here
  std::int32_t begins[most + 1];
};

}  // namespace attest::cross
