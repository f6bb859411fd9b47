// The walk over a function's statements: declarations, labels, instructions.

#include <algorithm>
#include <fmt/format.h>

#include "harness/backends/emulator/lowering.hpp"
#include "harness/backends/emulator/synthetic.hpp"

namespace attest::emulator {
namespace {

Place place_of(unsigned bits) {
  return bits == 1 ? Place::predicate : bits == 64 ? Place::pair : Place::word;
}

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

void Lowering::refuse(const std::string& message) const {
  if (current_ == nullptr)
    throw LoadError(fmt::format("{}:{}: {}", context_.module, declaration_line_, message), declaration_line_);
  // The instruction as it is written, up to its semicolon.
  const std::string& text = *context_.syntax->text;
  const std::size_t start = static_cast<std::size_t>(current_->form.data() - text.data());
  std::string written = text.substr(start, std::min<std::size_t>(text.find(';', start) - start, 160));
  for (char& letter : written)
    if (letter == '\n' || letter == '\t') letter = ' ';
  throw LoadError(fmt::format("{}:{}: {}, in '{}'", context_.module, current_->line, message, written), current_->line);
}

Instruction& Lowering::put(const Form& form, std::span<const Reference> references, bool counted) {
  origin_.counted = counted;
  Instruction& instruction = draft_.emit(form, references, origin_);
  instruction.guard_negated = guard_negated_;
  draft_.more.back().guard = guard_;
  if (form.flow == Flow::gather)
    instruction.target = form.members ? static_cast<std::uint32_t>(*form.members) : no_members;
  if (draft_.code.size() > most_instructions)
    refuse(fmt::format("more than {} instructions after inlining", most_instructions));
  if (++context_.instructions > most_module_instructions)
    refuse(fmt::format("more than {} instructions in the module's functions after inlining", most_module_instructions));
  if (draft_.constants.size() > most_constant_slots)
    refuse(fmt::format("more than {} slots of constants after inlining", most_constant_slots));
  return instruction;
}

void Lowering::set_guard(const SyntaxInstruction& instruction) {
  guard_ = fixed_reference | predicate_true;
  guard_negated_ = instruction.guard_negated;
  if (instruction.guard.empty()) return;
  RegisterName found;
  if (!frame_->scopes.find_register(instruction.guard, found))
    refuse(fmt::format("no register is named {}", instruction.guard));
  if (found.place != Place::predicate) refuse(fmt::format("{} is no predicate", instruction.guard));
  guard_ = found.reference;
}

std::uint32_t Lowering::take_local(std::uint64_t bytes, std::uint32_t alignment) {
  const std::uint64_t start = rounded_up(local_top_, alignment);
  local_top_ = start + bytes;
  local_bytes_ = std::max(local_bytes_, local_top_);
  if (local_top_ > (std::uint64_t{512} << 10)) refuse("more than 512 KiB of local memory a thread");
  return static_cast<std::uint32_t>(start);
}

Symbol Lowering::shared_symbol(const SyntaxVariable& variable) {
  const std::uint32_t alignment = alignment_of(variable);
  if (variable.external) {
    dynamic_alignment_ = std::max(dynamic_alignment_, alignment);
    return {.kind = Symbol::Kind::dynamic_shared};
  }
  const auto [found, is_new] = shared_offsets_.try_emplace(&variable, 0);
  if (is_new) {
    found->second = rounded_up(shared_top_, alignment);
    shared_top_ = found->second + bytes_of(variable);
    if (shared_top_ > most_static_shared_bytes)
      refuse(fmt::format("{} bytes of static shared memory with {}; at most {}", shared_top_, variable.name,
                         most_static_shared_bytes));
  }
  return {.kind = Symbol::Kind::shared, .address = found->second};
}

// Shared variables of the module take room in the entries that name them.
Symbol Lowering::resolved(const Symbol& symbol) {
  if (symbol.kind == Symbol::Kind::shared && symbol.index != 0)
    return shared_symbol(*(*context_.shared_variables)[symbol.index - 1]);
  return symbol;
}

void Lowering::declare_registers(const SyntaxVariable& variable) {
  const unsigned bits = variable.type.bits;
  if (bits > 64) refuse(fmt::format("registers of {} bits ({}) are not supported", bits, variable.name));
  Symbol symbol{.kind = Symbol::Kind::registers,
                .place = place_of(bits),
                .bits = static_cast<std::uint8_t>(bits),
                .vector = static_cast<std::uint8_t>(variable.vector),
                .first = static_cast<Reference>(draft_.registers.size()),
                .count = variable.count};
  if (variable.count > 0 && variable.vector > 1) refuse(fmt::format("a bank of vectors, {}", variable.name));
  const std::size_t total = std::max<std::size_t>(variable.count, 1) * variable.vector;
  if (draft_.registers.size() + total > most_registers)
    refuse(fmt::format("more than {} registers after inlining, with {}", most_registers, variable.name));
  draft_.registers.insert(draft_.registers.end(), total, symbol.place);
  if (!frame_->scopes.declare(variable.name, symbol, variable.count > 0))
    refuse(fmt::format("{} is declared twice", variable.name));
}

void Lowering::declare(const SyntaxVariable& variable, std::uint32_t statement) {
  current_ = nullptr;
  declaration_line_ = variable.line;
  Symbol symbol;
  switch (variable.space) {
    case Space::reg:
      return declare_registers(variable);
    case Space::param:
      return declare_call_parameter(variable, statement);
    case Space::local:
      symbol.kind = Symbol::Kind::local;
      symbol.address = take_local(bytes_of(variable), alignment_of(variable));
      break;
    case Space::shared:
      symbol = shared_symbol(variable);
      break;
    default:
      refuse(fmt::format("{}: a variable of this state space inside a function is not supported", variable.name));
  }
  if (!frame_->scopes.declare(variable.name, symbol, false)) refuse(fmt::format("{} is declared twice", variable.name));
}

Label Lowering::label_named(std::string_view name) {
  const FunctionFacts& facts = *frame_->facts;
  const auto found = facts.labels.find(name);
  if (found != facts.labels.end())
    for (std::uint32_t scope = frame_->open_scopes.back();; scope = facts.scope_parents[scope]) {
      for (const FunctionFacts::LabelPlace& place : found->second)
        if (place.scope == scope) return frame_->first_label + place.number;
      if (scope == 0) break;
    }
  refuse(fmt::format("no label is named {}", name));
}

void Lowering::lower_body(Frame& frame) {
  Frame* const caller = frame_;
  frame_ = &frame;
  const SyntaxFunction& function = *frame.facts->function;
  frame.open_scopes.assign(1, 0);
  frame.first_label = static_cast<Label>(draft_.labels.size());
  draft_.labels.resize(draft_.labels.size() + frame.facts->label_count, no_label);
  std::uint32_t next_label = 0;
  frame.scopes.open();
  for (std::uint32_t index = 0; index < function.statements.size(); ++index) {
    const SyntaxStatement& statement = function.statements[index];
    switch (statement.kind) {
      case SyntaxStatement::Kind::instruction:
        lower_instruction(function.instructions[statement.index]);
        break;
      case SyntaxStatement::Kind::label:
        draft_.bind(frame.first_label + next_label++);
        break;
      case SyntaxStatement::Kind::variable:
        declare(function.variables[statement.index], index);
        break;
      case SyntaxStatement::Kind::open_scope:
        frame.scopes.open();
        frame.open_scopes.push_back(frame.next_scope++);
        break;
      case SyntaxStatement::Kind::close_scope:
        frame.scopes.close();
        frame.open_scopes.pop_back();
        break;
      default:
        break;
    }
  }
  frame_ = caller;
}

std::string Lowering::known_like(std::string_view opcode) const {
  std::string list;
  int count = 0;
  for (const std::string& form : known_forms()) {
    if (!form.starts_with(opcode) || (form.size() > opcode.size() && form[opcode.size()] != '.')) continue;
    if (++count > 12) return list + ", ...";
    list += (list.empty() ? "" : ", ") + form;
  }
  return list;
}

const Form& Lowering::form_of(const SyntaxInstruction& instruction, std::string_view opcode,
                              std::span<const std::string_view> modifiers) {
  const bool as_written =
      opcode.data() == instruction.opcode.data() && modifiers.data() == instruction.modifiers.data();
  const Form* const form = as_written ? context_.forms->find(instruction) : context_.forms->find(opcode, modifiers);
  if (form != nullptr) return *form;
  const std::string known = known_like(instruction.opcode);
  refuse(known.empty() ? fmt::format("no form of '{}' is known", instruction.opcode)
                       : fmt::format("the form '{}' is unknown; known are {}", instruction.form, known));
}

void Lowering::lower_plain(const SyntaxInstruction& instruction, std::string_view opcode,
                           std::span<const std::string_view> modifiers, const std::optional<Symbol>& replaced_base) {
  const Form& form = form_of(instruction, opcode, modifiers);
  match_operands(instruction, form);
  references_.clear();
  after_.clear();
  negated_ = 0;
  immediate_ = 0;
  second_offset_ = 0;
  has_offset_ = false;
  for (std::size_t index = 0; index < form.operands.size(); ++index) {
    const OperandForm& wanted = form.operands[index];
    const SyntaxOperand* const operand = matched_[index];
    const auto bit = static_cast<std::uint32_t>(index);
    Reference reference = 0;
    if (operand == nullptr) {
      const Operand stand_in = wanted.destination                 ? predicate_discard
                               : wanted.place == Place::predicate ? predicate_true
                                                                  : absent_operand & ~constant_operand;
      reference = fixed_reference | stand_in;
    } else if (wanted.place == Place::predicate) {
      reference = predicate(wanted, *operand, bit);
    } else if (wanted.place == Place::address) {
      reference = address(*operand, modifiers, bit, replaced_base);
    } else {
      reference = wanted.destination ? destination(wanted, *operand) : source(wanted, *operand, form.kind);
    }
    references_.push_back(reference);
  }
  Instruction& lowered = put(form, references_);
  lowered.negated = negated_;
  lowered.immediate = form.flow == Flow::barrier ? barrier_code(opcode, modifiers) : immediate_;
  if (second_offset_ != 0) lowered.target = static_cast<std::uint32_t>(static_cast<std::int32_t>(second_offset_));
  for (const Widening& conversion : after_)
    put(widening(conversion.form.bits, conversion.form.is_signed, conversion.form.place, conversion.to.place,
                 conversion.to.bits),
        std::array{conversion.to.reference, conversion.from}, false);
  if ((opcode == "atom" || opcode == "red") &&
      std::none_of(modifiers.begin(), modifiers.end(),
                   [](std::string_view modifier) { return modifier.starts_with("shared"); }))
    orders_blocks_ = true;
}

void Lowering::lower_branch(const SyntaxInstruction& instruction, const Form& form) {
  const bool indexed = instruction.opcode == "brx";
  const std::size_t wanted = indexed ? 2 : 1;
  if (instruction.operands.size() != wanted)
    refuse(fmt::format("it has {} operands, this form takes {}", instruction.operands.size(), wanted));
  for (const SyntaxOperand& operand : instruction.operands)
    if (operand.kind != OperandKind::name) refuse("a name must stand here");
  if (!indexed) {
    const Label label = label_named(instruction.operands[0].name);
    put(form, {});
    draft_.more.back().target = label;
    return;
  }
  const auto found = frame_->facts->branch_targets.find(instruction.operands[1].name);
  if (found == frame_->facts->branch_targets.end())
    refuse(fmt::format("no .branchtargets is named {}", instruction.operands[1].name));
  std::vector<Label> labels;
  for (const std::string_view target : found->second->targets)
    labels.push_back(label_named(target));
  branch_targets_ += labels.size();
  if (branch_targets_ > most_branch_targets)
    refuse(fmt::format("more than {} targets of brx.idx after inlining", most_branch_targets));
  const Reference index = source(form.operands[0], instruction.operands[0], form.kind);
  Instruction& lowered = put(form, std::array{index});
  lowered.immediate = static_cast<std::int64_t>(draft_.branch_tables.size());
  lowered.negated = 1;  // which tells it from bra
  draft_.branch_tables.push_back(std::move(labels));
}

void Lowering::lower_instruction(const SyntaxInstruction& instruction) {
  current_ = &instruction;
  origin_ = {.line = instruction.line,
             .source_file = instruction.source_file,
             .source_line = instruction.source_line,
             .caller_file = instruction.caller_file,
             .caller_line = instruction.caller_line};
  set_guard(instruction);
  const std::string_view opcode = instruction.opcode;
  if ((opcode == "ld" || opcode == "st") && lower_parameter_access(instruction)) return;
  if (opcode == "mov") {
    for (const SyntaxOperand& operand : instruction.operands) {
      if (operand.kind != OperandKind::vector) continue;
      const bool packs = &operand != &instruction.operands.front();
      const std::string shape = fmt::format("mov.{}{}", packs ? "pack" : "unpack", operand.elements.size());
      return lower_plain(instruction, shape, instruction.modifiers, {});
    }
  }
  const Form* const form = context_.forms->find(instruction);
  if (form != nullptr && form->flow == Flow::branch) return lower_branch(instruction, *form);
  if (form != nullptr && form->flow == Flow::call) return lower_call(instruction, *form);
  if (form != nullptr && form->flow == Flow::ret && frame_->return_label != no_label) {
    static const Form back{.run = &do_nothing, .operands = {}, .kind = Class::control, .flow = Flow::branch};
    put(back, {});
    draft_.more.back().target = frame_->return_label;
    return;
  }
  lower_plain(instruction, opcode, instruction.modifiers, {});
}

}  // namespace attest::emulator
