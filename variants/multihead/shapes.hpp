#pragma once

#include "harness/core/problem.hpp"

namespace attest::multihead {

/// Width of the module's tokens: the parameter d_model, which equals hq * d.
inline std::int64_t model_width(const Problem& problem) {
  return problem.heads_q * problem.head_dim;
}

/// Whether keys and values come from a sequence of their own, x_kv.
inline bool is_cross(const Problem& problem) {
  return problem.seq_q != problem.seq_kv;
}

}  // namespace attest::multihead
