#include "harness/backends/emulator/shared_shadow.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

void SharedShadow::begin_block(std::uint32_t shared_bytes, std::uint32_t warps_of_block) {
  std::uint32_t newest = base;
  for (std::uint32_t warp = 0; warp < warps; ++warp)
    newest = std::max(newest, clock[warp][warp]);
  base = newest + 1;
  warps = std::min(warps_of_block, most_warps);
  for (std::uint32_t warp = 0; warp < warps; ++warp)
    for (std::uint32_t other = 0; other < warps; ++other)
      clock[warp][other] = warp == other ? base : base - 1;
  const std::size_t count = (std::size_t{shared_bytes} + 3) / 4;
  if (words.size() < count || word_reads.size() < count * warps) {
    words.resize(count);
    bytes.resize(count * 4);
    split.resize(count);
    word_reads.resize(count * warps);
    byte_reads.resize(count * 4 * warps);
  }
  initialised.assign((std::size_t{shared_bytes} + 31) / 32, 0u);
}

void SharedShadow::split_word(std::uint32_t word) {
  if (split[word] != 0) return;
  split[word] = 1;
  for (std::size_t byte = 0; byte < 4; ++byte) {
    bytes[std::size_t{word} * 4 + byte] = words[word];
    std::copy_n(word_reads.begin() + static_cast<std::ptrdiff_t>(std::size_t{word} * warps), warps,
                byte_reads.begin() + static_cast<std::ptrdiff_t>((std::size_t{word} * 4 + byte) * warps));
  }
}

void order_at_barrier(std::span<Warp* const> arrived, std::span<Warp* const> released) {
  if (arrived.empty() || arrived.front()->block->shadow == nullptr) return;
  SharedShadow& shadow = *arrived.front()->block->shadow;
  std::array<std::uint32_t, SharedShadow::most_warps> joined{};
  for (const Warp* warp : arrived)
    for (std::uint32_t other = 0; other < shadow.warps; ++other)
      joined[other] = std::max(joined[other], shadow.clock[warp->index][other]);
  for (const Warp* warp : released)
    for (std::uint32_t other = 0; other < shadow.warps; ++other)
      shadow.clock[warp->index][other] = std::max(shadow.clock[warp->index][other], joined[other]);
  for (const Warp* warp : arrived)
    ++shadow.clock[warp->index][warp->index];
}

void order_within_warp(Warp& warp) {
  if (SharedShadow* const shadow = warp.block->shadow) ++shadow->clock[warp.index][warp.index];
}

namespace {

/// One access under check: who makes it.
struct Accessor {
  const Instruction& instruction;
  Warp& warp;
  SharedShadow& shadow;
  Mask active;
  Access access;
  std::uint32_t own;  ///< the warp's clock
  const std::uint32_t* clock;

  Accessor(const Instruction& by, Warp& of, Mask lanes, Access how)
      : instruction(by),
        warp(of),
        shadow(*of.block->shadow),
        active(lanes),
        access(how),
        own(shadow.clock[of.index][of.index]),
        clock(shadow.clock[of.index]) {}

  bool reported(FaultKind kind) const {
    return std::any_of(warp.launch->findings.begin(), warp.launch->findings.end(),
                       [&](const RawFinding& finding) { return finding.kind == kind && finding.pc == instruction.pc; });
  }

  /// Whether the last write is ordered before what `lane` does now.
  bool ordered_after(const SharedShadow::Entry& entry, int lane) const {
    if (entry.clock < shadow.base) return true;
    if (entry.pending) return false;
    if (entry.strong && access == Access::strong) return true;
    if (entry.warp != warp.index) return entry.clock <= clock[entry.warp];
    return entry.clock < own || entry.lane == lane || (entry.lanes >> lane & 1u) != 0;
  }

  void report_race(const SharedShadow::Entry& entry, int lane, std::uint32_t offset, const char* what) const {
    if (reported(FaultKind::race)) return;
    const std::uint32_t thread = entry.warp * warp_lanes + entry.lane;
    warp.launch->report(
        warp, instruction, FaultKind::race, lane, shared_window + offset,
        entry.pending ? fmt::format("shared byte {:#x}: {} while a cp.async of thread {} has not been waited for",
                                    offset, what, thread)
                      : fmt::format("shared byte {:#x}: {} and the write of thread {} are not ordered by a barrier",
                                    offset, what, thread),
        entry.pc);
  }

  /// Other warps' reads that nothing orders before a write of now.
  void check_readers(const std::uint32_t* reads, int lane, std::uint32_t offset) const {
    for (std::uint32_t other = 0; other < shadow.warps; ++other)
      if (reads[other] > clock[other] && other != warp.index) {
        if (!reported(FaultKind::race))
          warp.launch->report(warp, instruction, FaultKind::race, lane, shared_window + offset,
                              fmt::format("shared byte {:#x}: write and a read of warp {} are not ordered by a barrier",
                                          offset, other));
        return;
      }
  }
};

/// Calls visit(entry, reads, offset, bytes) for what stands for `count` bytes from `offset`. `whole` lets a word that
/// is accessed whole stand for itself again.
template <class Visit>
void visit_entries(SharedShadow& shadow, std::uint32_t offset, std::uint32_t count, bool whole, Visit visit) {
  const std::uint32_t warps = shadow.warps;
  const auto visit_byte = [&](std::uint32_t byte) {
    visit(shadow.bytes[byte], shadow.byte_reads.data() + std::size_t{byte} * warps, byte, 1u);
  };
  if (count < 4) {
    shadow.split_word(offset / 4);
    for (std::uint32_t byte = offset; byte < offset + count; ++byte)
      visit_byte(byte);
    return;
  }
  for (std::uint32_t word = offset / 4; word < (offset + count) / 4; ++word) {
    if (shadow.split[word] != 0) {
      for (std::uint32_t byte = word * 4; byte < word * 4 + 4; ++byte)
        visit_byte(byte);
      if (!whole) continue;
      // What comes is ordered after this write, or was reported: older reads need not be known any more.
      shadow.split[word] = 0;
      shadow.words[word] = shadow.bytes[std::size_t{word} * 4];
      continue;
    }
    visit(shadow.words[word], shadow.word_reads.data() + std::size_t{word} * warps, word * 4, 4u);
  }
}

template <class Visit>
void for_each_lane(Mask active, Visit visit) {
  for (Mask rest = active; rest != 0; rest &= rest - 1)
    visit(std::countr_zero(rest));
}

}  // namespace

void check_shared_read(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                       std::uint32_t bytes, Access access) {
  const Accessor accessor(instruction, warp, active, access);
  SharedShadow& shadow = accessor.shadow;
  for_each_lane(active, [&](int lane) {
    if (const std::uint64_t first = first_unmarked(shadow.initialised.data(), offset[lane], bytes); first < bytes)
      warp.launch->report(warp, instruction, FaultKind::uninitialised_read, lane, shared_window + offset[lane] + first,
                          fmt::format("shared memory that the block never wrote, at byte {}", offset[lane] + first));
    visit_entries(shadow, offset[lane], bytes, false,
                  [&](const SharedShadow::Entry& entry, std::uint32_t* reads, std::uint32_t at, std::uint32_t) {
                    if (!accessor.ordered_after(entry, lane)) [[unlikely]]
                      accessor.report_race(entry, lane, at, "read");
                    if (access == Access::plain) reads[warp.index] = accessor.own;
                  });
  });
}

void check_shared_write(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                        std::uint32_t bytes, Access access, const std::byte* data) {
  const Accessor accessor(instruction, warp, active, access);
  SharedShadow& shadow = accessor.shadow;
  const std::uint32_t stamp = ++shadow.stamp;
  for_each_lane(active, [&](int lane) {
    mark_bytes(shadow.initialised.data(), offset[lane], bytes);
    visit_entries(shadow, offset[lane], bytes, true,
                  [&](SharedShadow::Entry& entry, const std::uint32_t* reads, std::uint32_t at, std::uint32_t count) {
                    if (entry.stamp == stamp && entry.clock >= shadow.base) {
                      const auto bytes_of = [&](std::size_t of) { return data + of * bytes + (at - offset[of]); };
                      if (data != nullptr &&
                          std::memcmp(bytes_of(entry.lane), bytes_of(static_cast<std::size_t>(lane)), count) != 0)
                        warp.launch->report(warp, instruction, FaultKind::shared_write_conflict, lane,
                                            shared_window + at,
                                            fmt::format("shared byte {:#x}: threads {} and {} write different values",
                                                        at, warp.index * warp_lanes + entry.lane,
                                                        warp.index * warp_lanes + static_cast<std::uint32_t>(lane)));
                    } else {
                      if (!accessor.ordered_after(entry, lane)) [[unlikely]]
                        accessor.report_race(entry, lane, at, "write");
                      accessor.check_readers(reads, lane, at);
                    }
                    entry = {.clock = accessor.own,
                             .pc = instruction.pc,
                             .lanes = active,
                             .stamp = stamp,
                             .warp = static_cast<std::uint8_t>(warp.index),
                             .lane = static_cast<std::uint8_t>(lane),
                             .strong = access == Access::strong,
                             .pending = false};
                  });
  });
}

void note_pending(const Instruction& instruction, Warp& warp, Mask active, const std::uint32_t* offset,
                  std::uint32_t bytes) {
  check_shared_write(instruction, warp, active, offset, bytes, Access::plain, nullptr);
  SharedShadow& shadow = *warp.block->shadow;
  for_each_lane(active, [&](int lane) {
    for (std::uint32_t word = offset[lane] / 4; word < (offset[lane] + bytes) / 4; ++word)
      shadow.words[word].pending = true;
  });
}

void land_pending(const Instruction&, Warp& warp, Mask active, const std::uint32_t* offset, std::uint32_t bytes,
                  std::uint32_t pc) {
  SharedShadow& shadow = *warp.block->shadow;
  const std::uint32_t stamp = ++shadow.stamp;
  for_each_lane(active, [&](int lane) {
    for (std::uint32_t word = offset[lane] / 4; word < (offset[lane] + bytes) / 4; ++word) {
      shadow.split[word] = 0;
      shadow.words[word] = {.clock = shadow.clock[warp.index][warp.index],
                            .pc = pc,
                            .lanes = active,
                            .stamp = stamp,
                            .warp = static_cast<std::uint8_t>(warp.index),
                            .lane = static_cast<std::uint8_t>(lane),
                            .strong = false,
                            .pending = false};
    }
  });
}

}  // namespace attest::emulator
