// One block: its warps' registers, the order in which they run, groups of lanes and where they meet.

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>

#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {
namespace {

/// Instructions that the lowest groups run before the one that waited longest has a turn, and the length of that turn.
/// The first is long, so that lanes in a long loop are met where they wait behind it; only those that spin feel it.
constexpr std::uint64_t lowest_instructions = 1 << 17;
constexpr std::uint64_t favoured_instructions = 1 << 11;
constexpr std::uint32_t no_pc = 0xffffffffu;

/// splitmix64 (Steele, Lea and Flood 2014): a step of a random sequence.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t value = (state += 0x9e37'79b9'7f4a'7c15u);
  value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9u;
  value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11ebu;
  return value ^ (value >> 31);
}

void fill(Warp& warp, Operand operand, std::uint32_t value) {
  std::fill_n(warp.destination<std::uint32_t>(operand), warp_lanes, value);
}

}  // namespace

std::uint64_t instructions_so_far(const Warp& warp, std::uint32_t pc) {
  const auto& state = static_cast<const WarpState&>(warp);
  return state.executed + pc - state.run_start;
}

BlockRunner::BlockRunner(const LaunchShape& shape, LaunchState& launch, LaunchLimits& limits)
    : shape_(shape), program_(*shape.program), code_(program_.code.data()), launch_(launch), limits_(limits) {
  const std::uint32_t threads = shape.block[0] * shape.block[1] * shape.block[2];
  const std::uint32_t warps = (threads + warp_lanes - 1) / warp_lanes;
  // A row of slots more than is used keeps warps' registers from falling on the same sets of the cache.
  const std::size_t slots = program_.slots + 1;
  block_.shared_bytes = shape.dynamic_shared_bytes > 0 ? program_.dynamic_shared_offset + shape.dynamic_shared_bytes
                                                       : program_.info.static_shared_bytes;
  block_.parameters = shape.parameters.data();
  block_.parameter_bytes = static_cast<std::uint32_t>(shape.parameters.size());
  block_.warps = warps;
  block_.threads = threads;
  shared_ = SlotArray((block_.shared_bytes + slot_bytes - 1) / slot_bytes);
  block_.shared = shared_.data();
  registers_ = SlotArray(slots * warps);
  predicates_.assign(std::size_t{program_.predicates} * warps, 0);
  counts_.resize(program_.code.size() + 1);
  warps_.resize(warps);
  thread_ids_.resize(warps);
  for (std::uint32_t index = 0; index < warps; ++index) {
    WarpState& warp = warps_[index];
    warp.registers = registers_.data() + index * slots * slot_bytes;
    warp.constants = program_.constants.data();
    warp.predicates = predicates_.data() + std::size_t{program_.predicates} * index;
    warp.block = &block_;
    warp.launch = &launch_;
    warp.memory = make_warp_memory(program_.info.local_bytes);
    warp.index = index;
    warp.printed = &printed_;
    order_.push_back(index);
    for (std::uint32_t lane = 0; lane < warp_lanes; ++lane) {
      const std::uint32_t thread = index * warp_lanes + lane;
      thread_ids_[index][0][lane] = thread % shape.block[0];
      thread_ids_[index][1][lane] = thread / shape.block[0] % shape.block[1];
      thread_ids_[index][2][lane] = thread / shape.block[0] / shape.block[1];
    }
  }
}

BlockRunner::~BlockRunner() {
  for (WarpState& warp : warps_)
    free_warp_memory(warp.memory);
}

void BlockRunner::fill_specials(WarpState& warp) {
  const std::uint32_t block = block_.linear_index;
  const Size3 block_index{block % shape_.grid[0], block / shape_.grid[0] % shape_.grid[1],
                          block / shape_.grid[0] / shape_.grid[1]};
  for (const auto& [special, operand] : program_.specials) {
    auto* const lanes = warp.destination<std::uint32_t>(operand);
    const auto which = [chosen = special](Special first) {
      return static_cast<std::size_t>(chosen) - static_cast<std::size_t>(first);
    };
    switch (special) {
      case Special::tid_x:
      case Special::tid_y:
      case Special::tid_z:
        std::memcpy(lanes, thread_ids_[warp.index][which(Special::tid_x)].data(), slot_bytes);
        break;
      case Special::ntid_x:
      case Special::ntid_y:
      case Special::ntid_z:
        fill(warp, operand, shape_.block[which(Special::ntid_x)]);
        break;
      case Special::ctaid_x:
      case Special::ctaid_y:
      case Special::ctaid_z:
        fill(warp, operand, block_index[which(Special::ctaid_x)]);
        break;
      case Special::nctaid_x:
      case Special::nctaid_y:
      case Special::nctaid_z:
        fill(warp, operand, shape_.grid[which(Special::nctaid_x)]);
        break;
      case Special::warpid:
        fill(warp, operand, warp.index);
        break;
      case Special::nwarpid:
        fill(warp, operand, block_.warps);
        break;
      case Special::nsmid:
        fill(warp, operand, 1);
        break;
      case Special::dynamic_smem_size:
        fill(warp, operand, shape_.dynamic_shared_bytes);
        break;
      case Special::total_smem_size:
        fill(warp, operand, block_.shared_bytes);
        break;
      case Special::gridid:
        std::fill_n(warp.destination<std::uint64_t>(operand), warp_lanes, 0);
        break;
      case Special::laneid:
      case Special::lanemask_eq:
      case Special::lanemask_le:
      case Special::lanemask_lt:
      case Special::lanemask_ge:
      case Special::lanemask_gt:
        for (std::uint32_t lane = 0; lane < warp_lanes; ++lane) {
          const std::uint32_t self = 1u << lane;
          lanes[lane] = special == Special::laneid        ? lane
                        : special == Special::lanemask_eq ? self
                        : special == Special::lanemask_le ? self | (self - 1)
                        : special == Special::lanemask_lt ? self - 1
                        : special == Special::lanemask_ge ? ~(self - 1)
                                                          : ~(self | (self - 1));
        }
        break;
      default:  // smid; clocks are read by an instruction
        fill(warp, operand, 0);
        break;
    }
  }
}

void BlockRunner::begin(std::uint32_t linear_index) {
  block_.linear_index = linear_index;
  block_.epoch = 0;
  printed_.clear();
  barriers_ = {};
  barriers_in_use_ = 0;
  live_threads_ = block_.threads;
  for (WarpState& warp : warps_) {
    const std::uint32_t lanes = std::min<std::uint32_t>(block_.threads - warp.index * warp_lanes, warp_lanes);
    warp.live = lanes == warp_lanes ? all_lanes : (1u << lanes) - 1;
    warp.epoch = 0;
    warp.groups[0] = {.pc = 0, .lanes = warp.live};
    warp.group_count = 1;
    warp.changes = 0;
    warp.executed = 0;
    warp.turn_end = lowest_instructions;
    warp.turns = 0;
    warp.favoured_lane = -1;
    std::fill_n(warp.predicates, program_.predicates, 0);
    warp.predicates[predicate_true] = all_lanes;
    for (const Operand slot : program_.zeroed_slots)
      fill(warp, slot, 0);
    reset_warp_memory(*warp.memory);
    fill_specials(warp);
  }
  order_state_ = shape_.options.warp_order_seed ^ (std::uint64_t{linear_index} << 32);
  begin_block(block_, launch_);
}

void BlockRunner::shuffle_order() {
  for (std::size_t left = order_.size(); left > 1; --left)
    std::swap(order_[left - 1], order_[next_random(order_state_) % left]);
}

void BlockRunner::run(std::uint32_t linear_index) {
  begin(linear_index);
  for (;;) {
    if (shape_.options.warp_order_seed != 0) shuffle_order();
    bool is_over = true;
    bool has_moved = false;
    for (const std::uint32_t index : order_) {
      WarpState& warp = warps_[index];
      if (warp.group_count == 0) continue;
      is_over = false;
      if (warp.group_count == 1 && warp.groups[0].state == GroupState::at_barrier) continue;
      const std::uint64_t before = warp.executed;
      run_warp(warp);
      has_moved |= warp.executed != before || warp.group_count == 0;
    }
    if (is_over) break;
    if (!has_moved) fail_deadlock();
  }
  ++blocks_;
  end_block(block_, launch_);
}

// Brings groups at one pc together, picks the one to run and says where it meets the next.
Group* BlockRunner::select(WarpState& warp, std::uint32_t& limit) {
  limit = no_pc;
  if (warp.group_count == 1) {
    Group& only = warp.groups[0];
    if (only.state == GroupState::at_barrier) return nullptr;
    only.state = GroupState::ready;  // whom it waited for has come or is gone
    return &only;
  }
  for (int first = 0; first < warp.group_count; ++first) {
    Group& group = warp.groups[static_cast<std::size_t>(first)];
    if (group.state == GroupState::at_barrier) continue;
    if (group.state != GroupState::ready && group.changes != warp.changes) group.state = GroupState::ready;
    for (int second = first + 1; second < warp.group_count;) {
      const Group& other = warp.groups[static_cast<std::size_t>(second)];
      if (other.pc != group.pc || other.state == GroupState::at_barrier) {
        ++second;
        continue;
      }
      group.lanes |= other.lanes;
      group.last_turn = std::min(group.last_turn, other.last_turn);
      group.state = GroupState::ready;
      ++warp.changes;
      warp.groups[static_cast<std::size_t>(second)] = warp.groups[static_cast<std::size_t>(--warp.group_count)];
    }
  }
  if (warp.group_count == 1) return &warp.groups[0];

  bool has_ready = false;
  bool has_arrived = false;
  for (int index = 0; index < warp.group_count; ++index) {
    Group& group = warp.groups[static_cast<std::size_t>(index)];
    // Groups that came together, or lanes that are gone, may be what this one waited for.
    if (group.state != GroupState::at_barrier && group.changes != warp.changes) group.state = GroupState::ready;
    has_ready |= group.state == GroupState::ready;
    has_arrived |= group.state == GroupState::at_barrier;
  }
  if (!has_ready) {
    if (!has_arrived) fail_within_warp(warp);
    return nullptr;
  }
  Group& chosen = choose(warp);
  for (int index = 0; index < warp.group_count; ++index) {
    const Group& other = warp.groups[static_cast<std::size_t>(index)];
    if (other.state != GroupState::at_barrier && other.pc > chosen.pc) limit = std::min(limit, other.pc);
  }
  // No instruction lies at no_pc; the last one, an exit, is never run past.
  limit = std::min(limit, static_cast<std::uint32_t>(program_.code.size()));
  return &chosen;
}

Group& BlockRunner::choose(WarpState& warp) {
  Group* lowest = nullptr;
  Group* longest = nullptr;
  Group* favoured = nullptr;
  for (int index = 0; index < warp.group_count; ++index) {
    Group& group = warp.groups[static_cast<std::size_t>(index)];
    if (group.state != GroupState::ready) continue;
    if (lowest == nullptr || group.pc < lowest->pc) lowest = &group;
    if (longest == nullptr || group.last_turn < longest->last_turn) longest = &group;
    if (warp.favoured_lane >= 0 && (group.lanes >> warp.favoured_lane & 1u) != 0) favoured = &group;
  }
  if (warp.executed >= warp.turn_end) {
    favoured = warp.favoured_lane >= 0 ? nullptr : longest;
    warp.turn_end = warp.executed + (favoured == nullptr ? lowest_instructions : favoured_instructions);
  }
  warp.favoured_lane = favoured == nullptr ? -1 : std::countr_zero(favoured->lanes);
  Group& chosen = favoured == nullptr ? *lowest : *favoured;
  chosen.last_turn = ++warp.turns;
  return chosen;
}

bool BlockRunner::gather_is_ready(const WarpState& warp, const Instruction& instruction, Mask lanes,
                                  Mask active) const {
  Mask needed = warp.live;
  if (instruction.target != no_members)
    needed &= warp.source_as<std::uint32_t>(instruction.operand[instruction.target])[std::countr_zero(active)];
  return (needed & ~lanes) == 0;
}

BlockRunner::Next BlockRunner::part(WarpState& warp, Group& group, const Instruction& branch, Mask taken) {
  ++divergent_branches_;
  ++warp.changes;
  Group& parted = warp.groups[static_cast<std::size_t>(warp.group_count++)];
  parted = {.pc = branch.target, .lanes = taken, .last_turn = group.last_turn};
  group.lanes &= ~taken;
  return Next::select;
}

BlockRunner::Next BlockRunner::part_by_table(WarpState& warp, Group& group, const Instruction& branch, Mask active) {
  const auto& table = program_.branch_tables[static_cast<std::size_t>(branch.immediate)];
  const auto* const index = warp.source_as<std::uint32_t>(branch.operand[0]);
  const std::uint32_t after = group.pc;
  Mask rest = active;
  Mask staying = group.lanes & ~active;
  int parts = staying != 0 ? 1 : 0;
  while (rest != 0) {
    const int lane = std::countr_zero(rest);
    if (index[lane] >= table.size())
      throw KernelFault{.kind = FaultKind::trap,
                        .lane = lane,
                        .address = 0,
                        .detail = fmt::format("brx.idx: index {} of {} targets", index[lane], table.size())};
    Mask together = 0;
    for (int other = lane; other < warp_lanes; ++other)
      if ((rest >> other & 1u) != 0 && index[other] == index[lane]) together |= 1u << other;
    rest &= ~together;
    // The first part takes the group's place, unless lanes stay that the guard kept back.
    Group& target = parts == 0 ? group : warp.groups[static_cast<std::size_t>(warp.group_count++)];
    target = {.pc = table[index[lane]], .lanes = together, .last_turn = group.last_turn};
    ++parts;
  }
  if (staying != 0) {
    group.lanes = staying;
    group.pc = after;
  }
  if (parts > 1) ++divergent_branches_;
  ++warp.changes;
  return Next::select;
}

void BlockRunner::exit_lanes(WarpState& warp, Group& group, std::uint32_t next_pc, Mask exiting) {
  warp.live &= ~exiting;
  ++warp.changes;
  live_threads_ -= static_cast<std::uint32_t>(std::popcount(exiting));
  group.lanes &= ~exiting;
  group.pc = next_pc;
  if (group.lanes == 0) group = warp.groups[static_cast<std::size_t>(--warp.group_count)];
  // Those who wait at a barrier no longer wait for threads that are gone.
  for (std::uint32_t rest = barriers_in_use_; rest != 0; rest &= rest - 1) {
    const auto index = static_cast<std::uint8_t>(std::countr_zero(rest));
    if (barriers_[index].waiting_warps != 0 && is_complete(barriers_[index])) open(index);
  }
}

void BlockRunner::fail(const WarpState& warp, std::uint32_t pc, const KernelFault& fault) const {
  throw PlacedFault{.fault = fault,
                    .pc = pc,
                    .block = block_.linear_index,
                    .thread = warp.index * warp_lanes + static_cast<std::uint32_t>(fault.lane)};
}

void BlockRunner::add_counts(Counters& total) const {
  std::int64_t warps = 0;
  std::int64_t lanes = 0;
  for (std::size_t pc = 0; pc < program_.code.size(); ++pc) {
    warps += counts_[pc].warps;
    lanes += counts_[pc].lanes;
    const Origin& origin = program_.origins[pc];
    if (!origin.counted || warps == 0) continue;
    const auto times = static_cast<std::uint64_t>(warps);
    const auto active = static_cast<std::uint64_t>(lanes - counts_[pc].masked);
    total.warp_instructions += times;
    total.thread_instructions += active;
    total.scalar_flops += origin.lane_flops * active;
    total.tensor_flops += origin.warp_flops * times;
    if (origin.flow == Flow::barrier) total.barriers += times;
    switch (origin.kind) {
      case Class::integer:
      case Class::move:
        total.integer_instructions += times;
        break;
      case Class::floating:
        total.float_instructions += times;
        break;
      case Class::special:
        total.special_instructions += times;
        break;
      case Class::tensor:
        total.tensor_instructions += times;
        break;
      case Class::memory:
        total.memory_instructions += times;
        break;
      case Class::control:
        total.control_instructions += times;
        break;
    }
  }
  total.divergent_branches += divergent_branches_;
  total.blocks += blocks_;
  total.threads += blocks_ * block_.threads;
}

}  // namespace attest::emulator
