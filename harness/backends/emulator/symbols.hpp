#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/backends/emulator/draft.hpp"
#include "harness/backends/emulator/syntax.hpp"

// Names of PTX and what they stand for, in nested scopes.
namespace attest::emulator {

/// What is known of the accesses to one .param variable of a call or of a .func: which bytes are read or written as
/// one.
struct ParameterPiece {
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
  Reference reference = 0;  ///< the register that holds the piece
};

/// One name.
struct Symbol {
  enum class Kind : std::uint8_t {
    registers,        ///< one, a vector of them, or a bank as %r<9>
    shared,           ///< static: an offset in shared memory
    dynamic_shared,   ///< .extern .shared: starts where dynamic shared memory does
    local,            ///< an offset in local memory
    absolute,         ///< .global or .const: an address
    entry_parameter,  ///< an offset in the parameter block
    call_parameter,   ///< .param of a call or of a .func, held in registers: Lowering::parameters[index]
    local_parameter,  ///< the same, held in local memory because its address is taken or its pieces overlap
  };
  Kind kind = Kind::registers;
  Place place = Place::word;
  std::uint8_t bits = 0;    ///< of one register
  std::uint8_t vector = 1;  ///< registers of a vector
  Reference first = 0;      ///< register
  std::uint32_t count = 0;  ///< of a bank
  std::uint32_t index = 0;  ///< of a call parameter
  std::uint64_t address = 0;
};

/// A register that an operand names.
struct RegisterName {
  Reference reference = 0;
  Place place = Place::word;
  std::uint8_t bits = 32;
};

/// Nested scopes of one function, on top of those of the module.
class Scopes {
 public:
  explicit Scopes(const Scopes* outer = nullptr) : outer_(outer) {}
  void open() { marks_.push_back(entries_.size()); }
  void close();
  bool is_open() const { return !marks_.empty(); }
  /// False where this scope has the name already.
  bool declare(std::string_view name, const Symbol& symbol, bool bank);
  /// The innermost symbol, or null.
  const Symbol* find(std::string_view name) const;
  /// The register of that name: of a bank, a single one, or a component `%v.x`; false where it is none.
  bool find_register(std::string_view name, RegisterName& found) const;

 private:
  static constexpr std::uint32_t none = 0xffffffffu;
  struct Entry {
    std::string_view name;
    Symbol symbol;
    bool bank = false;
    std::uint32_t shadowed = none;
  };
  using Index = std::unordered_map<std::string_view, std::uint32_t>;
  const Symbol* find_in(const Index& index, std::string_view name) const;

  const Scopes* outer_;
  Index names_;
  Index banks_;
  std::vector<Entry> entries_;
  std::vector<std::size_t> marks_;
};

}  // namespace attest::emulator
