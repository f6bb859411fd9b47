// Matrix multiplication by a warp, compiled for one instruction set: mma_<isa>.cpp includes this.
// GCC 12 takes the operand that its own AVX-512 intrinsics leave undefined for a mistake (its bug 105593).
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_float_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_mma_tiles.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_mma.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_mma_exact.inc.hpp"

void add_mma_forms(FormSink& sink) {
  add_mma(sink);
  add_exact_mma(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
