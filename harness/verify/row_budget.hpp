#pragma once

#include <cstdint>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "harness/verify/verify.hpp"

namespace attest {

/// How many rows of each head the budget allows, at least one; the head's number of rows where it allows all.
std::int64_t affordable_rows_a_head(const Oracle& oracle, const Problem& problem, const VerifyOptions& options);

}  // namespace attest
