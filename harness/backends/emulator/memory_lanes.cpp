#include <bit>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_handlers.hpp"

namespace attest::emulator {

GenericLanes classify(const std::uint64_t* address, Mask active) {
  GenericLanes lanes;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const Mask bit = rest & -rest;
    const auto within = [&](std::uint64_t window) { return address[lane] - window < window_bytes; };
    if (within(shared_window))
      lanes.shared |= bit;
    else if (within(local_window))
      lanes.local |= bit;
    else if (within(param_window))
      lanes.parameter |= bit;
    else
      lanes.global |= bit;
  }
  return lanes;
}

void resolve_lanes(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                   std::uint32_t bytes, bool write, std::byte** pointer) {
  std::byte* some = nullptr;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    AllocationView* const view =
        address[lane] % bytes == 0 ? view_of(*warp.launch, instruction.pc, address[lane], bytes) : nullptr;
    if (view == nullptr) throw_global_fault(*warp.launch, lane, address[lane], bytes);
    const std::uint64_t offset = address[lane] - view->start;
    pointer[lane] = some = view->data + offset;
    if (std::uint32_t* const footprint = write ? view->written : view->read; footprint != nullptr)
      mark_bytes(footprint, offset, bytes);
  }
  // A load reads every lane's pointer and keeps those of the active ones.
  for (int lane = 0; lane < warp_lanes; ++lane)
    if ((active >> lane & 1u) == 0) pointer[lane] = some;
}

void throw_shared_fault(const Warp& warp, Mask active, const std::uint32_t* offset, std::uint32_t bytes) {
  const std::uint32_t size = warp.block->shared_bytes;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    if (offset[lane] % bytes != 0 || std::uint64_t{offset[lane]} + bytes > size)
      throw_window_fault("shared", size, lane, offset[lane], bytes);
  }
  throw_window_fault("shared", size, std::countr_zero(active), offset[std::countr_zero(active)], bytes);
}

void throw_shared_address(const Warp& warp, Mask active, const std::uint64_t* address, std::uint32_t bytes) {
  int lane = std::countr_zero(active);
  for (Mask rest = active; rest != 0; rest &= rest - 1)
    if (address[std::countr_zero(rest)] >> 32 != 0) {
      lane = std::countr_zero(rest);
      break;
    }
  throw_window_fault("shared", warp.block->shared_bytes, lane, address[lane], bytes);
}

namespace {

/// Lane's element in its register.
void set_element(Warp& warp, Operand operand, int lane, unsigned element, const std::byte* from) {
  if (element == 8) {
    std::memcpy(warp.destination<std::uint64_t>(operand) + lane, from, 8);
    return;
  }
  std::uint32_t value = 0;
  std::memcpy(&value, from, element);
  warp.destination<std::uint32_t>(operand)[lane] = value;
}

std::byte* local_pointer(const Warp& warp, int lane, std::uint64_t address, std::uint32_t bytes) {
  WarpMemory& memory = *warp.memory;
  if (bytes > memory.local_bytes || address > memory.local_bytes - bytes || address % bytes != 0)
    throw_window_fault("local", memory.local_bytes, lane, address, bytes);
  return memory.local.data() + static_cast<std::size_t>(lane) * memory.local_bytes + address;
}

const std::byte* quiet_pointer(QuietSpace space, const Instruction& instruction, Warp& warp, int lane,
                               std::uint64_t address, std::uint32_t bytes) {
  switch (space) {
    case QuietSpace::local: {
      const std::byte* const pointer = local_pointer(warp, lane, address, bytes);
      if (!warp.launch->sanitize) return pointer;
      const std::uint32_t* const words =
          warp.memory->local_initialised.data() + static_cast<std::size_t>(lane) * warp.memory->local_words();
      if (const std::uint64_t first = first_unmarked(words, address, bytes); first < bytes)
        warp.launch->report(warp, instruction, FaultKind::uninitialised_read, lane, local_window + address + first,
                            fmt::format("local memory that the thread never wrote, at byte {}", address + first));
      return pointer;
    }
    case QuietSpace::parameter:
      if (bytes > warp.block->parameter_bytes || address > warp.block->parameter_bytes - bytes || address % bytes != 0)
        throw_window_fault("parameter", warp.block->parameter_bytes, lane, address, bytes);
      return warp.block->parameters + address;
    case QuietSpace::constant:
      break;
  }
  const AllocationView* const view =
      address % bytes == 0 ? view_of(*warp.launch, instruction.pc, address, bytes) : nullptr;
  if (view == nullptr) throw_global_fault(*warp.launch, lane, address, bytes);
  return view->data + (address - view->start);
}

/// Every lane's address, of which the register is operand `at`.
void lane_addresses(const Instruction& instruction, const Warp& warp, unsigned at, std::uint64_t* address) {
  const bool word = (instruction.negated >> at & 1u) != 0;
  const auto* const narrow = warp.source_as<std::uint32_t>(instruction.operand[at]);
  const auto* const wide = warp.source_as<std::uint64_t>(instruction.operand[at]);
  for (int lane = 0; lane < warp_lanes; ++lane)
    address[lane] = (word ? narrow[lane] : wide[lane]) + static_cast<std::uint64_t>(instruction.immediate);
}

template <QuietSpace Space, unsigned Element, unsigned Vector>
void quiet_load(const Instruction& instruction, Warp& warp, Mask active) {
  std::uint64_t address[warp_lanes];
  lane_addresses(instruction, warp, Vector, address);
  load_quiet(Space, instruction, warp, active, address, Element, Vector);
}

template <unsigned Element, unsigned Vector>
void local_store(const Instruction& instruction, Warp& warp, Mask active) {
  std::uint64_t address[warp_lanes];
  lane_addresses(instruction, warp, 0, address);
  store_local(instruction, warp, active, address, Element, Vector);
}

/// pick(element, vector) with both as constants, or null where PTX has no such access.
template <template <unsigned, unsigned> class Pick>
Handler pick_handler(unsigned element, unsigned vector) {
  switch (element * 16 + vector) {
    case 0x11:
      return Pick<1, 1>::run;
    case 0x12:
      return Pick<1, 2>::run;
    case 0x14:
      return Pick<1, 4>::run;
    case 0x21:
      return Pick<2, 1>::run;
    case 0x22:
      return Pick<2, 2>::run;
    case 0x24:
      return Pick<2, 4>::run;
    case 0x41:
      return Pick<4, 1>::run;
    case 0x42:
      return Pick<4, 2>::run;
    case 0x44:
      return Pick<4, 4>::run;
    case 0x81:
      return Pick<8, 1>::run;
    case 0x82:
      return Pick<8, 2>::run;
    default:
      return nullptr;
  }
}
template <unsigned Element, unsigned Vector>
struct PickLocal {
  static constexpr Handler run = quiet_load<QuietSpace::local, Element, Vector>;
};
template <unsigned Element, unsigned Vector>
struct PickParameter {
  static constexpr Handler run = quiet_load<QuietSpace::parameter, Element, Vector>;
};
template <unsigned Element, unsigned Vector>
struct PickConstant {
  static constexpr Handler run = quiet_load<QuietSpace::constant, Element, Vector>;
};
template <unsigned Element, unsigned Vector>
struct PickStore {
  static constexpr Handler run = local_store<Element, Vector>;
};

}  // namespace

void load_quiet(QuietSpace space, const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                unsigned element, unsigned vector) {
  const unsigned bytes = element * vector;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::byte* const from = quiet_pointer(space, instruction, warp, lane, address[lane], bytes);
    for (unsigned index = 0; index < vector; ++index)
      set_element(warp, instruction.operand[index], lane, element, from + index * element);
  }
  if (space == QuietSpace::local && warp.launch->count)
    warp.launch->counters.local_bytes += static_cast<std::uint64_t>(std::popcount(active)) * bytes;
}

void store_local(const Instruction& instruction, Warp& warp, Mask active, const std::uint64_t* address,
                 unsigned element, unsigned vector) {
  const unsigned bytes = element * vector;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    std::byte* const to = local_pointer(warp, lane, address[lane], bytes);
    for (unsigned index = 0; index < vector; ++index) {
      const Operand operand = instruction.operand[1 + index];
      const void* const from = element == 8 ? static_cast<const void*>(warp.source_as<std::uint64_t>(operand) + lane)
                                            : static_cast<const void*>(warp.source_as<std::uint32_t>(operand) + lane);
      std::memcpy(to + index * element, from, element);
    }
    if (warp.launch->sanitize)
      mark_bytes(warp.memory->local_initialised.data() + static_cast<std::size_t>(lane) * warp.memory->local_words(),
                 address[lane], bytes);
  }
  if (warp.launch->count)
    warp.launch->counters.local_bytes += static_cast<std::uint64_t>(std::popcount(active)) * bytes;
}

Handler quiet_load_handler(QuietSpace space, unsigned element, unsigned vector) {
  switch (space) {
    case QuietSpace::local:
      return pick_handler<PickLocal>(element, vector);
    case QuietSpace::parameter:
      return pick_handler<PickParameter>(element, vector);
    case QuietSpace::constant:
      return pick_handler<PickConstant>(element, vector);
  }
  return nullptr;
}

Handler local_store_handler(unsigned element, unsigned vector) {
  return pick_handler<PickStore>(element, vector);
}

}  // namespace attest::emulator
