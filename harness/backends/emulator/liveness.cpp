// Which registers hold a value that is still needed, at each point of an entry: backward data flow over its basic
// blocks. Most registers live inside one block and are kept out of the sets.

#include <algorithm>
#include <bit>
#include <fmt/format.h>

#include "harness/backends/emulator/draft.hpp"
#include "harness/backends/emulator/fault.hpp"

namespace attest::emulator {
namespace {

constexpr std::uint32_t none = 0xffffffffu;
/// Of the set of each basic block, all together: 128 MiB, and there are four of them.
constexpr std::size_t most_set_words = std::size_t{1} << 24;

struct BasicBlock {
  std::uint32_t first = 0;
  std::uint32_t end = 0;  ///< one past the last
  std::vector<std::uint32_t> next;
};

bool ends_block(const Instruction& instruction) {
  switch (static_cast<Flow>(instruction.flow)) {
    case Flow::branch:
    case Flow::exit:
    case Flow::ret:
    case Flow::trap:
      return true;
    default:
      return false;
  }
}

std::vector<BasicBlock> find_blocks(const Draft& draft) {
  const auto size = static_cast<std::uint32_t>(draft.code.size());
  std::vector<std::uint8_t> leads(size + 1, 0);
  leads[0] = 1;
  for (const std::uint32_t pc : draft.labels)
    if (pc != no_label && pc < size) leads[pc] = 1;
  for (std::uint32_t pc = 0; pc < size; ++pc)
    if (ends_block(draft.code[pc])) leads[pc + 1] = 1;

  std::vector<BasicBlock> blocks;
  std::vector<std::uint32_t> block_at(size, 0);
  for (std::uint32_t pc = 0; pc < size; ++pc) {
    if (leads[pc] != 0) blocks.push_back({.first = pc, .end = pc, .next = {}});
    block_at[pc] = static_cast<std::uint32_t>(blocks.size() - 1);
    blocks.back().end = pc + 1;
  }
  for (std::size_t index = 0; index < blocks.size(); ++index) {
    BasicBlock& block = blocks[index];
    const Instruction& last = draft.code[block.end - 1];
    const DraftInstruction& more = draft.more[block.end - 1];
    const bool guarded = more.guard != (fixed_reference | predicate_true);
    bool falls = true;
    if (ends_block(last)) {
      falls = guarded;
      if (more.target != no_label) block.next.push_back(block_at[draft.labels[more.target]]);
      if (static_cast<Flow>(last.flow) == Flow::branch && more.target == no_label)
        for (const Label label : draft.branch_tables[static_cast<std::size_t>(last.immediate)])
          block.next.push_back(block_at[draft.labels[label]]);
    }
    if (falls && index + 1 < blocks.size()) block.next.push_back(static_cast<std::uint32_t>(index + 1));
  }
  return blocks;
}

/// Calls visit(reference, is_destination) for the guard, then the operands, of one instruction; fixed ones left out.
template <class Visit>
void for_each_register(const Draft& draft, std::uint32_t pc, Visit visit) {
  const DraftInstruction& more = draft.more[pc];
  if ((more.guard & fixed_reference) == 0) visit(more.guard, false);
  for (std::size_t index = 0; index < more.form->operands.size(); ++index) {
    const Reference reference = draft.references[more.first_reference + index];
    if ((reference & fixed_reference) == 0) visit(reference, more.form->operands[index].destination);
  }
}

/// Registers that live across the border of a block, numbered densely.
struct CrossingRegisters {
  std::vector<std::uint32_t> number;  ///< of each register; none where it lives in one block
  std::vector<Reference> registers;
};

CrossingRegisters find_crossing(const Draft& draft, const std::vector<BasicBlock>& blocks) {
  std::vector<std::uint32_t> home(draft.registers.size(), none);
  std::vector<std::uint32_t> defined_in(draft.registers.size(), none);
  std::vector<std::uint8_t> crosses(draft.registers.size(), 0);
  for (std::uint32_t index = 0; index < blocks.size(); ++index) {
    for (std::uint32_t pc = blocks[index].first; pc < blocks[index].end; ++pc) {
      const bool guarded = draft.more[pc].guard != (fixed_reference | predicate_true);
      const auto touch = [&](Reference reference) {
        if (home[reference] == none) home[reference] = index;
        if (home[reference] != index) crosses[reference] = 1;
      };
      for_each_register(draft, pc, [&](Reference reference, bool destination) {
        if (destination) return;
        touch(reference);
        if (defined_in[reference] != index) crosses[reference] = 1;
      });
      for_each_register(draft, pc, [&](Reference reference, bool destination) {
        if (!destination) return;
        touch(reference);
        if (!guarded) defined_in[reference] = index;
      });
    }
  }
  CrossingRegisters crossing;
  crossing.number.assign(draft.registers.size(), none);
  for (Reference reference = 0; reference < crosses.size(); ++reference) {
    if (crosses[reference] == 0) continue;
    crossing.number[reference] = static_cast<std::uint32_t>(crossing.registers.size());
    crossing.registers.push_back(reference);
  }
  return crossing;
}

/// One bit a crossing register, for each block.
class BitRows {
 public:
  BitRows(std::size_t rows, std::size_t bits) : words_((bits + 63) / 64), bits_(rows * words_, 0) {}
  std::uint64_t* row(std::size_t index) { return bits_.data() + index * words_; }
  void set(std::size_t index, std::uint32_t bit) { row(index)[bit / 64] |= std::uint64_t{1} << bit % 64; }
  bool test(std::size_t index, std::uint32_t bit) { return (row(index)[bit / 64] >> bit % 64 & 1u) != 0; }
  std::size_t words() const { return words_; }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

template <class Visit>
void for_each_bit(const std::uint64_t* row, std::size_t words, Visit visit) {
  for (std::size_t word = 0; word < words; ++word)
    for (std::uint64_t rest = row[word]; rest != 0; rest &= rest - 1)
      visit(static_cast<std::uint32_t>(word * 64 + static_cast<std::size_t>(std::countr_zero(rest))));
}

/// live_in = used before defined, or live out and not defined; live_out = the union of what follows.
void solve(const std::vector<BasicBlock>& blocks, const BitRows& defined_rows, BitRows& live_in, BitRows& live_out) {
  BitRows defined = defined_rows;
  std::vector<std::vector<std::uint32_t>> previous(blocks.size());
  for (std::uint32_t index = 0; index < blocks.size(); ++index)
    for (const std::uint32_t next : blocks[index].next)
      previous[next].push_back(index);
  std::vector<std::uint32_t> work(blocks.size());
  std::vector<std::uint8_t> waits(blocks.size(), 1);
  for (std::uint32_t index = 0; index < blocks.size(); ++index)
    work[index] = index;
  while (!work.empty()) {
    const std::uint32_t index = work.back();
    work.pop_back();
    waits[index] = 0;
    std::uint64_t* const out = live_out.row(index);
    for (const std::uint32_t next : blocks[index].next)
      for (std::size_t word = 0; word < live_in.words(); ++word)
        out[word] |= live_in.row(next)[word];
    bool changed = false;
    std::uint64_t* const in = live_in.row(index);
    for (std::size_t word = 0; word < live_in.words(); ++word) {
      const std::uint64_t now = in[word] | (out[word] & ~defined.row(index)[word]);
      changed |= now != in[word];
      in[word] = now;
    }
    if (!changed) continue;
    for (const std::uint32_t before : previous[index]) {
      if (waits[before] != 0) continue;
      waits[before] = 1;
      work.push_back(before);
    }
  }
}

// A destination may take the slot of a source that dies in the same instruction only when the handler cannot have
// written what it still has to read: one destination, all operands of its width, no exchange between lanes.
bool may_share(const Form& form, Place place) {
  if (form.reads_before_write_unsafe || form.flow != Flow::none || form.kind == Class::memory) return false;
  int destinations = 0;
  for (const OperandForm& operand : form.operands) {
    if (operand.destination)
      ++destinations;
    else if (operand.place != place && operand.place != Place::predicate)
      return false;
  }
  return destinations == 1 && place != Place::predicate;
}

}  // namespace

Liveness find_liveness(const Draft& draft) {
  Liveness liveness;
  liveness.ranges.resize(draft.registers.size());
  if (draft.code.empty()) return liveness;
  const std::vector<BasicBlock> blocks = find_blocks(draft);
  const CrossingRegisters crossing = find_crossing(draft, blocks);

  if (blocks.size() * (crossing.registers.size() / 64 + 1) > most_set_words)
    throw LoadError(
        fmt::format("has {} basic blocks and {} registers that live across them; their product may be at most "
                    "{}",
                    blocks.size(), crossing.registers.size(), 64 * most_set_words),
        0);
  BitRows live_in(blocks.size(), crossing.registers.size());
  BitRows live_out(blocks.size(), crossing.registers.size());
  BitRows defined(blocks.size(), crossing.registers.size());
  const auto extend = [&](Reference reference, std::uint32_t position) {
    LiveRange& range = liveness.ranges[reference];
    range.begin = std::min(range.begin, position);
    range.end = std::max(range.end, position);
  };
  for (std::uint32_t index = 0; index < blocks.size(); ++index) {
    for (std::uint32_t pc = blocks[index].first; pc < blocks[index].end; ++pc) {
      const Form& form = *draft.more[pc].form;
      const bool guarded = draft.more[pc].guard != (fixed_reference | predicate_true);
      for_each_register(draft, pc, [&](Reference reference, bool destination) {
        if (destination) return;
        extend(reference, 2 * pc);
        const std::uint32_t bit = crossing.number[reference];
        if (bit != none && !defined.test(index, bit)) live_in.set(index, bit);
      });
      for_each_register(draft, pc, [&](Reference reference, bool destination) {
        if (!destination) return;
        if (!may_share(form, draft.registers[reference])) extend(reference, 2 * pc);
        extend(reference, 2 * pc + 1);
        const std::uint32_t bit = crossing.number[reference];
        if (bit != none && !guarded) defined.set(index, bit);
      });
    }
  }
  solve(blocks, defined, live_in, live_out);

  for (std::uint32_t index = 0; index < blocks.size(); ++index) {
    for_each_bit(live_in.row(index), live_in.words(),
                 [&](std::uint32_t bit) { extend(crossing.registers[bit], 2 * blocks[index].first); });
    for_each_bit(live_out.row(index), live_out.words(),
                 [&](std::uint32_t bit) { extend(crossing.registers[bit], 2 * blocks[index].end - 1); });
  }
  for_each_bit(live_in.row(0), live_in.words(),
               [&](std::uint32_t bit) { liveness.live_at_entry.push_back(crossing.registers[bit]); });
  return liveness;
}

}  // namespace attest::emulator
