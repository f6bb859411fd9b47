#pragma once

#include "harness/core/variant.hpp"

namespace attest::linear {

extern const Kernel cpu_full;
extern const Kernel cpu_chunked;
extern const Kernel cpu_recurrent;
extern const Kernel cuda_chunked;

/// What no kernel of linear attention has: there are no scores to mask, cap or drop. Yes, or the reason why not.
Support supports_linear(const Problem& problem, const Presence& presence);

/// Keys that row `row` sees of `kv_length` ones: the first so many.
inline std::int64_t visible_keys(const Problem& problem, std::int64_t row, std::int64_t kv_length) {
  if (!problem.causal) return kv_length;
  const std::int64_t end = row + problem.offset(kv_length) + 1;
  return end < 0 ? 0 : (end < kv_length ? end : kv_length);
}

/// The number of keys of a batch entry; `lengths` may be null.
inline std::int64_t kv_length_of(const Problem& problem, const TensorView* lengths, std::int64_t batch) {
  return lengths != nullptr ? lengths->as<std::int64_t>()[lengths->offset(batch)] : problem.seq_kv;
}

/// Linear attention's own oracle. See oracle.cpp.
std::unique_ptr<Oracle> make_linear_oracle(const Problem& problem, const TensorSet& inputs, const TensorSet& outputs);
/// Softmax attention of the same inputs, which linear attention approximates.
std::unique_ptr<Oracle> make_softmax_attention(const Problem& problem, const TensorSet& inputs,
                                               const TensorSet& outputs);

}  // namespace attest::linear
