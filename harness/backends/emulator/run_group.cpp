// The loop that executes instructions, for the lanes of one group.

#include <bit>
#include <cstddef>
#include <cstring>

#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {
namespace {

/// Guard, its sign and the flow as one number: zero for an instruction that just runs.
std::uint32_t steering(const Instruction& instruction) {
  static_assert(offsetof(Instruction, flow) == offsetof(Instruction, guard) + 3);
  static_assert(offsetof(Instruction, guard_negated) == offsetof(Instruction, guard) + 2);
  std::uint32_t bits = 0;
  std::memcpy(&bits, &instruction.guard, sizeof bits);
  return bits;
}

}  // namespace

template <bool diverged>
BlockRunner::Next BlockRunner::run_group(WarpState& warp, Group& group, std::uint32_t limit_pc) {
  const Instruction* const code = code_;
  const Instruction* const limit = code + limit_pc;
  const Mask lanes = group.lanes;
  const std::int64_t lane_count = std::popcount(lanes);
  const Instruction* instruction = code + group.pc;
  const Instruction* start = instruction;
  warp.run_start = group.pc;

  // Counts the stretch from `start` to before `end`.
  const auto count_until = [&](const Instruction* end) {
    PcCount& first = counts_[static_cast<std::size_t>(start - code)];
    PcCount& last = counts_[static_cast<std::size_t>(end - code)];
    first.warps += 1;
    first.lanes += lane_count;
    last.warps -= 1;
    last.lanes -= lane_count;
    warp.executed += static_cast<std::uint64_t>(end - start);
  };
  const auto stop_at = [&](const Instruction* next) {
    count_until(next);
    group.pc = static_cast<std::uint32_t>(next - code);
  };

  try {
    for (;;) {
      if constexpr (diverged) {
        if (instruction == limit) {
          stop_at(instruction);
          return Next::select;
        }
      }
      if (steering(*instruction) == 0) [[likely]] {
        instruction->run(*instruction, warp, lanes);
        ++instruction;
        continue;
      }
      Mask active = lanes;
      if (instruction->guard != predicate_true) {
        const Mask guard = warp.predicates[instruction->guard];
        active &= instruction->guard_negated ? ~guard : guard;
      }
      if constexpr (diverged) {
        if (static_cast<Flow>(instruction->flow) == Flow::gather && active != 0 &&
            !gather_is_ready(warp, *instruction, lanes, active)) {
          stop_at(instruction);
          group.state = GroupState::gathering;
          group.changes = warp.changes;
          return Next::select;
        }
      }
      if (active != lanes)
        counts_[static_cast<std::size_t>(instruction - code)].masked += std::popcount(lanes & ~active);

      switch (static_cast<Flow>(instruction->flow)) {
        case Flow::none:
        case Flow::call:
        case Flow::gather:
          if (active != 0) instruction->run(*instruction, warp, active);
          ++instruction;
          continue;

        case Flow::branch: {
          if (active == 0) {
            ++instruction;
            continue;
          }
          const Instruction& branch = *instruction;
          const bool by_table = branch.negated != 0;
          if (active != lanes || by_table) {
            stop_at(instruction + 1);
            return by_table ? part_by_table(warp, group, branch, active) : part(warp, group, branch, active);
          }
          count_until(instruction + 1);
          instruction = start = code + branch.target;
          group.pc = branch.target;
          if (warp.executed >= slice_end_) return Next::yield;
          if constexpr (diverged) {
            if (instruction > limit || warp.favoured_lane >= 0 || warp.executed >= warp.turn_end) return Next::select;
          }
          warp.run_start = branch.target;
          continue;
        }

        case Flow::exit:
        case Flow::ret:
          if (active == 0) {
            ++instruction;
            continue;
          }
          count_until(instruction + 1);
          exit_lanes(warp, group, static_cast<std::uint32_t>(instruction + 1 - code), active);
          return Next::select;

        case Flow::barrier:
          if (active == 0) {
            ++instruction;
            continue;
          }
          if ((instruction->immediate & aligned_barrier) != 0 && active != warp.live) {
            if (active == lanes) {  // the others may still come
              stop_at(instruction);
              group.state = GroupState::aligning;
              group.changes = warp.changes;
              return Next::select;
            }
            throw KernelFault{.kind = FaultKind::divergent_barrier,
                              .lane = std::countr_zero(active),
                              .address = 0,
                              .detail = "its guard is true for some lanes of the warp only"};
          }
          stop_at(instruction + 1);
          arrive(warp, group, *instruction, active);
          return Next::select;

        case Flow::trap:
          if (active == 0) {
            ++instruction;
            continue;
          }
          throw KernelFault{
              .kind = FaultKind::trap, .lane = std::countr_zero(active), .address = 0, .detail = "the kernel trapped"};
      }
    }
  } catch (const KernelFault& fault) {
    fail(warp, static_cast<std::uint32_t>(instruction - code), fault);
  }
}

template BlockRunner::Next BlockRunner::run_group<false>(WarpState&, Group&, std::uint32_t);
template BlockRunner::Next BlockRunner::run_group<true>(WarpState&, Group&, std::uint32_t);

void BlockRunner::run_warp(WarpState& warp) {
  const std::uint64_t before = warp.executed;
  slice_end_ = before + limits_.slice();
  while (warp.group_count > 0) {
    std::uint32_t limit = 0;
    Group* const group = select(warp, limit);
    if (group == nullptr) break;
    const Next next =
        warp.group_count == 1 ? run_group<false>(warp, *group, limit) : run_group<true>(warp, *group, limit);
    if (next == Next::yield || warp.executed >= slice_end_) break;
  }
  try {
    limits_.spend(warp.executed - before);
  } catch (KernelFault& fault) {
    if (const std::string lanes = where_lanes_are(); !lanes.empty()) fault.detail += "; " + lanes;
    fail(warp, warp.group_count > 0 ? warp.groups[0].pc : warp.run_start, fault);
  }
}

}  // namespace attest::emulator
