// What every <theme>_forms.inc.hpp stands on, for the instruction set of which ATTEST_ISA is the namespace: included by
// it before anything else. Nothing in that namespace is shared with another instruction set (see arithmetic.hpp).
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "harness/backends/emulator/arithmetic.hpp"
#include "harness/backends/emulator/warp.hpp"
#if defined(__SSE2__)
#include <immintrin.h>
#else
#include <cfenv>
#endif

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_lanes.inc.hpp"
}  // namespace attest::emulator::ATTEST_ISA
