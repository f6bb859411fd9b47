#include <algorithm>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

namespace {

std::string plural(std::uint64_t count, const char* word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

/// Where an access lies that no living allocation holds, and what is known of its neighbours.
KernelFault outside_fault(GlobalMemory::State& state, int lane, std::uint64_t address, std::uint32_t bytes) {
  const auto fault = [&](FaultKind kind, std::string detail) {
    return KernelFault{.kind = kind, .lane = lane, .address = address, .detail = std::move(detail)};
  };
  const std::string access = fmt::format("{} at {:#x}", plural(bytes, "byte"), address);
  if (const Allocation* holder = state.find(address)) {
    if (!holder->living())
      return fault(FaultKind::use_after_free,
                   fmt::format("{}: {} into the freed {}-byte allocation at {:#x}", access,
                               plural(address - holder->start, "byte"), holder->bytes, holder->start));
    return fault(
        FaultKind::out_of_bounds,
        fmt::format("{}: ends {} past the end of the {}-byte allocation at {:#x}", access,
                    plural(address + bytes - holder->start - holder->bytes, "byte"), holder->bytes, holder->start));
  }
  const auto describe = [](const Allocation& allocation) {
    return fmt::format("the {}{}-byte allocation at {:#x}", allocation.living() ? "" : "freed ", allocation.bytes,
                       allocation.start);
  };
  const auto after = std::upper_bound(state.allocations.begin(), state.allocations.end(), address,
                                      [](std::uint64_t value, const Allocation& each) { return value < each.start; });
  const Allocation* const below = after == state.allocations.begin() ? nullptr : &*std::prev(after);
  const Allocation* const above = after == state.allocations.end() ? nullptr : &*after;
  const std::uint64_t past = below != nullptr ? address - below->start - below->bytes : 0;
  const std::uint64_t before = above != nullptr ? above->start - address : 0;
  if (address < 4096) return fault(FaultKind::out_of_bounds, fmt::format("{}: a null pointer", access));
  if (below != nullptr && (above == nullptr || past <= before))
    return fault(FaultKind::out_of_bounds,
                 fmt::format("{}: {} past the end of {}", access, plural(past, "byte"), describe(*below)));
  if (above != nullptr)
    return fault(FaultKind::out_of_bounds,
                 fmt::format("{}: {} before the start of {}", access, plural(before, "byte"), describe(*above)));
  return fault(FaultKind::out_of_bounds, fmt::format("{}: nothing is allocated", access));
}

KernelFault misaligned_fault(const char* space, int lane, std::uint64_t address, std::uint32_t bytes) {
  return {.kind = FaultKind::misaligned,
          .lane = lane,
          .address = address,
          .detail = fmt::format("{} of {} memory at {:#x}, which is no multiple of {}", plural(bytes, "byte"), space,
                                address, bytes)};
}

}  // namespace

void throw_global_fault(LaunchState& launch, int lane, std::uint64_t address, std::uint32_t bytes) {
  const Allocation* const holder = launch.global->state().find(address);
  if (holder != nullptr && holder->living() && address % bytes != 0)
    throw misaligned_fault("global", lane, address, bytes);
  throw outside_fault(launch.global->state(), lane, address, bytes);
}

void throw_window_fault(const char* space, std::uint64_t size, int lane, std::uint64_t address, std::uint32_t bytes) {
  if (bytes <= size && address <= size - bytes) throw misaligned_fault(space, lane, address, bytes);
  const auto signed_address = static_cast<std::int64_t>(address);
  const bool negative = signed_address < 0 || (address >> 31) == 1;
  const std::string place =
      negative
          ? plural(signed_address < 0 ? -address : (std::uint64_t{1} << 32) - address, "byte") + " before the start"
          : (address < size ? "ends " + plural(address + bytes - size, "byte") + " past the end"
                            : plural(address - size, "byte") + " past the end");
  throw KernelFault{.kind = FaultKind::out_of_bounds,
                    .lane = lane,
                    .address = address,
                    .detail = fmt::format("{} of {} memory at {:#x}: {} of its {} bytes", plural(bytes, "byte"), space,
                                          address, place, size)};
}

}  // namespace attest::emulator
