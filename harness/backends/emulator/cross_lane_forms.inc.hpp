// What reads other lanes, compiled for one instruction set: cross_lane_<isa>.cpp includes this.
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_integer_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_cross_lane.inc.hpp"

void add_cross_lane_forms(FormSink& sink) {
  add_cross_lane(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
