#pragma once

#include "harness/core/variant.hpp"

namespace attest::sliding_window {

extern const Kernel cpu_banded;
extern const Kernel cuda_banded;

}  // namespace attest::sliding_window
