#pragma once

#include <vector>

#include "harness/core/dtype.hpp"
#include "harness/core/problem.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// The weights of a textbook kernel: all arithmetic in f32, weights normalised, then rounded to the problem's type.
struct PlainWeights {
  std::vector<float> weight;  ///< dropout included; empty for f64 problems, which have no plain kernel
  double lse = 0.0;
};
PlainWeights plain_weights(const Problem& problem, const RowScores& scores);

/// `value` rounded to nearest even in `type`.
double rounded_to(DType type, double value);

}  // namespace attest
