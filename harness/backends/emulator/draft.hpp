#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "harness/backends/emulator/program.hpp"

// An entry while it is lowered: instructions whose operands are virtual registers and labels.
namespace attest::emulator {

/// A virtual register or a constant: one of Draft's registers, or, with the top bit set, a slot of the constants; for a
/// predicate, the top bit marks one of the fixed ones (predicate_true and its kin).
using Reference = std::uint32_t;
inline constexpr Reference fixed_reference = 0x8000'0000u;

/// A place in the code that is bound later.
using Label = std::uint32_t;
inline constexpr Label no_label = 0xffffffffu;

/// Constants of a program: each value once, replicated over the lanes of its slots.
class ConstantPool {
 public:
  /// Slots so far; who lowers sees to it that they do not become too many.
  std::uint32_t size() const { return next_; }
  Reference word(std::uint32_t value);
  Reference pair(std::uint64_t value);
  /// `addend` bytes after the start of dynamic shared memory, which is known at the end of lowering.
  Reference dynamic_shared(std::uint64_t addend, Place place);
  void set_dynamic_shared(std::uint64_t offset);
  SlotArray slots() const;

 private:
  struct Constant {
    std::uint64_t value = 0;
    bool pair = false;
    bool dynamic = false;
    std::uint32_t slot = 0;
  };
  Reference add(std::uint64_t value, bool pair, bool dynamic);

  std::unordered_map<std::uint64_t, Reference> words_;
  std::unordered_map<std::uint64_t, Reference> pairs_;
  std::unordered_map<std::uint64_t, Reference> dynamics_;
  std::vector<Constant> constants_;
  std::uint32_t next_ = 0;
};

/// What the allocator needs of an instruction besides Instruction itself.
struct DraftInstruction {
  const Form* form = nullptr;
  std::uint32_t first_reference = 0;  ///< into Draft::references, one for each of the form's operands
  Reference guard = fixed_reference | predicate_true;
  Label target = no_label;
};

/// Everything of one entry before registers are allocated.
struct Draft {
  std::vector<Instruction> code;
  std::vector<DraftInstruction> more;  ///< of each instruction
  std::vector<Origin> origins;
  std::vector<Reference> references;
  std::vector<Place> registers;       ///< of each virtual register: predicate, word or pair
  std::vector<std::uint32_t> labels;  ///< pc of each label
  std::vector<std::vector<Label>> branch_tables;
  std::vector<std::pair<Special, Reference>> specials;
  ConstantPool constants;

  Reference add_register(Place place) {
    registers.push_back(place);
    return static_cast<Reference>(registers.size() - 1);
  }
  Label add_label() {
    labels.push_back(no_label);
    return static_cast<Label>(labels.size() - 1);
  }
  void bind(Label label) { labels[label] = static_cast<std::uint32_t>(code.size()); }
  /// Appends; `references` are those of form.operands, in order. `form` must outlive the draft.
  Instruction& emit(const Form& form, std::span<const Reference> operands, const Origin& origin);
};

/// What liveness says of a virtual register: positions 2*pc (sources are read) and 2*pc+1 (destinations are written),
/// both ends included. Never used: begin > end.
struct LiveRange {
  std::uint32_t begin = 0xffffffffu;
  std::uint32_t end = 0;
};
struct Liveness {
  std::vector<LiveRange> ranges;  ///< by virtual register
  std::vector<Reference> live_at_entry;
};
/// Lanes are independent: a lane outside the active ones keeps its value, so liveness is that of one thread's control
/// flow. A guarded definition ends no life. Throws LoadError, without a place, where the sets would not fit in memory.
Liveness find_liveness(const Draft& draft);

/// Gives every register its slot and finishes the program's code. Throws LoadError, without a place, where it needs
/// more than there is room for.
void allocate(Draft& draft, Program& program);

}  // namespace attest::emulator
