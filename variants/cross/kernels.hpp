#pragma once

#include "harness/core/variant.hpp"

namespace attest::cross {

extern const Kernel cpu_tiled;

}  // namespace attest::cross
