#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"

namespace attest {

struct NotFiniteRows {
  std::vector<RowPlace> places;
  std::int64_t found = 0;  ///< as many as `places` where there are no more than the limit
  std::int64_t seen = 0;   ///< of those that are not among `places`: rows that see NaN or infinity in their inputs
};

/// Places whose line in some output holds NaN or infinity: all of an output's up to `limit`; where there are more, as
/// many as that. Rows that see no such number in their inputs, which are wrong unless scores overflow, come before the
/// others; both are evenly spread over the output.
NotFiniteRows not_finite_rows(const Oracle& oracle, const TensorSet& outputs, std::size_t limit);

}  // namespace attest
