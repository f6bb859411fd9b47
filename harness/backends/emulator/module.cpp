// Module: what is loaded once and launched often.

#include <cstring>
#include <fmt/format.h>
#include <list>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "harness/backends/emulator/launch.hpp"
#include "harness/backends/emulator/program.hpp"

namespace attest::emulator {

struct Module::State {
  struct Variable {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;
  };
  explicit State(GlobalMemory& global) : memory(global) {}
  ~State() {
    for (const auto& entry : variables)
      if (entry.second.bytes != 0) memory.free(entry.second.address);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  GlobalMemory& memory;
  std::string name;
  std::map<std::string, Variable, std::less<>> variables;
  std::shared_ptr<const std::vector<Program>> programs;

  const Program& program(std::string_view entry) const {
    std::string known;
    for (const Program& program : *programs) {
      if (program.name == entry) return program;
      known += (known.empty() ? "" : ", ") + program.name;
    }
    throw LaunchError(fmt::format("{} has no entry {}; it has {}", name, entry, known.empty() ? "none" : known));
  }
};

namespace {

// Of .global and .const together: all of it is filled when the module is loaded.
constexpr std::uint64_t most_variable_bytes = std::uint64_t{1} << 30;

void place(Module::State& state, const Syntax& syntax, std::vector<PlacedVariable>& placed) {
  std::uint64_t total = 0;
  for (const SyntaxVariable& variable : syntax.variables) {
    if (variable.space != Space::global && variable.space != Space::constant) continue;
    const auto refuse = [&](const std::string& reason) {
      throw LoadError(fmt::format("{}:{}: variable {}: {}", state.name, variable.line, variable.name, reason),
                      variable.line);
    };
    if (variable.external) refuse("it is external, and modules are not linked");
    const std::uint64_t bytes = bytes_of(variable);
    total += bytes;
    if (total > most_variable_bytes)
      refuse(fmt::format("with it the module's variables take {} bytes; at most {}", total, most_variable_bytes));
    Module::State::Variable in_memory{.address = 0, .bytes = bytes};
    if (bytes != 0) {
      try {
        in_memory.address =
            variable.space == Space::constant ? state.memory.allocate_constant(bytes) : state.memory.allocate(bytes);
      } catch (const std::bad_alloc&) {
        refuse(fmt::format("no room for {} bytes", bytes));
      }
      state.memory.fill(in_memory.address, 0, 1, bytes);
      if (!variable.initial.empty() &&
          !state.memory.write(in_memory.address, variable.initial.data(), variable.initial.size()))
        refuse("its initial value is larger than it");
    }
    if (!state.variables.emplace(std::string(variable.name), in_memory).second) refuse("it is declared twice");
    placed.push_back(
        {.name = variable.name, .space = variable.space, .address = in_memory.address, .bytes = in_memory.bytes});
  }
  for (const SyntaxVariable& variable : syntax.variables) {
    for (const SyntaxVariable::Relocation& relocation : variable.relocations) {
      const auto target = state.variables.find(relocation.symbol);
      if (target == state.variables.end())
        throw LoadError(fmt::format("{}:{}: variable {}: nothing in global memory is named {}", state.name,
                                    variable.line, variable.name, relocation.symbol),
                        variable.line);
      const std::uint64_t address = target->second.address + static_cast<std::uint64_t>(relocation.addend);
      state.memory.write(state.variables.find(variable.name)->second.address + relocation.offset, &address,
                         sizeof address);
    }
  }
}

// What was loaded lately. A module without variables is the same in any memory, and a test loads one a thousand times.
class LoadedPrograms {
 public:
  using Programs = std::shared_ptr<const std::vector<Program>>;
  struct Key {
    std::string text;
    std::string name;
    ArithmeticModel model;
    Isa isa;
    bool operator==(const Key&) const = default;
  };

  Programs find(const Key& key) {
    const std::lock_guard lock(guard_);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (!(entry->first == key)) continue;
      entries_.splice(entries_.begin(), entries_, entry);
      return entry->second;
    }
    return nullptr;
  }

  void add(Key key, Programs programs) {
    const std::lock_guard lock(guard_);
    entries_.emplace_front(std::move(key), std::move(programs));
    if (entries_.size() > most) entries_.pop_back();
  }

 private:
  static constexpr std::size_t most = 16;
  std::mutex guard_;
  std::list<std::pair<Key, Programs>> entries_;  // the last used first
};

LoadedPrograms& loaded_programs() {
  static LoadedPrograms programs;
  return programs;
}

}  // namespace

Module::Module(std::string ptx, std::string_view name, GlobalMemory& memory, const ArithmeticModel& model, Isa isa)
    : state_(std::make_unique<State>(memory)) {
  state_->name = name;
  LoadedPrograms::Key key{.text = std::move(ptx), .name = std::string(name), .model = model, .isa = isa};
  state_->programs = loaded_programs().find(key);
  if (state_->programs != nullptr) return;
  const Syntax syntax = parse(key.text, name);
  if (syntax.address_bits != 64)
    throw LoadError(fmt::format("{}: addresses of {} bits are not supported, only 64", name, syntax.address_bits), 0);
  std::vector<PlacedVariable> placed;
  place(*state_, syntax, placed);
  state_->programs = std::make_shared<const std::vector<Program>>(lower(syntax, name, placed, isa, model));
  if (placed.empty()) loaded_programs().add(std::move(key), state_->programs);
}

Module::~Module() = default;
Module::Module(Module&&) noexcept = default;

std::vector<std::string> Module::entries() const {
  std::vector<std::string> names;
  for (const Program& program : *state_->programs)
    names.push_back(program.name);
  return names;
}

const EntryInfo& Module::entry(std::string_view name) const {
  return state_->program(name).info;
}

GlobalMemory::Range Module::variable(std::string_view name) const {
  const auto found = state_->variables.find(name);
  if (found == state_->variables.end()) return {};
  return {.start = found->second.address, .bytes = found->second.bytes};
}

LaunchResult Module::launch(std::string_view entry, const Size3& grid, const Size3& block,
                            std::uint32_t dynamic_shared_bytes, std::span<const std::byte> parameters,
                            const LaunchOptions& options) const {
  const LaunchShape shape{.program = &state_->program(entry),
                          .grid = grid,
                          .block = block,
                          .dynamic_shared_bytes = dynamic_shared_bytes,
                          .parameters = parameters,
                          .options = options};
  check(shape);
  return run(shape, state_->memory);
}

}  // namespace attest::emulator
