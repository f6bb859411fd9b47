#include <cstddef>

#include "harness/backends/emulator/counters.hpp"
#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/form.hpp"

namespace attest::emulator {

std::string_view name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::out_of_bounds:
      return "out of bounds";
    case FaultKind::misaligned:
      return "misaligned address";
    case FaultKind::use_after_free:
      return "use after free";
    case FaultKind::divergent_barrier:
      return "divergent barrier";
    case FaultKind::deadlock:
      return "deadlock";
    case FaultKind::inactive_lane_read:
      return "read of an inactive lane";
    case FaultKind::instruction_budget:
      return "instruction budget";
    case FaultKind::deadline:
      return "deadline";
    case FaultKind::trap:
      return "trap";
    case FaultKind::assertion:
      return "assertion";
    case FaultKind::invalid_address_space:
      return "invalid address space";
    case FaultKind::uninitialised_read:
      return "uninitialised read";
    case FaultKind::race:
      return "race";
    case FaultKind::shared_write_conflict:
      return "conflicting writes of one instruction";
  }
  return "fault";
}

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
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
