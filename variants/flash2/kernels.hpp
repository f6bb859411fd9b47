#pragma once

#include "harness/core/variant.hpp"

namespace attest::flash2 {

extern const Kernel cpu_tiled;
extern const Kernel cpu_split_kv;
extern const Kernel cuda_mma;
extern const Kernel cuda_tiled;
extern const Kernel cuda_split_kv;

}  // namespace attest::flash2
