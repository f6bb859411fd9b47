#pragma once

#include "harness/core/variant.hpp"

namespace attest::gqa {

extern const Kernel cpu_packed;
extern const Kernel cpu_decode;
extern const Kernel cuda_packed;
extern const Kernel cuda_decode;

}  // namespace attest::gqa
