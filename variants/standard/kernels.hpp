#pragma once

#include "harness/core/variant.hpp"

namespace attest::standard {

extern const Kernel cpu_naive;
extern const Kernel cpu_blas;
extern const Kernel cpu_materialised;
extern const Kernel cuda_naive;

}  // namespace attest::standard
