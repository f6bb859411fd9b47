#include <bit>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

namespace {

/// Where it is noted which bytes of a sector are known, and the bits of one access, which never crosses a sector.
struct Known {
  std::uint32_t* word = nullptr;
  std::uint32_t bits = 0;
  std::uint32_t start = 0;  ///< the access's first byte in its sector

  std::uint32_t missing() const { return bits & ~__atomic_load_n(word, __ATOMIC_RELAXED); }
};

Known known_of(const Instruction& instruction, const Warp& warp, std::uint64_t address, std::uint32_t bytes) {
  const AllocationView* const view = view_of(*warp.launch, instruction.pc, address, bytes);
  const std::uint64_t offset = address - view->start;
  const auto start = static_cast<std::uint32_t>(offset % sector_bytes);
  return {.word = view->initialised + offset / sector_bytes,
          .bits = ((bytes == 32 ? 0u : 1u << bytes) - 1u) << start,
          .start = start};
}

}  // namespace

void check_global_read(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes) {
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const Known known = known_of(instruction, warp, address[lane], bytes);
    const std::uint32_t missing = known.missing();
    if (missing == 0) [[likely]]
      continue;
    const std::uint64_t first = static_cast<std::uint32_t>(std::countr_zero(missing)) - known.start;
    warp.launch->report(warp, instruction, FaultKind::uninitialised_read, lane, address[lane] + first,
                        fmt::format("global memory that was never written, at {:#x}", address[lane] + first));
    return;
  }
}

void note_global_write(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes) {
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const Known known = known_of(instruction, warp, address[std::countr_zero(rest)], bytes);
    if (known.missing() != 0) __atomic_fetch_or(known.word, known.bits, __ATOMIC_RELAXED);
  }
}

}  // namespace attest::emulator
