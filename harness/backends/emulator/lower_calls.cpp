// Calls. A function is inlined in the place of each call; its parameters are those of the caller's .param variables,
// which live in registers, or in local memory where their address is taken or their pieces overlap.

#include <algorithm>
#include <fmt/format.h>

#include "harness/backends/emulator/lowering.hpp"
#include "harness/backends/emulator/synthetic.hpp"

namespace attest::emulator {
namespace {

bool accesses_parameters(const SyntaxInstruction& instruction) {
  return std::any_of(instruction.modifiers.begin(), instruction.modifiers.end(),
                     [](std::string_view modifier) { return modifier == "param" || modifier.starts_with("param::"); });
}

bool mentions(const SyntaxOperand& operand, std::string_view name) {
  if (operand.name == name) return true;
  return std::any_of(operand.elements.begin(), operand.elements.end(),
                     [&](const SyntaxOperand& element) { return mentions(element, name); });
}

/// Bytes and count of what `ld.param.v2.b32` moves.
std::pair<std::uint32_t, std::uint32_t> shape_of(const SyntaxInstruction& instruction) {
  std::uint32_t count = 1;
  for (const std::string_view modifier : instruction.modifiers)
    if (modifier == "v2" || modifier == "v4") count = static_cast<std::uint32_t>(modifier[1] - '0');
  std::uint32_t bits = 0;
  if (!instruction.modifiers.empty())
    for (const char letter : instruction.modifiers.back())
      if (letter >= '0' && letter <= '9') bits = 10 * bits + static_cast<std::uint32_t>(letter - '0');
  return {bits / 8, count};
}

}  // namespace

void note_use(const SyntaxInstruction& instruction, std::string_view name, ParameterUse& use) {
  const bool moves = (instruction.opcode == "ld" || instruction.opcode == "st") && accesses_parameters(instruction);
  for (const SyntaxOperand& operand : instruction.operands) {
    if (!mentions(operand, name)) continue;
    if (moves && operand.kind == OperandKind::address) {
      const auto [bytes, count] = shape_of(instruction);
      for (std::uint32_t index = 0; index < count; ++index)
        use.pieces.push_back({.offset = static_cast<std::uint32_t>(operand.integer) + index * bytes, .bytes = bytes});
    } else if (operand.kind != OperandKind::list) {
      use.address_taken = true;
    }
  }
}

void settle(ParameterUse& use) {
  std::sort(use.pieces.begin(), use.pieces.end(), [](const ParameterPiece& a, const ParameterPiece& b) {
    return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
  });
  const auto same = [](const ParameterPiece& a, const ParameterPiece& b) {
    return a.offset == b.offset && a.bytes == b.bytes;
  };
  use.pieces.erase(std::unique(use.pieces.begin(), use.pieces.end(), same), use.pieces.end());
  for (std::size_t index = 0; index < use.pieces.size(); ++index) {
    const ParameterPiece& piece = use.pieces[index];
    use.address_taken |= piece.bytes != 1 && piece.bytes != 2 && piece.bytes != 4 && piece.bytes != 8;
    if (index > 0) use.address_taken |= use.pieces[index - 1].offset + use.pieces[index - 1].bytes > piece.offset;
  }
}

std::optional<CallParts> call_parts(const SyntaxInstruction& instruction) {
  CallParts parts;
  std::size_t at = 0;
  const auto& operands = instruction.operands;
  if (at < operands.size() && operands[at].kind == OperandKind::list) parts.results = operands[at++].elements;
  if (at >= operands.size() || operands[at].kind != OperandKind::name || operands[at].name.starts_with('%')) return {};
  parts.callee = operands[at++].name;
  if (at < operands.size() && operands[at].kind == OperandKind::list) parts.arguments = operands[at++].elements;
  return at == operands.size() ? std::optional(parts) : std::nullopt;
}

void Lowering::declare_call_parameter(const SyntaxVariable& variable, std::uint32_t statement) {
  // What the rest of the scope does with it, and what the functions do that it is handed to.
  const SyntaxFunction& function = *frame_->facts->function;
  ParameterUse use;
  int depth = 0;
  for (std::size_t index = statement + 1; index < function.statements.size() && depth >= 0; ++index) {
    const SyntaxStatement& next = function.statements[index];
    if (next.kind == SyntaxStatement::Kind::open_scope) ++depth;
    if (next.kind == SyntaxStatement::Kind::close_scope) --depth;
    if (next.kind != SyntaxStatement::Kind::instruction) continue;
    const SyntaxInstruction& instruction = function.instructions[next.index];
    note_use(instruction, variable.name, use);
    if (instruction.opcode != "call") continue;
    const auto call = call_parts(instruction);
    const auto callee = call ? context_.functions->find(call->callee) : context_.functions->end();
    if (callee == context_.functions->end()) continue;
    const auto add = [&](std::span<const SyntaxOperand> named, const std::vector<ParameterUse>& uses) {
      for (std::size_t at = 0; at < std::min(named.size(), uses.size()); ++at) {
        if (named[at].name != variable.name) continue;
        use.pieces.insert(use.pieces.end(), uses[at].pieces.begin(), uses[at].pieces.end());
        use.address_taken |= uses[at].address_taken;
      }
    };
    add(call->arguments, callee->second.parameters);
    add(call->results, callee->second.results);
  }
  settle(use);
  Symbol symbol;
  if (use.address_taken) {
    symbol.kind = Symbol::Kind::local_parameter;
    symbol.address = take_local(bytes_of(variable), alignment_of(variable));
  } else {
    symbol.kind = Symbol::Kind::call_parameter;
    symbol.index = static_cast<std::uint32_t>(parameters_.size());
    for (ParameterPiece& piece : use.pieces)
      piece.reference = temporary(piece.bytes == 8 ? Place::pair : Place::word);
    parameters_.push_back(std::move(use.pieces));
  }
  if (!frame_->scopes.declare(variable.name, symbol, false)) refuse(fmt::format("{} is declared twice", variable.name));
}

// Moves between registers and the pieces of a parameter that lives in registers.
void Lowering::move_pieces(const SyntaxInstruction& instruction, const Symbol& parameter, std::uint64_t offset) {
  const bool loads = instruction.opcode == "ld";
  const auto shape = shape_of(instruction);
  const std::uint32_t bytes = shape.first;
  const std::uint32_t count = shape.second;
  const bool is_signed = instruction.modifiers.back().starts_with('s');
  const SyntaxOperand& value = instruction.operands[loads ? 0 : 1];
  const bool grouped = value.kind == OperandKind::vector;
  if ((grouped ? value.elements.size() : 1) != count) refuse(fmt::format("a group of {} must stand here", count));
  const Place place = bytes == 8 ? Place::pair : Place::word;
  const auto bits = static_cast<std::uint8_t>(8 * bytes);
  for (std::uint32_t index = 0; index < count; ++index) {
    const SyntaxOperand& element = grouped ? value.elements[index] : value;
    const auto& pieces = parameters_[parameter.index];
    const auto piece = std::find_if(pieces.begin(), pieces.end(),
                                    [&](const ParameterPiece& each) { return each.offset == offset + index * bytes; });
    if (piece == pieces.end() || piece->bytes != bytes) refuse("no such piece of the parameter");
    const OperandForm wanted{.place = place,
                             .bits = bits,
                             .destination = loads,
                             .floating = true,
                             .is_signed = is_signed,
                             .may_be_wider = true};
    const Form& plain = bits < 32 ? widening(bits, false, place, place, bits)
                                  : context_.forms->known("mov", {bits == 64 ? "b64" : "b32"});
    after_.clear();
    if (!loads) {
      put(plain, std::array{piece->reference, source(wanted, element, Class::move)});
      continue;
    }
    const Reference to = destination(wanted, element);
    put(plain, std::array{to, piece->reference});
    for (const Widening& conversion : after_)
      put(widening(bits, is_signed, place, conversion.to.place, conversion.to.bits),
          std::array{conversion.to.reference, conversion.from}, false);
  }
}

bool Lowering::lower_parameter_access(const SyntaxInstruction& instruction) {
  if (!accesses_parameters(instruction) || instruction.operands.size() != 2) return false;
  const SyntaxOperand& where = instruction.operands[instruction.opcode == "ld" ? 1 : 0];
  if (where.kind != OperandKind::address) return false;
  const Symbol* const symbol = frame_->scopes.find(where.name);
  std::optional<Symbol> base;
  if (symbol != nullptr && symbol->kind == Symbol::Kind::call_parameter) {
    move_pieces(instruction, *symbol, static_cast<std::uint64_t>(where.integer));
    return true;
  }
  if (symbol != nullptr && symbol->kind == Symbol::Kind::local_parameter) {
    base = *symbol;
  } else if (frame_->return_label == no_label && instruction.opcode == "ld") {
    return false;  // a parameter of the entry
  }
  // What is left lives in local memory.
  std::vector<std::string_view> modifiers = instruction.modifiers;
  for (std::string_view& modifier : modifiers)
    if (modifier == "param" || modifier.starts_with("param::")) modifier = "local";
  lower_plain(instruction, instruction.opcode, modifiers, base);
  return true;
}

// Where a parameter lives in the function: in the caller's own .param variable where both name one, else in a register
// or a variable of its own, which pass_value() fills or empties.
Symbol Lowering::parameter_of(const SyntaxVariable& variable, const ParameterUse& use, const SyntaxOperand& given) {
  if (variable.space == Space::param && is_param_variable(given)) return parameter_named(given);
  if ((variable.type.bits != 32 && variable.type.bits != 64) || variable.vector != 1 || !variable.dimensions.empty())
    refuse(fmt::format("{}: a parameter in a register has 32 or 64 bits", variable.name));
  const Place place = variable.type.bits == 64 ? Place::pair : Place::word;
  if (variable.space == Space::reg)
    return {.kind = Symbol::Kind::registers,
            .place = place,
            .bits = variable.type.bits,
            .first = temporary(place),
            .count = 0};
  const bool whole = std::all_of(use.pieces.begin(), use.pieces.end(), [&](const ParameterPiece& piece) {
    return piece.offset == 0 && 8 * piece.bytes == variable.type.bits;
  });
  if (use.address_taken || !whole)
    return {.kind = Symbol::Kind::local_parameter, .address = take_local(bytes_of(variable), alignment_of(variable))};
  const auto bytes = static_cast<std::uint32_t>(variable.type.bits / 8);
  parameters_.push_back({{.offset = 0, .bytes = bytes, .reference = temporary(place)}});
  return {.kind = Symbol::Kind::call_parameter, .index = static_cast<std::uint32_t>(parameters_.size() - 1)};
}

// Moves what is given in a call to the function's parameter, or a result back.
void Lowering::pass_value(const SyntaxVariable& variable, const Symbol& parameter, const SyntaxOperand& given,
                          bool inward) {
  if (variable.space == Space::param && is_param_variable(given)) return;
  const bool wide = variable.type.bits == 64;
  const OperandForm form{
      .place = wide ? Place::pair : Place::word, .bits = variable.type.bits, .destination = !inward, .floating = true};
  const std::string_view type = wide ? "b64" : "b32";
  // The value in a register: its own, or one between two places in memory.
  const auto move = [&](const Symbol& from, Reference to) {
    if (from.kind == Symbol::Kind::local_parameter)
      put(context_.forms->known("ld", {"local", type}), std::array{to, symbol_address(from, Place::pair)}, false);
    else
      put(context_.forms->known("mov", {type}), std::array{to, register_of(from, form)}, false);
  };
  const auto move_to = [&](const Symbol& to, Reference from) {
    if (to.kind == Symbol::Kind::local_parameter)
      put(context_.forms->known("st", {"local", type}), std::array{symbol_address(to, Place::pair), from}, false);
    else
      put(context_.forms->known("mov", {type}), std::array{register_of(to, form), from}, false);
  };
  if (!is_param_variable(given)) {
    if (inward)
      move_to(parameter, source(form, given, Class::move));
    else
      move(parameter, destination(form, given));
    return;
  }
  const Symbol outer = parameter_named(given);
  const Reference value = temporary(form.place);
  move(inward ? outer : parameter, value);
  move_to(inward ? parameter : outer, value);
}

// The register of a parameter that lives in one.
Reference Lowering::register_of(const Symbol& parameter, const OperandForm& form) const {
  if (parameter.kind == Symbol::Kind::registers) return parameter.first;
  for (const ParameterPiece& piece : parameters_[parameter.index])
    if (piece.offset == 0 && 8 * piece.bytes == form.bits) return piece.reference;
  refuse(fmt::format("a .param variable that is not used as one value of {} bits stands for a register", form.bits));
}

bool Lowering::is_param_variable(const SyntaxOperand& operand) const {
  const Symbol* const symbol = operand.kind == OperandKind::name ? frame_->scopes.find(operand.name) : nullptr;
  return symbol != nullptr &&
         (symbol->kind == Symbol::Kind::call_parameter || symbol->kind == Symbol::Kind::local_parameter);
}

Symbol Lowering::parameter_named(const SyntaxOperand& operand) {
  if (!is_param_variable(operand))
    refuse(fmt::format("{} is no .param variable: arguments of other kinds are not supported",
                       operand.name.empty() ? "an argument" : operand.name));
  return *frame_->scopes.find(operand.name);
}

void Lowering::lower_call(const SyntaxInstruction& instruction, const Form& form) {
  const auto call = call_parts(instruction);
  if (!call) refuse("calls through a pointer are not supported");
  const auto found = context_.functions->find(call->callee);
  if (found == context_.functions->end()) {
    if (find_external(call->callee) == nullptr)
      refuse(fmt::format("function {} has no body here; external functions known are vprintf and __assertfail",
                         call->callee));
    return lower_external(instruction, *call, form);
  }
  const FunctionFacts& facts = found->second;
  if (std::find(callers_.begin(), callers_.end(), facts.function->name) != callers_.end()) {
    std::string path;
    for (const std::string_view caller : callers_)
      path.append(caller).append(" -> ");
    refuse(fmt::format("recursion is not supported: {}{}", path, call->callee));
  }
  if (callers_.size() == deepest_call) refuse(fmt::format("more than {} calls inside each other", deepest_call));
  if (call->arguments.size() != facts.function->parameters.size() ||
      call->results.size() != facts.function->returns.size())
    refuse(fmt::format("{} takes {} arguments and gives {} results", call->callee, facts.function->parameters.size(),
                       facts.function->returns.size()));

  // The call itself is an instruction: a branch past the function where a guard is false.
  static const Form enter{.run = &do_nothing, .operands = {}, .kind = Class::control, .flow = Flow::none};
  static const Form skip{.run = &do_nothing, .operands = {}, .kind = Class::control, .flow = Flow::branch};
  const Label after = draft_.add_label();
  const SyntaxInstruction* const here = current_;
  const Origin origin = origin_;
  if (instruction.guard.empty()) {
    put(enter, {});
  } else {
    guard_negated_ = !guard_negated_;
    put(skip, {});
    draft_.more.back().target = after;
  }
  inline_function(facts, *call, origin);
  draft_.bind(after);
  current_ = here;
  origin_ = origin;
}

void Lowering::inline_function(const FunctionFacts& facts, const CallParts& call, const Origin& origin) {
  const SyntaxFunction& function = *facts.function;
  const SyntaxInstruction* const here = current_;
  const std::uint64_t local_top = local_top_;
  Frame frame(context_.scopes);
  frame.facts = &facts;
  frame.return_label = draft_.add_label();
  guard_ = fixed_reference | predicate_true;
  guard_negated_ = false;
  const auto declare_all = [&](const std::vector<SyntaxVariable>& variables, const std::vector<ParameterUse>& uses,
                               std::span<const SyntaxOperand> given, bool passes) {
    std::vector<Symbol> symbols;
    for (std::size_t index = 0; index < variables.size(); ++index) {
      symbols.push_back(parameter_of(variables[index], uses[index], given[index]));
      if (passes) pass_value(variables[index], symbols.back(), given[index], true);
      if (variables[index].name != "_" && !frame.scopes.declare(variables[index].name, symbols.back(), false))
        refuse(fmt::format("{} is declared twice", variables[index].name));
    }
    return symbols;
  };
  declare_all(function.parameters, facts.parameters, call.arguments, true);
  const std::vector<Symbol> results = declare_all(function.returns, facts.results, call.results, false);
  callers_.push_back(function.name);
  lower_body(frame);
  callers_.pop_back();
  draft_.bind(frame.return_label);
  current_ = here;
  origin_ = origin;
  guard_ = fixed_reference | predicate_true;
  guard_negated_ = false;
  for (std::size_t index = 0; index < results.size(); ++index)
    pass_value(function.returns[index], results[index], call.results[index], false);
  local_top_ = local_top;
}

void Lowering::lower_external(const SyntaxInstruction& instruction, const CallParts& call, const Form& form) {
  static_cast<void>(form);
  const Form& external = *find_external(call.callee);
  std::vector<Reference> references;
  const auto add = [&](std::span<const SyntaxOperand> named) {
    for (const SyntaxOperand& operand : named) {
      if (references.size() == external.operands.size()) break;
      const Symbol symbol = parameter_named(operand);
      const OperandForm& wanted = external.operands[references.size()];
      const std::uint32_t bytes = wanted.place == Place::pair ? 8 : 4;
      if (symbol.kind != Symbol::Kind::call_parameter)
        refuse(fmt::format("the address of {} is taken: not supported in a call of {}", operand.name, call.callee));
      auto& pieces = parameters_[symbol.index];
      if (pieces.empty() && wanted.destination) {
        references.push_back(temporary(wanted.place));
      } else if (pieces.size() == 1 && pieces[0].offset == 0 && pieces[0].bytes == bytes) {
        references.push_back(pieces[0].reference);
      } else {
        refuse(fmt::format("{} does not fit a parameter of {}", operand.name, call.callee));
      }
    }
  };
  const std::size_t results = external.operands[0].destination ? 1 : 0;
  if (call.results.size() != results || call.arguments.size() + results != external.operands.size())
    refuse(fmt::format("{} takes {} arguments and gives {} results", call.callee, external.operands.size() - results,
                       results));
  add(call.results);
  add(call.arguments);
  set_guard(instruction);
  put(external, references);
}

}  // namespace attest::emulator
