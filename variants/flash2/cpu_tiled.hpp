#pragma once

#include "harness/core/variant.hpp"

namespace attest::flash2 {

/// flash2/cpu_tiled: tiles of keys pass by blocks of query rows.
extern const Kernel cpu_tiled;

}  // namespace attest::flash2
