#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/backends/emulator/fault.hpp"

namespace attest::emulator {

enum class TokenKind : std::uint8_t {
  end,
  word,      ///< a name, opcode or register: `ld`, `%rd1`, `$L__BB0_2`, `_Z4kernPf`
  dotted,    ///< `.global`, `.L2::128B`: `text` without the first dot
  integer,   ///< `integer`
  floating,  ///< `bits`, `single`
  quoted,    ///< `text` without the quotes
  symbol,    ///< `symbol`, one character
};

struct Token {
  TokenKind kind = TokenKind::end;
  char symbol = 0;
  bool single = false;  ///< floating: written 0f, bits of a float
  int line = 0;
  std::string_view text;  ///< as written
  std::int64_t integer = 0;
  std::uint64_t bits = 0;
};

/// Cuts the text of a PTX module into tokens, one ahead of the reader. Throws LoadError for what is no token.
class Lexer {
 public:
  /// `text` is followed by a NUL, as a std::string's is; `name` is for messages. Both outlive the lexer.
  Lexer(std::string_view text, std::string_view name);

  const Token& peek() const { return token_; }
  Token next() {
    const Token taken = token_;
    advance();
    return taken;
  }
  bool at(char symbol) const { return token_.kind == TokenKind::symbol && token_.symbol == symbol; }
  bool at_dotted(std::string_view text) const { return token_.kind == TokenKind::dotted && token_.text == text; }
  /// Takes the token if it is that symbol.
  bool accept(char symbol) {
    if (!at(symbol)) return false;
    advance();
    return true;
  }
  bool accept_dotted(std::string_view text) {
    if (!at_dotted(text)) return false;
    advance();
    return true;
  }
  /// Takes that symbol; `where` says what it ends or begins ("after the operands of ld.global").
  void expect(char symbol, std::string_view where);
  std::string_view expect_word(std::string_view what);
  std::int64_t expect_integer(std::string_view what, std::int64_t low, std::int64_t high);
  /// The `{...}` of a .section, which is not looked into. The current token is its `{`.
  void skip_braces();

  /// Throws LoadError "name:line: message".
  [[noreturn]] void fail(int line, std::string_view message) const;
  /// The same at the current token, whose text is put in: "expected WHAT, found `text`".
  [[noreturn]] void fail_expected(std::string_view what) const;

 private:
  void advance();
  void skip_blanks();
  void skip_comment();
  void read_number();
  void read_decimal_floating(const char* start);
  void read_quoted();

  std::string_view name_;
  const char* cursor_;
  const char* end_;
  int line_ = 1;
  Token token_;
};

/// A token as it is shown in a message: cut to a sensible length, without unprintable characters.
std::string shown(std::string_view text);

}  // namespace attest::emulator
