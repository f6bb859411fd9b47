#pragma once

#include <cstddef>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/tensor.hpp"

namespace attest {

/// The places, `limit` at most, whose line in some output holds NaN or infinity. extent: the oracle's.
std::vector<RowPlace> not_finite_rows(const RowPlace& extent, const TensorSet& outputs, std::size_t limit);

}  // namespace attest
