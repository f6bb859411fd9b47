#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/backends/emulator/draft.hpp"
#include "harness/backends/emulator/symbols.hpp"
#include "harness/backends/emulator/syntax.hpp"

// The parts of lowering that program.cpp puts together: forms looked up once a module, facts found once a function, and
// the walk over one entry.
namespace attest::emulator {

// What one entry may take after inlining. Several times what any compiler's output needs, and what a host can hold.
inline constexpr std::size_t most_instructions = std::size_t{1} << 20;
inline constexpr std::size_t most_module_instructions = std::size_t{1} << 22;  // of all its functions together
inline constexpr std::size_t most_registers = std::size_t{1} << 22;
inline constexpr std::size_t most_branch_targets = std::size_t{1} << 20;
inline constexpr std::size_t most_constant_slots = constant_operand - 1;  // the last stands for absent operands
inline constexpr std::size_t deepest_call = 256;
inline constexpr std::uint64_t most_static_shared_bytes = 48 * 1024;

/// Forms by their text, each looked up once.
class FormCache {
 public:
  FormCache(Isa isa, const ArithmeticModel& model) : isa_(isa), model_(model) {}
  /// Null where the form is unknown.
  const Form* find(std::string_view opcode, std::span<const std::string_view> modifiers);
  /// The same, by an instruction's text.
  const Form* find(const SyntaxInstruction& instruction);
  /// The same for a form that must be there. Throws std::logic_error.
  const Form& known(std::string_view opcode, std::initializer_list<std::string_view> modifiers);

 private:
  Isa isa_;
  ArithmeticModel model_;
  std::unordered_map<std::string_view, const Form*> found_;
  std::deque<Form> forms_;
  std::deque<std::string> keys_;
};

/// How one .param variable is used: its pieces, and whether its address is taken.
struct ParameterUse {
  std::vector<ParameterPiece> pieces;
  bool address_taken = false;
};
/// Adds what `instruction` does with the .param variable `name`.
void note_use(const SyntaxInstruction& instruction, std::string_view name, ParameterUse& use);
/// Sorts pieces and drops doubles; sets address_taken where pieces overlap.
void settle(ParameterUse& use);

/// What a call instruction names.
struct CallParts {
  std::string_view callee;
  std::span<const SyntaxOperand> results;
  std::span<const SyntaxOperand> arguments;
};
/// Nothing where it is no direct call.
std::optional<CallParts> call_parts(const SyntaxInstruction& instruction);

/// Facts of one function that do not depend on who calls it.
struct FunctionFacts {
  struct LabelPlace {
    std::uint32_t scope = 0;
    std::uint32_t number = 0;
  };
  const SyntaxFunction* function = nullptr;
  std::vector<std::uint32_t> scope_parents;  ///< scope 0 is the body
  std::unordered_map<std::string_view, std::vector<LabelPlace>> labels;
  std::uint32_t label_count = 0;
  std::unordered_map<std::string_view, const SyntaxStatement*> branch_targets;
  std::vector<ParameterUse> parameters;  ///< of a .func
  std::vector<ParameterUse> results;
};
FunctionFacts find_facts(const SyntaxFunction& function, std::string_view module);

/// What all entries of a module share while they are lowered.
struct ModuleContext {
  const Syntax* syntax = nullptr;
  std::string_view module;
  const Scopes* scopes = nullptr;
  std::unordered_map<std::string_view, FunctionFacts>* functions = nullptr;
  const std::vector<const SyntaxVariable*>* shared_variables = nullptr;  ///< Symbol::index of module-level .shared
  FormCache* forms = nullptr;
  std::size_t instructions = 0;  ///< lowered so far
};

/// The form of an external function's call: results, then arguments. Null where it is unknown.
const Form* find_external(std::string_view name);

/// Lowers one entry with all functions that it calls.
class Lowering {
 public:
  explicit Lowering(ModuleContext& context) : context_(context) {}
  Program lower(const SyntaxFunction& entry);

 private:
  /// A function that is being lowered, in the place of its call.
  struct Frame {
    const FunctionFacts* facts = nullptr;
    Scopes scopes;
    std::vector<std::uint32_t> open_scopes;
    std::uint32_t next_scope = 1;
    Label first_label = 0;
    Label return_label = no_label;  ///< no_label in an entry
    explicit Frame(const Scopes* outer) : scopes(outer) {}
  };

  void lower_body(Frame& frame);
  void declare(const SyntaxVariable& variable, std::uint32_t statement);
  void declare_registers(const SyntaxVariable& variable);
  void declare_call_parameter(const SyntaxVariable& variable, std::uint32_t statement);
  void declare_entry_parameters(const SyntaxFunction& entry, EntryInfo& info);
  Symbol shared_symbol(const SyntaxVariable& variable);
  Symbol resolved(const Symbol& symbol);
  std::uint32_t take_local(std::uint64_t bytes, std::uint32_t alignment);

  void lower_instruction(const SyntaxInstruction& instruction);
  void lower_plain(const SyntaxInstruction& instruction, std::string_view opcode,
                   std::span<const std::string_view> modifiers, const std::optional<Symbol>& replaced_base);
  void lower_branch(const SyntaxInstruction& instruction, const Form& form);
  void lower_call(const SyntaxInstruction& instruction, const Form& form);
  void lower_external(const SyntaxInstruction& instruction, const CallParts& call, const Form& form);
  void inline_function(const FunctionFacts& facts, const CallParts& call, const Origin& origin);
  Symbol parameter_of(const SyntaxVariable& variable, const ParameterUse& use, const SyntaxOperand& given);
  void pass_value(const SyntaxVariable& variable, const Symbol& parameter, const SyntaxOperand& given, bool inward);
  Reference register_of(const Symbol& parameter, const OperandForm& form) const;
  bool is_param_variable(const SyntaxOperand& operand) const;
  Symbol parameter_named(const SyntaxOperand& operand);
  bool lower_parameter_access(const SyntaxInstruction& instruction);
  void move_pieces(const SyntaxInstruction& instruction, const Symbol& parameter, std::uint64_t offset);

  const Form& form_of(const SyntaxInstruction& instruction, std::string_view opcode,
                      std::span<const std::string_view> modifiers);
  /// Pairs the form's operands with the text's; null stands for one that is left out.
  void match_operands(const SyntaxInstruction& instruction, const Form& form);
  Reference source(const OperandForm& form, const SyntaxOperand& operand, Class kind);
  Reference destination(const OperandForm& form, const SyntaxOperand& operand);
  Reference predicate(const OperandForm& form, const SyntaxOperand& operand, std::uint32_t bit);
  Reference address(const SyntaxOperand& operand, std::span<const std::string_view> modifiers, std::uint32_t bit,
                    const std::optional<Symbol>& replaced_base);
  Reference constant(const OperandForm& form, const SyntaxOperand& operand, Class kind);
  Reference symbol_address(const Symbol& symbol, Place place);
  Reference special_register(Special special, const OperandForm& form);
  Reference temporary(Place place) { return draft_.add_register(place); }
  Label label_named(std::string_view name);
  std::string known_like(std::string_view opcode) const;

  Instruction& put(const Form& form, std::span<const Reference> references, bool counted = true);
  void set_guard(const SyntaxInstruction& instruction);
  /// Throws LoadError with the line and text of the instruction that is being lowered, or the line of the declaration.
  [[noreturn]] void refuse(const std::string& message) const;

  ModuleContext& context_;
  Draft draft_;
  Frame* frame_ = nullptr;
  std::vector<std::string_view> callers_;       ///< functions that are being lowered, outermost first
  const SyntaxInstruction* current_ = nullptr;  ///< null where a declaration is being lowered
  int declaration_line_ = 0;
  Origin origin_;
  Reference guard_ = fixed_reference | predicate_true;
  bool guard_negated_ = false;

  std::vector<std::vector<ParameterPiece>> parameters_;
  std::unordered_map<const SyntaxVariable*, std::uint64_t> shared_offsets_;
  std::uint64_t shared_top_ = 0;
  std::uint32_t dynamic_alignment_ = 16;
  std::uint64_t local_top_ = 0;
  std::uint64_t local_bytes_ = 0;
  std::size_t branch_targets_ = 0;  ///< in all branch tables
  bool orders_blocks_ = false;
  std::vector<std::pair<Special, Reference>> specials_;

  // Of the instruction that is being lowered; kept so that nothing is allocated for each one.
  std::vector<const SyntaxOperand*> matched_;
  std::vector<Reference> references_;
  struct Widening {
    Reference from = 0;
    OperandForm form;
    RegisterName to;
  };
  std::vector<Widening> after_;  ///< conversions of destinations
  std::uint32_t negated_ = 0;
  std::int64_t immediate_ = 0;
  std::int64_t second_offset_ = 0;
  bool has_offset_ = false;
};

}  // namespace attest::emulator
