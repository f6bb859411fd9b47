#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_handlers.hpp"

namespace attest::emulator {

WarpMemory::Pending& add_pending(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                                 std::uint32_t bytes) {
  WarpMemory& memory = *warp.memory;
  if (memory.pending_count == memory.pending.size()) memory.pending.push_back(std::make_unique<WarpMemory::Pending>());
  WarpMemory::Pending& copy = *memory.pending[memory.pending_count++];
  copy.lanes = active;
  copy.group = memory.group[static_cast<std::size_t>(std::countr_zero(active))];
  copy.pc = instruction.pc;
  copy.bytes = bytes;
  std::memcpy(copy.destination.data(), offset, sizeof copy.destination);
  return copy;
}

void share_out_groups(Warp& warp, WarpMemory::Pending& copy) {
  WarpMemory& memory = *warp.memory;
  if (memory.groups_agree) return;
  WarpMemory::Pending* rest = &copy;
  while (true) {
    Mask same = 0;
    for (int lane = 0; lane < warp_lanes; ++lane)
      same |= memory.group[static_cast<std::size_t>(lane)] == rest->group ? 1u << lane : 0u;
    const Mask others = rest->lanes & ~same;
    if (others == 0) return;
    rest->lanes &= same;
    if (memory.pending_count == memory.pending.size())
      memory.pending.push_back(std::make_unique<WarpMemory::Pending>());
    WarpMemory::Pending& next = *memory.pending[memory.pending_count++];
    next = *rest;
    next.lanes = others;
    next.group = memory.group[static_cast<std::size_t>(std::countr_zero(others))];
    rest = &next;
  }
}

std::uint32_t copy_parts(const Instruction& instruction, Warp& warp, Mask lanes, const std::uint64_t* address,
                         const std::uint32_t* source_bytes, std::uint32_t bytes, std::byte* data) {
  std::uint32_t total = 0;
  for (Mask rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::uint32_t count = source_bytes[lane];
    if (count > bytes)
      throw KernelFault{.kind = FaultKind::out_of_bounds,
                        .lane = lane,
                        .address = address[lane],
                        .detail = fmt::format("cp.async of {} bytes is to read {} bytes", bytes, count)};
    AllocationView* const view =
        address[lane] % bytes == 0 ? view_of(*warp.launch, instruction.pc, address[lane], count) : nullptr;
    if (view == nullptr)
      throw_global_fault(*warp.launch, lane, address[lane], address[lane] % bytes == 0 ? count : bytes);
    const std::uint64_t offset = address[lane] - view->start;
    std::memcpy(data + static_cast<std::uint32_t>(lane) * bytes, view->data + offset, count);
    if (view->read != nullptr) mark_bytes(view->read, offset, count);
    if (warp.launch->sanitize) check_global_read(instruction, warp, rest & -rest, address, count);
    total += count;
  }
  return total;
}

namespace {

template <std::size_t Size>
void write_lanes(const WarpMemory::Pending& copy, Mask lanes, std::byte* shared) {
  if (lanes == all_lanes) {
    for (std::size_t lane = 0; lane < warp_lanes; ++lane)
      std::memcpy(shared + copy.destination[lane], copy.data.data() + lane * Size, Size);
    return;
  }
  for (Mask rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
    std::memcpy(shared + copy.destination[lane], copy.data.data() + lane * Size, Size);
  }
}

void write_copy(const WarpMemory::Pending& copy, Mask lanes, std::byte* shared) {
  if (copy.bytes == 16)
    write_lanes<16>(copy, lanes, shared);
  else if (copy.bytes == 8)
    write_lanes<8>(copy, lanes, shared);
  else
    write_lanes<4>(copy, lanes, shared);
}

}  // namespace

void land_copies(const Instruction& instruction, Warp& warp, Mask active, std::uint32_t newest, bool everything) {
  WarpMemory& memory = *warp.memory;
  std::size_t kept = 0;
  for (std::size_t index = 0; index < memory.pending_count; ++index) {
    WarpMemory::Pending& copy = *memory.pending[index];
    Mask ready = copy.lanes & active;
    if (!everything && memory.groups_agree) {
      if (memory.group[0] - copy.group <= newest) ready = 0;
    } else if (!everything) {
      for (int lane = 0; lane < warp_lanes; ++lane)
        if (memory.group[static_cast<std::size_t>(lane)] - copy.group <= newest) ready &= ~(1u << lane);
    }
    if (ready != 0) {
      if (warp.launch->sanitize) land_pending(instruction, warp, ready, copy.destination.data(), copy.bytes, copy.pc);
      write_copy(copy, ready, warp.block->shared);
      copy.lanes &= ~ready;
    }
    if (copy.lanes != 0) std::swap(memory.pending[kept++], memory.pending[index]);
  }
  memory.pending_count = kept;
}

void commit_copies(const Instruction&, Warp& warp, Mask active) {
  for (int lane = 0; lane < warp_lanes; ++lane)
    warp.memory->group[static_cast<std::size_t>(lane)] += active >> lane & 1u;
  if (active != all_lanes) {
    const auto& group = warp.memory->group;
    warp.memory->groups_agree = std::all_of(group.begin(), group.end(), [&](auto each) { return each == group[0]; });
  }
}

void wait_copies(const Instruction& instruction, Warp& warp, Mask active) {
  land_copies(instruction, warp, active, static_cast<std::uint32_t>(instruction.immediate), false);
}

void wait_all_copies(const Instruction& instruction, Warp& warp, Mask active) {
  land_copies(instruction, warp, active, 0, true);
}

}  // namespace attest::emulator
