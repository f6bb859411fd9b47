#include <bit>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

namespace {

/// The bits of `count` bytes at `offset` of one word's sector; an access never crosses a sector.
std::uint32_t bits_of(std::uint64_t offset, std::uint32_t count) {
  return ((count == 32 ? 0u : 1u << count) - 1u) << (offset % sector_bytes);
}

}  // namespace

void check_global_read(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes) {
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const AllocationView* const view = view_of(*warp.launch, instruction.pc, address[lane], bytes);
    const std::uint64_t offset = address[lane] - view->start;
    const std::uint32_t known = __atomic_load_n(view->initialised + offset / sector_bytes, __ATOMIC_RELAXED);
    const std::uint32_t missing = bits_of(offset, bytes) & ~known;
    if (missing == 0) [[likely]]
      continue;
    const std::uint64_t first = static_cast<std::uint64_t>(std::countr_zero(missing)) - offset % sector_bytes;
    warp.launch->report(warp, instruction, FaultKind::uninitialised_read, lane, address[lane] + first,
                        "global memory that was never written");
    return;
  }
}

void note_global_write(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                       std::uint32_t bytes) {
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const AllocationView* const view = view_of(*warp.launch, instruction.pc, address[lane], bytes);
    const std::uint64_t offset = address[lane] - view->start;
    std::uint32_t* const word = view->initialised + offset / sector_bytes;
    const std::uint32_t bits = bits_of(offset, bytes);
    if ((bits & ~__atomic_load_n(word, __ATOMIC_RELAXED)) != 0) __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
  }
}

}  // namespace attest::emulator
