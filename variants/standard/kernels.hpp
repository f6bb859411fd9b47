#pragma once

#include "harness/core/variant.hpp"

namespace attest::standard {

extern const Kernel cpu_naive;
extern const Kernel cpu_blas;

}  // namespace attest::standard
