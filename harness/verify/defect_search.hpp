#pragma once

#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"
#include "harness/verify/matched_filter.hpp"
#include "harness/verify/verify.hpp"

namespace attest {

/// Holds the lines of the oracle's first output at `places` against the defects that it knows.
MatchedFilter filter_rows(const Oracle& oracle, const Arithmetic& arithmetic, const TensorSet& outputs,
                          const std::vector<RowPlace>& places, int threads);

/// The rows that rule M looks at, a stratified sample of their own: working out a row's defects costs about as much as
/// a dozen rows, so that they are a sixteenth of `checked` rows, but all that cost next to nothing, and min_rows at
/// least.
std::vector<RowPlace> rows_for_defects(const Oracle& oracle, const Problem& problem, const VerifyOptions& options,
                                       std::size_t checked);

}  // namespace attest
