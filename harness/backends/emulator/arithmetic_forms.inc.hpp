// Moves, integer and floating-point arithmetic, compiled for one instruction set: arithmetic_<isa>.cpp includes this
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
#include "harness/backends/emulator/arithmetic_move.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_integer_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_integer.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_bits.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_float_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_floating.inc.hpp"
}  // namespace ATTEST_ISA

#define ATTEST_JOIN(name, isa) name##isa
#define ATTEST_NAMED(name, isa) ATTEST_JOIN(name, isa)
void ATTEST_NAMED(add_arithmetic_forms_, ATTEST_ISA)(FormSink& sink) {
  ATTEST_ISA::add_move(sink);
  ATTEST_ISA::add_integer(sink);
  ATTEST_ISA::add_bits(sink);
  ATTEST_ISA::add_floating(sink);
}

}  // namespace attest::emulator
