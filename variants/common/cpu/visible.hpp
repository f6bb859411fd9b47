#pragma once

#include <algorithm>
#include <cstdint>

#include "harness/core/problem.hpp"

namespace attest::tiles {

/// Keys first .. last - 1.
struct KeySpan {
  std::int64_t first = 0;
  std::int64_t last = 0;

  bool empty() const { return first >= last; }
  KeySpan within(std::int64_t from, std::int64_t to) const { return {std::max(first, from), std::min(last, to)}; }
};

/// What one query row may see: a band of neighbouring keys and, with global tokens, the keys before `prefix`. The two
/// may overlap. Mask tensors are not looked at.
struct RowView {
  KeySpan band;
  std::int64_t prefix = 0;
};

/// The keys that query row `row` sees of `kv_length` ones, by causality, window and the first `global` positions
/// (Longformer, Beltagy et al. 2020: global keys are seen by all rows, global rows see all keys; both subject to
/// causality).
inline RowView view_of_row(const Problem& problem, std::int64_t row, std::int64_t kv_length, std::int64_t global = 0) {
  const std::int64_t here = row + problem.offset(kv_length);
  const std::int64_t limit = std::clamp<std::int64_t>(problem.causal ? here + 1 : kv_length, 0, kv_length);
  RowView view{{0, limit}, std::min(global, limit)};
  if (here >= 0 && here < global) return view;
  if (problem.window.left >= 0) view.band.first = std::max<std::int64_t>(0, here - problem.window.left);
  if (problem.window.right >= 0) view.band.last = std::min(limit, here + problem.window.right + 1);
  return view;
}

}  // namespace attest::tiles
