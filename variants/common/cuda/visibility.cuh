#pragma once

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"

namespace attest::cuda {

/// Keys first .. last - 1.
struct KeySpan {
  std::int32_t first;
  std::int32_t last;

  __device__ bool holds(std::int32_t key) const { return key >= first && key < last; }
  __device__ bool empty() const { return first >= last; }
};

__device__ inline std::int32_t clamped(std::int64_t value, std::int32_t limit) {
  return static_cast<std::int32_t>(value < 0 ? 0 : value > limit ? limit : value);
}

/// Keys of a batch entry; `kv_lengths` may be null.
__device__ inline std::int32_t key_count(const AttentionParams& p, const std::int64_t* kv_lengths, int batch) {
  return kv_lengths == nullptr ? p.seq_kv : clamped(kv_lengths[batch], p.seq_kv);
}

/// The key that a query row stands at. In 64 bits, since offsets may be any whole number.
__device__ inline std::int64_t position_of_row(const AttentionParams& p, std::int32_t keys, std::int32_t row) {
  return row + (p.bottom_right ? static_cast<std::int64_t>(keys) - p.seq_q : p.offset);
}

/// The keys that a query row sees of `keys` ones, by causality and window. Both ends grow with the row. In 64 bits,
/// since offsets and windows may be any whole number; the result is not.
__device__ inline KeySpan keys_of_row(const AttentionParams& p, std::int32_t keys, std::int32_t row) {
  const std::int64_t here = position_of_row(p, keys, row);
  std::int64_t first = 0;
  std::int64_t last = keys;
  if (p.causal) last = min(last, here + 1);
  if (p.window_right >= 0) last = min(last, here + p.window_right + 1);
  if (p.window_left >= 0) first = here - p.window_left;
  return {clamped(first, keys), clamped(last, keys)};
}

/// The keys that some row of first_row .. last_row sees, whole tiles of which others can be skipped.
__device__ inline KeySpan keys_of_any(const AttentionParams& p, std::int32_t keys, std::int32_t first_row,
                                      std::int32_t last_row) {
  return {keys_of_row(p, keys, first_row).first, keys_of_row(p, keys, last_row).last};
}

/// The keys that each of these rows sees: inside, no pair needs a look.
__device__ inline KeySpan keys_of_all(const AttentionParams& p, std::int32_t keys, std::int32_t first_row,
                                      std::int32_t last_row) {
  return {keys_of_row(p, keys, last_row).first, keys_of_row(p, keys, first_row).last};
}

}  // namespace attest::cuda
