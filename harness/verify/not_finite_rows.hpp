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
};

/// Places whose line in some output holds NaN or infinity: all of an output's up to `limit`; where there are more, as
/// many as that, evenly spread over them. extent: the oracle's.
NotFiniteRows not_finite_rows(const RowPlace& extent, const TensorSet& outputs, std::size_t limit);

}  // namespace attest
