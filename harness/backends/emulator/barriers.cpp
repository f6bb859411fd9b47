// Barriers of a block, and what is said when nobody can go on.

#include <bit>
#include <fmt/format.h>
#include <stdexcept>

#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {
namespace {

std::uint32_t first_lane_value(const Warp& warp, Operand operand, Mask active) {
  return warp.source_as<std::uint32_t>(operand)[std::countr_zero(active)];
}

void check_uniform(const Warp& warp, Operand operand, Mask active, const char* what) {
  const auto* const values = warp.source_as<std::uint32_t>(operand);
  const std::uint32_t first = values[std::countr_zero(active)];
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    if (values[lane] != first)
      throw KernelFault{
          .kind = FaultKind::divergent_barrier,
          .lane = lane,
          .address = 0,
          .detail = fmt::format("lanes of a warp name different {}: {} and {}", what, first, values[lane])};
  }
}

}  // namespace

// The group has executed a barrier; `group.pc` is behind it already.
void BlockRunner::arrive(WarpState& warp, Group& group, const Instruction& instruction, Mask active) {
  const auto action = static_cast<BarrierAction>(instruction.immediate & 0xff);
  const bool reduces = action >= BarrierAction::red_popc;
  const std::size_t at = reduces ? 1 : 0;
  check_uniform(warp, instruction.operand[at], active, "barriers");
  const std::uint32_t number = first_lane_value(warp, instruction.operand[at], active);
  std::uint32_t expected = 0;
  if (instruction.operand[at + 1] != absent_operand) {
    check_uniform(warp, instruction.operand[at + 1], active, "counts of threads");
    expected = first_lane_value(warp, instruction.operand[at + 1], active);
    if (expected == 0 || expected % warp_lanes != 0)
      throw KernelFault{.kind = FaultKind::trap,
                        .lane = std::countr_zero(active),
                        .address = 0,
                        .detail = fmt::format("a barrier for {} threads: must be a multiple of 32, not 0", expected)};
  }
  if (number >= barriers_.size())
    throw KernelFault{.kind = FaultKind::trap,
                      .lane = std::countr_zero(active),
                      .address = 0,
                      .detail = fmt::format("barrier {}: there are 16, numbered from 0", number)};
  Barrier& barrier = barriers_[number];
  if (barrier.arrived == 0) {
    barrier.expected = expected;
    barrier.pc = instruction.pc;
  } else if (barrier.expected != expected) {
    throw KernelFault{.kind = FaultKind::divergent_barrier,
                      .lane = std::countr_zero(active),
                      .address = 0,
                      .detail = fmt::format("barrier {} for {} threads, which others entered for {} at {}", number,
                                            expected, barrier.expected, program_.source_of(barrier.pc))};
  }
  barriers_in_use_ |= 1u << number;
  // A count is one of whole warps: lanes that the last warp of a block lacks arrive with it.
  barrier.arrived += expected != 0 && active == warp.live ? static_cast<std::uint32_t>(warp_lanes)
                                                          : static_cast<std::uint32_t>(std::popcount(active));
  barrier.arrived_warps |= 1u << warp.index;
  if (reduces) {
    Mask votes = warp.predicate(instruction.operand[3]);
    if ((instruction.negated >> 3 & 1u) != 0) votes = ~votes;
    barrier.voters += static_cast<std::uint32_t>(std::popcount(active));
    barrier.in_favour += static_cast<std::uint32_t>(std::popcount(votes & active));
  }
  if (action != BarrierAction::arrive) {
    barrier.waiting_warps |= 1u << warp.index;
    Group* waiting = &group;
    if (active != group.lanes) {
      waiting = &warp.groups[static_cast<std::size_t>(warp.group_count++)];
      *waiting = {.pc = group.pc, .lanes = active, .last_turn = group.last_turn};
      group.lanes &= ~active;
      ++warp.changes;
    }
    waiting->state = GroupState::at_barrier;
    waiting->barrier = static_cast<std::uint8_t>(number);
  }
  if (is_complete(barrier)) open(static_cast<std::uint8_t>(number));
}

bool BlockRunner::is_complete(const Barrier& barrier) const {
  return barrier.expected == 0 ? barrier.arrived >= live_threads_ : barrier.arrived >= barrier.expected;
}

void BlockRunner::open(std::uint8_t index) {
  const Barrier barrier = barriers_[index];
  barriers_[index] = {};
  barriers_in_use_ &= ~(1u << index);
  std::array<Warp*, 32> arrived{};
  std::array<Warp*, 32> released{};
  std::size_t arrived_count = 0;
  std::size_t released_count = 0;
  for (std::uint32_t rest = barrier.arrived_warps; rest != 0; rest &= rest - 1)
    arrived[arrived_count++] = &warps_[static_cast<std::size_t>(std::countr_zero(rest))];
  for (std::uint32_t rest = barrier.waiting_warps; rest != 0; rest &= rest - 1)
    released[released_count++] = &warps_[static_cast<std::size_t>(std::countr_zero(rest))];
  order_at_barrier({arrived.data(), arrived_count}, {released.data(), released_count});
  if (barrier.expected == 0) ++block_.epoch;
  for (std::size_t at = 0; at < released_count; ++at) {
    auto& warp = static_cast<WarpState&>(*released[at]);
    if (barrier.expected == 0) warp.epoch = block_.epoch;
    release(warp, index, barrier);
  }
}

void BlockRunner::release(WarpState& warp, std::uint8_t index, const Barrier& barrier) {
  for (int at = 0; at < warp.group_count; ++at) {
    Group& group = warp.groups[static_cast<std::size_t>(at)];
    if (group.state != GroupState::at_barrier || group.barrier != index) continue;
    group.state = GroupState::ready;
    ++warp.changes;
    const Instruction& instruction = code_[group.pc - 1];
    switch (static_cast<BarrierAction>(instruction.immediate & 0xff)) {
      case BarrierAction::red_popc:
        for (Mask rest = group.lanes; rest != 0; rest &= rest - 1)
          warp.destination<std::uint32_t>(instruction.operand[0])[std::countr_zero(rest)] = barrier.in_favour;
        break;
      case BarrierAction::red_and:
        warp.set_predicate(instruction.operand[0], barrier.in_favour == barrier.voters ? all_lanes : 0, group.lanes);
        break;
      case BarrierAction::red_or:
        warp.set_predicate(instruction.operand[0], barrier.in_favour != 0 ? all_lanes : 0, group.lanes);
        break;
      default:
        break;
    }
  }
}

// "warp 0: lanes 0xffff0000 at bar.sync (a.cu:12); ..."
std::string BlockRunner::where_lanes_are() const {
  std::string text;
  int listed = 0;
  for (const WarpState& warp : warps_) {
    for (int at = 0; at < warp.group_count; ++at) {
      if (++listed > 8) return text + "; ...";
      const Group& group = warp.groups[static_cast<std::size_t>(at)];
      const char* const waits = group.state == GroupState::at_barrier  ? "wait at barrier "
                                : group.state == GroupState::gathering ? "wait for other lanes"
                                : group.state == GroupState::aligning  ? "wait with bar.sync for the warp's other lanes"
                                                                       : "are";
      const std::uint32_t pc = group.state == GroupState::at_barrier ? group.pc - 1 : group.pc;
      text += fmt::format("{}warp {}: lanes {:#010x} {}{} at {}", text.empty() ? "" : "; ", warp.index, group.lanes,
                          waits, group.state == GroupState::at_barrier ? std::to_string(group.barrier) : "",
                          program_.source_of(pc));
    }
  }
  return text;
}

// Every group of the warp waits for another one of it.
void BlockRunner::fail_within_warp(WarpState& warp) {
  const Group* waiting = &warp.groups[0];
  for (int at = 0; at < warp.group_count; ++at)
    if (warp.groups[static_cast<std::size_t>(at)].state == GroupState::aligning)
      waiting = &warp.groups[static_cast<std::size_t>(at)];
  const bool aligned = waiting->state == GroupState::aligning;
  fail(warp, waiting->pc,
       {.kind = aligned ? FaultKind::divergent_barrier : FaultKind::deadlock,
        .lane = std::countr_zero(waiting->lanes),
        .address = 0,
        .detail = (aligned ? "lanes of one warp wait at different instructions: "
                           : "lanes of one warp wait for each other: ") +
                  where_lanes_are()});
}

// Every warp waits. A bar.sync that some lanes of its warp do not reach is named as that.
void BlockRunner::fail_deadlock() {
  for (WarpState& warp : warps_)
    for (int at = 0; at < warp.group_count; ++at)
      if (warp.groups[static_cast<std::size_t>(at)].state == GroupState::aligning) fail_within_warp(warp);
  for (WarpState& warp : warps_) {
    if (warp.group_count == 0) continue;
    const Group& group = warp.groups[0];
    const std::uint32_t pc = group.state == GroupState::at_barrier ? group.pc - 1 : group.pc;
    fail(warp, pc,
         {.kind = FaultKind::deadlock,
          .lane = std::countr_zero(group.lanes),
          .address = 0,
          .detail = "every thread waits: " + where_lanes_are()});
  }
  throw std::logic_error("a block that is over waits");
}

}  // namespace attest::emulator
