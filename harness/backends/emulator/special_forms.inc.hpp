// Approximate functions and arithmetic in 16 bits, compiled for one instruction set: special_<isa>.cpp includes this
// with ATTEST_ISA defined as its namespace. Nothing here is shared with another instruction set (see arithmetic.hpp).
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

namespace attest::emulator {
namespace ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_lanes.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_float_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_special.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_half.inc.hpp"
}  // namespace ATTEST_ISA

#define ATTEST_JOIN(name, isa) name##isa
#define ATTEST_NAMED(name, isa) ATTEST_JOIN(name, isa)
void ATTEST_NAMED(add_special_forms_, ATTEST_ISA)(FormSink& sink) {
  ATTEST_ISA::add_special(sink);
  ATTEST_ISA::add_halves(sink);
}

}  // namespace attest::emulator
