// Slots for registers by linear scan over their live ranges: a register takes a slot at its first position and gives it
// back after its last. The slot that was given back last is taken first, since it is still in the cache.

#include <algorithm>
#include <utility>

#include "harness/backends/emulator/draft.hpp"
#include "harness/backends/emulator/fault.hpp"

namespace attest::emulator {
namespace {

constexpr std::uint32_t none = 0xffffffffu;

/// Slots of words and of pairs. One kind never takes a slot of the other: lane k of a pair lies where lanes 2k and 2k+1
/// of words lie, and lanes that have parted write their registers at different times.
class SlotPool {
 public:
  std::uint32_t take_word() { return take(words_, 1); }
  std::uint32_t take_pair() { return take(pairs_, 2); }
  void give_word(std::uint32_t slot) { words_.push_back(slot); }
  void give_pair(std::uint32_t slot) { pairs_.push_back(slot); }
  std::uint32_t size() const { return size_; }

 private:
  std::uint32_t take(std::vector<std::uint32_t>& free, std::uint32_t slots) {
    if (free.empty()) return std::exchange(size_, size_ + slots);
    const std::uint32_t slot = free.back();
    free.pop_back();
    return slot;
  }

  std::uint32_t size_ = 0;
  std::vector<std::uint32_t> words_;  ///< free ones, the last given back last
  std::vector<std::uint32_t> pairs_;
};

/// The lowest predicate that is free; those below `first_predicate` are fixed.
class PredicatePool {
 public:
  std::uint32_t take() {
    if (free_.empty()) return next_++;
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give(std::uint32_t index) { free_.push_back(index); }
  std::uint32_t size() const { return next_; }

 private:
  std::uint32_t next_ = predicate_discard + 1;
  std::vector<std::uint32_t> free_;
};

/// Chains of registers by position: those whose range begins there, or ends there.
std::vector<std::uint32_t> chain(const std::vector<LiveRange>& ranges, std::size_t positions,
                                 std::vector<std::uint32_t>& links, std::uint32_t LiveRange::*at) {
  std::vector<std::uint32_t> heads(positions, none);
  links.assign(ranges.size(), none);
  for (std::size_t index = ranges.size(); index-- > 0;) {
    if (ranges[index].begin > ranges[index].end) continue;
    std::uint32_t& head = heads[ranges[index].*at];
    links[index] = head;
    head = static_cast<std::uint32_t>(index);
  }
  return heads;
}

}  // namespace

void allocate(Draft& draft, Program& program) {
  const Liveness liveness = find_liveness(draft);
  const std::size_t positions = 2 * draft.code.size() + 2;
  std::vector<std::uint32_t> next_begin;
  std::vector<std::uint32_t> next_end;
  const std::vector<std::uint32_t> begins = chain(liveness.ranges, positions, next_begin, &LiveRange::begin);
  const std::vector<std::uint32_t> ends = chain(liveness.ranges, positions, next_end, &LiveRange::end);

  SlotPool slots;
  PredicatePool predicates;
  std::vector<std::uint32_t> home(draft.registers.size(), 0);
  std::uint32_t used = 0;
  for (std::size_t position = 0; position < positions; ++position) {
    for (std::uint32_t index = begins[position]; index != none; index = next_begin[index]) {
      const Place place = draft.registers[index];
      home[index] = place == Place::predicate ? predicates.take()
                    : place == Place::pair    ? slots.take_pair()
                                              : slots.take_word();
      ++used;
    }
    for (std::uint32_t index = ends[position]; index != none; index = next_end[index]) {
      const Place place = draft.registers[index];
      if (place == Place::predicate)
        predicates.give(home[index]);
      else if (place == Place::pair)
        slots.give_pair(home[index]);
      else
        slots.give_word(home[index]);
    }
  }
  if (slots.size() > constant_operand || predicates.size() > constant_operand)
    throw LoadError("needs more than 32768 slots of registers", 0);

  const auto operand_of = [&](Reference reference, Place place) {
    if ((reference & fixed_reference) == 0) return static_cast<Operand>(home[reference]);
    const std::uint32_t index = reference & ~fixed_reference;
    return static_cast<Operand>(place == Place::predicate ? index : index | constant_operand);
  };
  for (std::size_t pc = 0; pc < draft.code.size(); ++pc) {
    Instruction& instruction = draft.code[pc];
    const DraftInstruction& more = draft.more[pc];
    instruction.guard = operand_of(more.guard, Place::predicate);
    if (more.target != no_label) instruction.target = draft.labels[more.target];
    for (std::size_t index = 0; index < more.form->operands.size(); ++index)
      instruction.operand[index] =
          operand_of(draft.references[more.first_reference + index], more.form->operands[index].place);
  }
  std::vector<std::uint8_t> is_special(draft.registers.size(), 0);
  for (const auto& [special, reference] : draft.specials) {
    is_special[reference] = 1;
    program.specials.emplace_back(special, operand_of(reference, Place::word));
  }
  for (const Reference reference : liveness.live_at_entry) {
    if (is_special[reference] != 0 || draft.registers[reference] == Place::predicate) continue;
    program.zeroed_slots.push_back(static_cast<Operand>(home[reference]));
    if (draft.registers[reference] == Place::pair)
      program.zeroed_slots.push_back(static_cast<Operand>(home[reference] + 1));
  }
  for (const auto& labels : draft.branch_tables) {
    auto& table = program.branch_tables.emplace_back();
    for (const Label label : labels)
      table.push_back(draft.labels[label]);
  }
  program.slots = slots.size();
  program.predicates = predicates.size();
  program.info.slots = program.slots;
  program.info.virtual_registers = used;
  program.code = std::move(draft.code);
  program.origins = std::move(draft.origins);
  program.constants = draft.constants.slots();
}

}  // namespace attest::emulator
