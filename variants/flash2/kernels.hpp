#pragma once

#include "harness/core/variant.hpp"

namespace attest::flash2 {

extern const Kernel cpu_tiled;
extern const Kernel cpu_split_kv;

}  // namespace attest::flash2
