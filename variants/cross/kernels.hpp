#pragma once

#include "harness/core/variant.hpp"

namespace attest::cross {

extern const Kernel cpu_tiled;
extern const Kernel cuda_mma;

}  // namespace attest::cross
