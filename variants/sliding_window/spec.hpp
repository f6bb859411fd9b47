#pragma once

#include "harness/core/oracle.hpp"

namespace attest::sliding_window {

/// Longformer's global attention: the first `global` positions see every key and are seen by every row. Causality holds
/// for them too; the window does not.
class SlidingWindowSpec final : public Spec {
 public:
  bool visible(const Problem& problem, std::int64_t row, std::int64_t key, std::int64_t offset) const override {
    if (Spec::visible(problem, row, key, offset)) return true;
    const std::int64_t global = problem.parameter("global", 0);
    const std::int64_t position = row + offset;
    const bool is_global = key < global || (position >= 0 && position < global);
    return is_global && !(problem.causal && key > position);
  }
};

}  // namespace attest::sliding_window
