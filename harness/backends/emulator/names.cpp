#include <cstddef>

#include "harness/backends/emulator/counters.hpp"
#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/form.hpp"

// A `case` that gives a name: a switch of them, so that the compiler says which enumerator has none.
#define ATTEST_NAMED(value, text) \
  case value:                     \
    return text

namespace attest::emulator {

std::string_view name_of(FaultKind kind) {
  switch (kind) {
    ATTEST_NAMED(FaultKind::out_of_bounds, "out of bounds");
    ATTEST_NAMED(FaultKind::misaligned, "misaligned address");
    ATTEST_NAMED(FaultKind::use_after_free, "use after free");
    ATTEST_NAMED(FaultKind::divergent_barrier, "divergent barrier");
    ATTEST_NAMED(FaultKind::deadlock, "deadlock");
    ATTEST_NAMED(FaultKind::inactive_lane_read, "read of an inactive lane");
    ATTEST_NAMED(FaultKind::instruction_budget, "instruction budget");
    ATTEST_NAMED(FaultKind::deadline, "deadline");
    ATTEST_NAMED(FaultKind::trap, "trap");
    ATTEST_NAMED(FaultKind::assertion, "assertion");
    ATTEST_NAMED(FaultKind::invalid_address_space, "invalid address space");
    ATTEST_NAMED(FaultKind::uninitialised_read, "uninitialised read");
    ATTEST_NAMED(FaultKind::race, "race");
    ATTEST_NAMED(FaultKind::shared_write_conflict, "conflicting writes of one instruction");
  }
  return "fault";
}

std::string_view name_of(Isa isa) {
  switch (isa) {
    ATTEST_NAMED(Isa::portable, "portable");
    ATTEST_NAMED(Isa::avx2, "avx2");
    ATTEST_NAMED(Isa::avx512, "avx512");
  }
  return "portable";
}

Counters& Counters::operator+=(const Counters& other) {
  auto* const sums = reinterpret_cast<std::uint64_t*>(this);
  const auto* const terms = reinterpret_cast<const std::uint64_t*>(&other);
  for (std::size_t index = 0; index < sizeof(Counters) / sizeof(std::uint64_t); ++index)
    sums[index] += terms[index];
  return *this;
}

}  // namespace attest::emulator
