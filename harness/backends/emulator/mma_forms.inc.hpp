// Matrix multiplication by a warp, compiled for one instruction set: mma_<isa>.cpp includes this with ATTEST_ISA
// defined as its namespace. Nothing here is shared with another instruction set (see arithmetic.hpp).
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "harness/backends/emulator/arithmetic.hpp"
#include "harness/backends/emulator/warp.hpp"
// GCC 12 takes the operand that its own AVX-512 intrinsics leave undefined for a mistake (its bug 105593).
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
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
#include "harness/backends/emulator/arithmetic_mma_tiles.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_mma.inc.hpp"
}  // namespace ATTEST_ISA

#define ATTEST_JOIN(name, isa) name##isa
#define ATTEST_NAMED(name, isa) ATTEST_JOIN(name, isa)
void ATTEST_NAMED(add_mma_forms_, ATTEST_ISA)(FormSink& sink) {
  ATTEST_ISA::add_mma(sink);
}

}  // namespace attest::emulator
