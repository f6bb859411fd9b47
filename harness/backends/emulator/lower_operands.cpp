// Operands: the text's against the form's, strictly, except where PTX lets a register be wider than the type.

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <limits>

#include "harness/backends/emulator/lowering.hpp"
#include "harness/backends/emulator/synthetic.hpp"

namespace attest::emulator {
namespace {

const SyntaxOperand* const left_out = nullptr;

bool names_space(std::span<const std::string_view> modifiers, std::string_view space) {
  for (const std::string_view modifier : modifiers)
    if (modifier == space || (modifier.starts_with(space) && modifier.substr(space.size()).starts_with("::")))
      return true;
  return false;
}

std::string_view space_of(Symbol::Kind kind) {
  switch (kind) {
    case Symbol::Kind::shared:
    case Symbol::Kind::dynamic_shared:
      return "shared";
    case Symbol::Kind::local:
    case Symbol::Kind::local_parameter:
      return "local";
    case Symbol::Kind::entry_parameter:
    case Symbol::Kind::call_parameter:
      return "param";
    default:
      return {};
  }
}

/// What is wrong with a constant that only some values of are PTX: the size of an asynchronous copy, the number of a
/// barrier. Empty when nothing is.
std::string refused_constant(const SyntaxInstruction& instruction) {
  const auto& operands = instruction.operands;
  const auto has = [&](std::string_view modifier) {
    return std::find(instruction.modifiers.begin(), instruction.modifiers.end(), modifier) !=
           instruction.modifiers.end();
  };
  if (instruction.opcode == "cp" && has("async") && operands.size() >= 3) {
    const std::int64_t size = operands[2].kind == OperandKind::integer ? operands[2].integer : 0;
    if (size != 16 && (has("cg") || (size != 4 && size != 8)))
      return has("cg") ? "cp.async.cg copies 16 bytes" : "cp.async.ca copies 4, 8 or 16 bytes";
  }
  if ((instruction.opcode == "bar" || instruction.opcode == "barrier") && !has("warp")) {
    const std::size_t at = has("red") ? 1 : 0;
    if (at < operands.size() && operands[at].kind == OperandKind::integer &&
        (operands[at].integer < 0 || operands[at].integer > 15))
      return fmt::format("barrier {}: there are 16, numbered from 0", operands[at].integer);
  }
  return {};
}

}  // namespace

void Lowering::match_operands(const SyntaxInstruction& instruction, const Form& form) {
  if (const std::string refused = refused_constant(instruction); !refused.empty()) refuse(refused);
  matched_.clear();
  const std::vector<OperandForm>& wanted = form.operands;
  std::size_t given = 0;
  for (const SyntaxOperand& operand : instruction.operands)
    given += operand.kind == OperandKind::vector || operand.kind == OperandKind::pair ? operand.elements.size() : 1;
  const auto group_size = [&](std::size_t at) {
    std::size_t end = at + 1;
    while (wanted[at].group != 0 && end < wanted.size() && wanted[end].group == wanted[at].group)
      ++end;
    return end - at;
  };
  const auto count_error = [&] {
    std::size_t optional = 0;
    for (const OperandForm& operand : wanted)
      optional += operand.optional ? 1 : 0;
    const std::string least = optional == 0 ? "" : fmt::format("{} to ", wanted.size() - optional);
    refuse(fmt::format("it has {} operands, this form takes {}{}", given, least, wanted.size()));
  };

  // The second half of `p|q` is there or not by the bar; other optional sources are left out from the end.
  std::size_t missing = 0;
  {
    bool has_bar = false;
    for (const SyntaxOperand& operand : instruction.operands)
      has_bar |= operand.kind == OperandKind::pair;
    std::size_t expected = 0;
    std::size_t optional = 0;
    for (const OperandForm& operand : wanted) {
      if (operand.destination && operand.optional && !has_bar) continue;
      ++expected;
      optional += operand.optional && !operand.destination ? 1 : 0;
    }
    if (given > expected || expected - given > optional) count_error();
    missing = expected - given;
  }
  const auto is_left_out = [&](std::size_t at) {
    if (missing == 0 || !wanted[at].optional || wanted[at].destination) return false;
    std::size_t later = 0;
    for (std::size_t index = at + 1; index < wanted.size(); ++index)
      later += wanted[index].optional && !wanted[index].destination ? 1 : 0;
    return later < missing;
  };

  for (const SyntaxOperand& operand : instruction.operands) {
    while (matched_.size() < wanted.size() &&
           (is_left_out(matched_.size()) || (wanted[matched_.size()].destination && wanted[matched_.size()].optional)))
      matched_.push_back(left_out);
    const std::size_t at = matched_.size();
    if (at >= wanted.size()) count_error();
    if (operand.kind == OperandKind::pair) {
      if (operand.elements.size() != 2 || at + 2 > wanted.size() || !wanted[at].destination ||
          !wanted[at + 1].destination || wanted[at + 1].group != 0)
        refuse("this form has no second destination after '|'");
      matched_.push_back(&operand.elements[0]);
      matched_.push_back(&operand.elements[1]);
      continue;
    }
    const std::size_t size = group_size(at);
    if (operand.kind == OperandKind::vector) {
      // One register may stand in braces where others of its form would stand with it: in mma, ldmatrix, ld and st.
      if (size == 1 && form.kind != Class::tensor && form.kind != Class::memory)
        refuse("braces stand where this form takes one operand");
      if (operand.elements.size() != size)
        refuse(fmt::format("a group of {} operands stands where this form has {}", operand.elements.size(), size));
      for (const SyntaxOperand& element : operand.elements)
        matched_.push_back(&element);
      continue;
    }
    if (size != 1) refuse(fmt::format("operand {} must be a group of {} in braces", at + 1, size));
    matched_.push_back(&operand);
  }
  while (matched_.size() < wanted.size()) {
    if (!wanted[matched_.size()].optional) count_error();
    matched_.push_back(left_out);
  }
}

Reference Lowering::symbol_address(const Symbol& symbol, Place place) {
  if (symbol.kind == Symbol::Kind::dynamic_shared) return draft_.constants.dynamic_shared(symbol.address, place);
  return place == Place::pair ? draft_.constants.pair(symbol.address)
                              : draft_.constants.word(static_cast<std::uint32_t>(symbol.address));
}

Reference Lowering::constant(const OperandForm& form, const SyntaxOperand& operand, Class kind) {
  if (operand.kind == OperandKind::floating) {
    if (!form.floating) refuse("a floating constant stands where this form takes none");
    if (form.bits == 64)
      return draft_.constants.pair(operand.single ? std::bit_cast<std::uint64_t>(static_cast<double>(
                                                        std::bit_cast<float>(static_cast<std::uint32_t>(operand.bits))))
                                                  : operand.bits);
    if (form.bits != 32) refuse("a floating constant of 16 bits does not exist: write its bits");
    return draft_.constants.word(
        operand.single ? static_cast<std::uint32_t>(operand.bits)
                       : std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(operand.bits))));
  }
  // mov.b32 and its like take either; where the type is floating, an integer would be read as bits.
  if (form.floating && (kind == Class::floating || kind == Class::special))
    refuse("an integer constant stands where this form takes a floating one");
  if (form.bits >= 64) return draft_.constants.pair(static_cast<std::uint64_t>(operand.integer));
  const std::int64_t limit = std::int64_t{1} << form.bits;
  if (operand.integer >= limit || operand.integer < -limit / 2)
    refuse(fmt::format("the constant {} does not fit in {} bits", operand.integer, form.bits));
  return draft_.constants.word(static_cast<std::uint32_t>(operand.integer & (limit - 1)));
}

Reference Lowering::special_register(Special special, const OperandForm& form) {
  const int bits = bits_of(special);
  if (bits != form.bits && !form.may_be_wider)
    refuse(fmt::format("a special register of {} bits stands where this form takes {}", bits, form.bits));
  const Place place = bits == 64 ? Place::pair : Place::word;
  if (special >= Special::clock) {
    const Reference now = temporary(place);
    put(clock_read(place), std::array{now}, false).immediate = special == Special::clock_hi ? 1 : 0;
    return now;
  }
  for (const auto& [known, reference] : specials_)
    if (known == special) return reference;
  const Reference reference = temporary(place);
  specials_.emplace_back(special, reference);
  return reference;
}

Reference Lowering::source(const OperandForm& form, const SyntaxOperand& operand, Class kind) {
  if (form.immediate_only) {
    if (operand.kind != OperandKind::integer) refuse("this operand must be an integer constant");
    immediate_ = operand.integer;
    return draft_.constants.word(static_cast<std::uint32_t>(operand.integer));
  }
  if (operand.negated) refuse("a negated operand that is no predicate");
  if (operand.kind == OperandKind::integer || operand.kind == OperandKind::floating)
    return constant(form, operand, kind);
  if (operand.kind != OperandKind::name) refuse("a register or a constant must stand here");

  RegisterName found;
  if (!frame_->scopes.find_register(operand.name, found)) {
    if (const auto special = find_special(operand.name)) {
      found = {.reference = special_register(*special, form),
               .place = bits_of(*special) == 64 ? Place::pair : Place::word,
               .bits = static_cast<std::uint8_t>(bits_of(*special))};
    } else if (const Symbol* const symbol = frame_->scopes.find(operand.name)) {
      if (symbol->kind == Symbol::Kind::registers) refuse(fmt::format("{} is a vector", operand.name));
      if (form.bits < 32) refuse(fmt::format("the address of {} does not fit in {} bits", operand.name, form.bits));
      Symbol exact = resolved(*symbol);
      if (exact.kind == Symbol::Kind::call_parameter) refuse(fmt::format("{} has no address here", operand.name));
      exact.address += static_cast<std::uint64_t>(operand.integer);
      return symbol_address(exact, form.place);
    } else {
      refuse(fmt::format("nothing is named {}", operand.name));
    }
  }
  if (found.place == Place::predicate) refuse(fmt::format("{} is a predicate", operand.name));
  if (found.bits == form.bits) return found.reference;
  if (!form.may_be_wider || found.bits < form.bits)
    refuse(fmt::format("{} has {} bits, this form takes {}", operand.name, found.bits, form.bits));
  // The rest of the register does not count. A store never looks at it, as long as it is a word.
  if (found.place == form.place && (kind == Class::memory || form.bits >= 32)) return found.reference;
  const Reference narrow = temporary(form.place);
  put(widening(form.bits, false, found.place, form.place, form.bits), std::array{narrow, found.reference}, false);
  return narrow;
}

Reference Lowering::destination(const OperandForm& form, const SyntaxOperand& operand) {
  if (operand.kind == OperandKind::sink) return temporary(form.place);
  RegisterName found;
  if (operand.kind != OperandKind::name || operand.negated || !frame_->scopes.find_register(operand.name, found))
    refuse(operand.name.empty() ? "a destination must be a register"
                                : fmt::format("no register is named {}", operand.name));
  if (found.place == Place::predicate) refuse(fmt::format("{} is a predicate", operand.name));
  if (found.bits == form.bits) return found.reference;
  if (!form.may_be_wider || found.bits < form.bits)
    refuse(fmt::format("{} has {} bits, this form writes {}", operand.name, found.bits, form.bits));
  if (found.place == form.place && !form.is_signed) return found.reference;
  const Reference narrow = temporary(form.place);
  after_.push_back({.from = narrow, .form = form, .to = found});
  return narrow;
}

Reference Lowering::predicate(const OperandForm& form, const SyntaxOperand& operand, std::uint32_t bit) {
  if (form.destination && operand.kind == OperandKind::sink) return fixed_reference | predicate_discard;
  if (!form.destination && operand.kind == OperandKind::integer)
    return fixed_reference | (operand.integer != 0 ? predicate_true : predicate_false);
  RegisterName found;
  if (operand.kind != OperandKind::name || !frame_->scopes.find_register(operand.name, found))
    refuse(operand.name.empty() ? "a predicate must stand here" : fmt::format("no register is named {}", operand.name));
  if (found.place != Place::predicate) refuse(fmt::format("{} is no predicate", operand.name));
  if (operand.negated) {
    if (form.destination) refuse("a negated destination");
    negated_ |= 1u << bit;
  }
  return found.reference;
}

Reference Lowering::address(const SyntaxOperand& operand, std::span<const std::string_view> modifiers,
                            std::uint32_t bit, const std::optional<Symbol>& replaced_base) {
  if (operand.kind != OperandKind::address) refuse("an address in brackets must stand here");
  if (has_offset_) {
    if (operand.integer < std::numeric_limits<std::int32_t>::min() ||
        operand.integer > std::numeric_limits<std::int32_t>::max())
      refuse("the offset does not fit in 32 bits");
    second_offset_ = operand.integer;
  } else {
    immediate_ = operand.integer;
    has_offset_ = true;
  }
  if (replaced_base) return symbol_address(*replaced_base, Place::pair);
  if (operand.name.empty()) return draft_.constants.pair(0);
  RegisterName found;
  if (frame_->scopes.find_register(operand.name, found)) {
    if (found.place == Place::predicate || found.bits < 32) refuse(fmt::format("{} holds no address", operand.name));
    if (found.place == Place::word) negated_ |= 1u << bit;
    return found.reference;
  }
  const Symbol* const symbol = frame_->scopes.find(operand.name);
  if (symbol == nullptr || symbol->kind == Symbol::Kind::registers)
    refuse(fmt::format("nothing in memory is named {}", operand.name));
  const Symbol exact = resolved(*symbol);
  const std::string_view space = space_of(exact.kind);
  if (!space.empty() && !names_space(modifiers, space))
    refuse(fmt::format("{} lies in .{}, which this form does not access", operand.name, space));
  if (exact.kind == Symbol::Kind::call_parameter) refuse(fmt::format("{} has no address here", operand.name));
  return symbol_address(exact, Place::pair);
}

}  // namespace attest::emulator
