#pragma once

#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/oracle.hpp"
#include "reference/softmax_row.hpp"

namespace attest {

/// Defects of lse alone, in order, which a kernel of that arithmetic could show on the problem: they mistake the base,
/// the maximum or the scale when lse is put together from m and l, and leave `out` right.
std::vector<KnownDefect> known_lse_defects(const SoftmaxInputs& inputs, const Arithmetic& arithmetic);

/// What each of them would store in place of m + ln l, in that order.
std::vector<double> wrong_lses(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores);

}  // namespace attest
