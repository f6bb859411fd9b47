#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The text of a PTX module as a tree. All string_views point into the text, which Syntax owns.
namespace attest::emulator {

/// A fundamental type as written in declarations: "b32", "pred", "f16x2".
struct TypeName {
  std::string_view text;
  std::uint8_t bits = 0;  ///< 1 for pred
};

/// A state space: reg, sreg, const, global, local, param, shared.
enum class Space : std::uint8_t { reg, constant, global, local, param, shared };

enum class OperandKind : std::uint8_t {
  name,      ///< register, special register, variable, label or function
  integer,   ///< 12, 0x1F, -3, 0b1, 7U
  floating,  ///< 0f3F800000, 0d..., 1.5: `bits` are those of a double, or of a float when `single`
  vector,    ///< {a, b, c}
  address,   ///< [base + offset]: `name` empty when absolute
  pair,      ///< a|b: two destinations
  sink,      ///< _
  list,      ///< (a, b): of a call
};

/// One operand.
struct SyntaxOperand {
  OperandKind kind = OperandKind::name;
  std::string_view name;     ///< of name and address; "%tid.x" whole; "%v.x" for a component of a vector register
  bool negated = false;      ///< !p, or -%r where PTX allows it
  bool single = false;       ///< floating: written 0f
  std::int64_t integer = 0;  ///< value, an address's offset, or what is added to a name (`table+4`)
  std::uint64_t bits = 0;    ///< floating
  std::vector<SyntaxOperand> elements;  ///< of vector, pair and list
};

/// One instruction.
struct SyntaxInstruction {
  std::string_view guard;  ///< "%p1" or empty
  bool guard_negated = false;
  std::string_view form;    ///< "ld.global.v4.f32" as written: equal texts have equal forms
  std::string_view opcode;  ///< "ld"
  std::vector<std::string_view>
      modifiers;  ///< "global", "v4", "f32": as written, "::" inside kept ("shared::cta", "L2::128B")
  std::vector<SyntaxOperand> operands;
  int line = 0;         ///< of the PTX text, from 1
  int source_file = 0;  ///< of the last .loc, index into Syntax::files; 0: none
  int source_line = 0;
  int caller_file = 0;  ///< where the code was inlined into (`inlined_at`), the nearest level; 0: not inlined
  int caller_line = 0;
};

/// A variable or a parameter. A parameter of a .func may lie in Space::reg; the name `_` is none.
struct SyntaxVariable {
  std::string_view name;
  Space space = Space::reg;
  TypeName type;
  std::uint32_t vector = 1;              ///< 2 or 4 for .v2, .v4
  std::uint32_t alignment = 0;           ///< 0: natural
  std::vector<std::int64_t> dimensions;  ///< of an array, outermost first; 0 in the first: unsized (.extern .shared)
  std::uint32_t count = 0;               ///< registers declared as %r<9>: 9; 0 when single
  bool external = false;
  /// Initialiser as bytes, the rest of the variable being zero, and addresses of symbols to be put in (offset in the
  /// variable, symbol, addend).
  std::vector<std::byte> initial;
  struct Relocation {
    std::size_t offset = 0;
    std::string_view symbol;
    std::int64_t addend = 0;
    bool generic = false;  ///< generic(symbol)
  };
  std::vector<Relocation> relocations;
  int line = 0;
};

/// What a .callprototype says (named by the `label` of its statement).
struct SyntaxPrototype {
  std::vector<SyntaxVariable> returns;
  std::vector<SyntaxVariable> parameters;
};

/// What stands in a body, in order.
struct SyntaxStatement {
  enum class Kind : std::uint8_t {
    instruction,
    label,
    variable,
    open_scope,
    close_scope,
    branch_targets,
    call_targets,
    call_prototype,
  };
  Kind kind = Kind::instruction;
  std::uint32_t index = 0;  ///< into SyntaxFunction::instructions, ::variables or ::prototypes
  int line = 0;
  std::string_view label;
  std::vector<std::string_view> targets;  ///< of .branchtargets and .calltargets (with `label`)
};

/// .entry or .func.
struct SyntaxFunction {
  std::string_view name;
  bool is_entry = false;
  bool has_body = true;  ///< false: a declaration
  bool no_return = false;
  std::vector<SyntaxVariable> returns;
  std::vector<SyntaxVariable> parameters;
  std::vector<SyntaxVariable> variables;
  std::vector<SyntaxInstruction> instructions;
  std::vector<SyntaxPrototype> prototypes;
  std::vector<SyntaxStatement> statements;
  std::optional<std::array<std::uint32_t, 3>> required_block;  ///< .reqntid
  std::optional<std::array<std::uint32_t, 3>> maximum_block;   ///< .maxntid
  int line = 0;
};

/// .alias: another name of a function that has a body.
struct SyntaxAlias {
  std::string_view name;
  std::string_view function;
  int line = 0;
};

/// A module.
struct Syntax {
  std::string_view version;
  std::string_view target;  ///< "sm_80"
  int address_bits = 64;
  std::vector<std::string> files;  ///< of .file, by index; [0] is empty
  std::vector<SyntaxVariable> variables;
  std::vector<SyntaxFunction> functions;
  std::vector<SyntaxAlias> aliases;
  std::shared_ptr<const std::string> text;
};

/// Reads PTX. Throws LoadError naming `name` and the line for anything that is not well-formed PTX of the part that
/// Attest knows; whether an instruction's form is known is decided later (program.hpp).
Syntax parse(std::string text, std::string_view name);

}  // namespace attest::emulator
