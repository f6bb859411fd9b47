#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/lexer.hpp"
#include "harness/backends/emulator/syntax.hpp"

namespace attest::emulator {

/// Recursive descent over one module's text; parse() is its front. One object reads one text.
class Parser {
 public:
  Parser(std::string_view text, std::string_view name, Syntax& into) : lexer_(text, name), syntax_(into) {}
  void read_module();

 private:
  // parser.cpp: what stands outside of bodies
  void read_header();
  void read_declaration();
  void read_linked_declaration();
  void read_function(bool is_entry, bool external);
  void read_performance_directives(SyntaxFunction& function);
  std::array<std::uint32_t, 3> read_extent(std::string_view directive);
  void read_file_directive();
  void read_alias();
  void skip_pragma();
  void skip_attribute();
  void check_files_exist() const;

  // parser_variables.cpp: declarations of variables and parameters
  std::vector<SyntaxVariable> read_parameters(std::string_view of);
  /// What follows the space, up to and with the ';': one variable or several of one type.
  void read_variables(Space space, bool external, std::vector<SyntaxVariable>& into);
  TypeName read_type();
  void read_shape(SyntaxVariable& variable);
  void read_dimensions(SyntaxVariable& variable);
  void read_initialiser(SyntaxVariable& variable);
  void read_initial_level(SyntaxVariable& variable, std::size_t level, std::int64_t first);
  void read_initial_value(SyntaxVariable& variable, std::int64_t element);

  // parser_body.cpp: statements
  void read_body(SyntaxFunction& function);
  void read_body_directive(SyntaxFunction& function);
  void read_label_directive(SyntaxFunction& function, std::string_view label);
  void read_location();
  void read_instruction(SyntaxFunction& function, const Token& opcode);
  SyntaxOperand read_operand();
  SyntaxOperand read_simple_operand();
  SyntaxOperand read_named_operand(const Token& word);
  SyntaxOperand read_address();
  SyntaxOperand read_group(char open, char close);
  std::int64_t read_offset(std::string_view what);

  Lexer lexer_;
  Syntax& syntax_;

  // The last .loc, and the highest file that any .loc names with its line, to be checked when all .file are read.
  struct Location {
    int file = 0;
    int line = 0;
    int caller_file = 0;
    int caller_line = 0;
  } location_;
  int highest_file_ = 0;
  int highest_file_at_ = 0;
  std::vector<std::uint8_t> file_declared_;
  // Reused by every instruction, so that its lists are allocated once and at their size.
  std::vector<std::string_view> modifiers_;
  std::vector<SyntaxOperand> operands_;
};

/// Largest number of elements, registers and the like that a text may ask for: above it is a mistake, or an attack.
inline constexpr std::int64_t count_limit = std::int64_t{1} << 20;
inline constexpr std::size_t parameters_limit = 4096;
inline constexpr std::int64_t variable_bytes_limit = std::int64_t{1} << 32;
inline constexpr std::int64_t initialised_bytes_limit = std::int64_t{1} << 28;

}  // namespace attest::emulator
