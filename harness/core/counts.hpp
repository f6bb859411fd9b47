#pragma once

#include <cstdint>
#include <span>

#include "harness/core/problem.hpp"

namespace attest {

/// First and one past the last key that query row `row` sees by length, causality and window.
struct KeyRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t size() const { return end > begin ? end - begin : 0; }
};
KeyRange key_range(const Problem& problem, std::int64_t row, std::int64_t kv_length);

/// Pairs (i, j) that are visible by length, causality and window, over all batch entries and query heads. `kv_lengths`
/// is empty (all keys of every entry) or has one length a batch entry. Masks are data and are not looked at.
double visible_pairs(const Problem& problem, std::span<const std::int64_t> kv_lengths = {});

/// 2*(d+dv) FLOPs for each visible pair: the exact count.
double exact_flops(const Problem& problem);

/// The convention of the FlashAttention papers: 4*sq*skv*d*hq*b, halved when causal (2*sq*skv*(d+dv) where d != dv).
double conventional_flops(const Problem& problem);

/// Bytes of q, k, v and out in memory.
double io_bytes(const Problem& problem);

/// Bytes of K and V in the cache: 2 tensors are read once each.
double kv_cache_bytes(const Problem& problem);

}  // namespace attest
