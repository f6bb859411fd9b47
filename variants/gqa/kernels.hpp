#pragma once

#include "harness/core/variant.hpp"

namespace attest::gqa {

extern const Kernel cpu_packed;
extern const Kernel cpu_decode;

}  // namespace attest::gqa
