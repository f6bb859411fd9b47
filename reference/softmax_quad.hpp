#pragma once

#include <vector>

#include "reference/softmax_row.hpp"

namespace attest {

/// A row computed in 113 bits and rounded to double once.
struct QuadRow {
  std::vector<double> out;
  double lse = 0.0;
};

/// The truth for kernels that accumulate in double, against whom a reference in double has no headroom: all of a row in
/// IEEE's quadruple precision, some hundred times as slow. `scores`: of that row, all finite; which keys are present
/// and kept is taken from it, the numbers are not.
QuadRow quad_row(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores);

/// How many times as much a row costs so.
inline constexpr double quad_cost = 128.0;

}  // namespace attest
