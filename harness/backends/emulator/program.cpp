#include "harness/backends/emulator/program.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <stdexcept>

#include "harness/backends/emulator/lowering.hpp"
#include "harness/backends/emulator/synthetic.hpp"

namespace attest::emulator {
namespace {

struct SpecialName {
  std::string_view name;
  Special special;
};
constexpr std::array special_names{
    SpecialName{"%tid.x", Special::tid_x},
    SpecialName{"%tid.y", Special::tid_y},
    SpecialName{"%tid.z", Special::tid_z},
    SpecialName{"%ntid.x", Special::ntid_x},
    SpecialName{"%ntid.y", Special::ntid_y},
    SpecialName{"%ntid.z", Special::ntid_z},
    SpecialName{"%ctaid.x", Special::ctaid_x},
    SpecialName{"%ctaid.y", Special::ctaid_y},
    SpecialName{"%ctaid.z", Special::ctaid_z},
    SpecialName{"%nctaid.x", Special::nctaid_x},
    SpecialName{"%nctaid.y", Special::nctaid_y},
    SpecialName{"%nctaid.z", Special::nctaid_z},
    SpecialName{"%laneid", Special::laneid},
    SpecialName{"%warpid", Special::warpid},
    SpecialName{"%nwarpid", Special::nwarpid},
    SpecialName{"%smid", Special::smid},
    SpecialName{"%nsmid", Special::nsmid},
    SpecialName{"%gridid", Special::gridid},
    SpecialName{"%lanemask_eq", Special::lanemask_eq},
    SpecialName{"%lanemask_le", Special::lanemask_le},
    SpecialName{"%lanemask_lt", Special::lanemask_lt},
    SpecialName{"%lanemask_ge", Special::lanemask_ge},
    SpecialName{"%lanemask_gt", Special::lanemask_gt},
    SpecialName{"%dynamic_smem_size", Special::dynamic_smem_size},
    SpecialName{"%total_smem_size", Special::total_smem_size},
    SpecialName{"%clock", Special::clock},
    SpecialName{"%clock_hi", Special::clock_hi},
    SpecialName{"%clock64", Special::clock64},
    SpecialName{"%globaltimer", Special::clock64},
    SpecialName{"%globaltimer_lo", Special::clock},
    SpecialName{"%globaltimer_hi", Special::clock_hi},
};

}  // namespace

std::optional<Special> find_special(std::string_view name) {
  for (const SpecialName& each : special_names)
    if (each.name == name) return each.special;
  return std::nullopt;
}

int bits_of(Special special) {
  return special == Special::gridid || special == Special::clock64 ? 64 : 32;
}

std::uint64_t bytes_of(const SyntaxVariable& variable) {
  std::uint64_t bytes = static_cast<std::uint64_t>(variable.type.bits) / 8 * variable.vector;
  for (const std::int64_t dimension : variable.dimensions) {
    if (dimension < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes))
      throw LoadError(fmt::format("the size of {} does not fit in 64 bits", variable.name), variable.line);
  }
  return bytes;
}

std::uint32_t alignment_of(const SyntaxVariable& variable) {
  const std::uint32_t natural = std::max<std::uint32_t>(variable.type.bits / 8u, 1u) * variable.vector;
  return variable.alignment != 0 ? variable.alignment : natural;
}

std::string Program::source_of(std::uint32_t pc) const {
  const Origin& origin = origins[std::min<std::size_t>(pc, origins.size() - 1)];
  const auto place = [&](int file, int line) {
    return fmt::format("{}:{}", (*files)[static_cast<std::size_t>(file)], line);
  };
  const auto known = [&](int file) { return file > 0 && static_cast<std::size_t>(file) < files->size(); };
  if (!known(origin.source_file)) return fmt::format("{}:{}", module, origin.line);
  std::string text = place(origin.source_file, origin.source_line);
  if (known(origin.caller_file)) text += " inlined at " + place(origin.caller_file, origin.caller_line);
  return text;
}

const Form* FormCache::find(const SyntaxInstruction& instruction) {
  const auto found = found_.find(instruction.form);
  return found != found_.end() ? found->second : find(instruction.opcode, instruction.modifiers);
}

const Form* FormCache::find(std::string_view opcode, std::span<const std::string_view> modifiers) {
  std::string key(opcode);
  for (const std::string_view modifier : modifiers)
    key.append(".").append(modifier);
  const auto found = found_.find(key);
  if (found != found_.end()) return found->second;
  const Form* result = nullptr;
  if (auto form = find_form(opcode, modifiers, isa_, model_)) {
    if (form->operands.size() > std::size(Instruction{}.operand))
      throw std::logic_error("form " + key + " has too many operands");
    result = &forms_.emplace_back(std::move(*form));
  }
  found_.emplace(keys_.emplace_back(std::move(key)), result);
  return result;
}

const Form& FormCache::known(std::string_view opcode, std::initializer_list<std::string_view> modifiers) {
  const Form* const form = find(opcode, std::vector<std::string_view>(modifiers));
  if (form == nullptr) throw std::logic_error(fmt::format("a form of {} is missing", opcode));
  return *form;
}

FunctionFacts find_facts(const SyntaxFunction& function, std::string_view module) {
  FunctionFacts facts;
  facts.function = &function;
  facts.scope_parents.assign(1, 0);
  std::vector<std::uint32_t> open{0};
  for (const SyntaxStatement& statement : function.statements) {
    switch (statement.kind) {
      case SyntaxStatement::Kind::open_scope:
        facts.scope_parents.push_back(open.back());
        open.push_back(static_cast<std::uint32_t>(facts.scope_parents.size() - 1));
        break;
      case SyntaxStatement::Kind::close_scope:
        open.pop_back();
        break;
      case SyntaxStatement::Kind::label: {
        auto& places = facts.labels[statement.label];
        for (const auto& place : places)
          if (place.scope == open.back())
            throw LoadError(fmt::format("{}:{}: label {} is defined twice", module, statement.line, statement.label),
                            statement.line);
        places.push_back({.scope = open.back(), .number = facts.label_count++});
        break;
      }
      case SyntaxStatement::Kind::branch_targets:
        facts.branch_targets.emplace(statement.label, &statement);
        break;
      default:
        break;
    }
  }
  if (function.is_entry) return facts;
  const auto uses_of = [&](const std::vector<SyntaxVariable>& variables) {
    std::vector<ParameterUse> uses;
    for (const SyntaxVariable& variable : variables) {
      ParameterUse& use = uses.emplace_back();
      if (variable.space == Space::reg) {
        use.pieces.push_back({.offset = 0, .bytes = static_cast<std::uint32_t>(variable.type.bits / 8)});
        continue;
      }
      for (const SyntaxInstruction& instruction : function.instructions) {
        note_use(instruction, variable.name, use);
        // Handed on to another function: what that does with it is not followed.
        if (instruction.opcode == "call")
          for (const SyntaxOperand& operand : instruction.operands)
            for (const SyntaxOperand& element : operand.elements)
              use.address_taken |= element.name == variable.name;
      }
      settle(use);
    }
    return uses;
  };
  facts.parameters = uses_of(function.parameters);
  facts.results = uses_of(function.returns);
  return facts;
}

void Lowering::declare_entry_parameters(const SyntaxFunction& entry, EntryInfo& info) {
  for (const SyntaxVariable& parameter : entry.parameters) {
    declaration_line_ = parameter.line;
    const std::uint64_t bytes = bytes_of(parameter);
    const std::uint32_t alignment = std::max(alignment_of(parameter), 1u);
    const std::uint64_t offset = (info.parameter_bytes + std::uint64_t{alignment} - 1) / alignment * alignment;
    if (offset + bytes > 4096) refuse(fmt::format("entry {}: more than 4096 bytes of parameters", entry.name));
    info.parameter_offsets.push_back(static_cast<std::uint32_t>(offset));
    info.parameter_sizes.push_back(static_cast<std::uint32_t>(bytes));
    info.parameter_alignments.push_back(alignment);
    info.parameter_bytes = static_cast<std::uint32_t>(offset + bytes);
    const Symbol symbol{.kind = Symbol::Kind::entry_parameter, .address = offset};
    if (!frame_->scopes.declare(parameter.name, symbol, false))
      refuse(fmt::format("{} is declared twice", parameter.name));
  }
}

Program Lowering::lower(const SyntaxFunction& entry) {
  Program program;
  program.name = entry.name;
  program.module = context_.module;
  program.info.name = entry.name;
  program.info.required_block = entry.required_block;
  program.info.maximum_block = entry.maximum_block;

  Frame frame(context_.scopes);
  frame.facts = &context_.functions->at(entry.name);
  callers_.assign(1, entry.name);
  frame_ = &frame;
  declaration_line_ = entry.line;
  if (entry.is_entry) {
    declare_entry_parameters(entry, program.info);
    lower_body(frame);
  } else {
    // Nobody calls it; it is lowered all the same, so that what is unknown in it is found.
    frame.return_label = draft_.add_label();
    const auto declare_all = [&](const std::vector<SyntaxVariable>& variables, const std::vector<ParameterUse>& uses) {
      for (std::size_t index = 0; index < variables.size(); ++index) {
        if (variables[index].space == Space::reg) {
          declare_registers(variables[index]);
          continue;
        }
        Symbol symbol{.kind = Symbol::Kind::local_parameter};
        if (!uses[index].address_taken) {
          symbol.kind = Symbol::Kind::call_parameter;
          symbol.index = static_cast<std::uint32_t>(parameters_.size());
          parameters_.push_back(uses[index].pieces);
          for (ParameterPiece& piece : parameters_.back())
            piece.reference = temporary(piece.bytes == 8 ? Place::pair : Place::word);
        }
        frame.scopes.declare(variables[index].name, symbol, false);
      }
    };
    declare_all(entry.parameters, frame.facts->parameters);
    declare_all(entry.returns, frame.facts->results);
    lower_body(frame);
    draft_.bind(frame.return_label);
  }
  frame_ = nullptr;

  static const Form end{.run = &do_nothing, .operands = {}, .kind = Class::control, .flow = Flow::exit};
  guard_ = fixed_reference | predicate_true;
  guard_negated_ = false;
  current_ = nullptr;
  declaration_line_ = entry.line;
  put(end, {}, false);

  program.dynamic_shared_offset =
      static_cast<std::uint32_t>((shared_top_ + dynamic_alignment_ - 1) / dynamic_alignment_ * dynamic_alignment_);
  draft_.constants.set_dynamic_shared(program.dynamic_shared_offset);
  draft_.specials = std::move(specials_);
  try {
    allocate(draft_, program);
  } catch (const LoadError& error) {
    refuse(fmt::format("entry {} {}", entry.name, error.what()));
  }
  program.info.static_shared_bytes = static_cast<std::uint32_t>(shared_top_);
  program.info.local_bytes = static_cast<std::uint32_t>(local_bytes_);
  program.orders_blocks = orders_blocks_;
  return program;
}

std::vector<Program> lower(const Syntax& syntax, std::string_view module, const std::vector<PlacedVariable>& variables,
                           Isa isa, const ArithmeticModel& model) {
  Scopes scopes;
  std::vector<const SyntaxVariable*> shared;
  for (const SyntaxVariable& variable : syntax.variables) {
    if (variable.space != Space::shared) continue;
    shared.push_back(&variable);
    const Symbol symbol{.kind = Symbol::Kind::shared, .index = static_cast<std::uint32_t>(shared.size())};
    scopes.declare(variable.name, symbol, false);
  }
  for (const PlacedVariable& variable : variables)
    scopes.declare(variable.name, {.kind = Symbol::Kind::absolute, .address = variable.address}, false);

  std::unordered_map<std::string_view, FunctionFacts> functions;
  const auto define = [&](std::string_view name, const SyntaxFunction& function, int line) {
    if (!functions.emplace(name, find_facts(function, module)).second)
      throw LoadError(fmt::format("{}:{}: {} is defined twice", module, line, name), line);
  };
  for (const SyntaxFunction& function : syntax.functions)
    if (function.has_body) define(function.name, function, function.line);
  for (const SyntaxAlias& alias : syntax.aliases) {
    const auto found = functions.find(alias.function);
    if (found == functions.end())
      throw LoadError(fmt::format("{}:{}: no function of the module is named {}", module, alias.line, alias.function),
                      alias.line);
    define(alias.name, *found->second.function, alias.line);
  }
  FormCache forms(isa, model);
  ModuleContext context{.syntax = &syntax,
                        .module = module,
                        .scopes = &scopes,
                        .functions = &functions,
                        .shared_variables = &shared,
                        .forms = &forms};
  const auto files = std::make_shared<const std::vector<std::string>>(syntax.files);
  std::vector<Program> programs;
  for (const SyntaxFunction& function : syntax.functions) {
    if (!function.has_body) continue;
    Program program = Lowering(context).lower(function);
    if (!function.is_entry) continue;
    program.files = files;
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace attest::emulator
