#include "harness/backends/emulator/lexer.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace attest::emulator {
namespace {

enum CharacterClass : std::uint8_t { other = 0, blank = 1, digit = 2, letter = 4, name_mark = 8 };

constexpr std::array<std::uint8_t, 256> character_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  for (const char c : {' ', '\t', '\r', '\n', '\f', '\v'})
    classes[static_cast<unsigned char>(c)] = blank;
  for (int c = '0'; c <= '9'; ++c)
    classes[static_cast<std::size_t>(c)] = digit;
  for (int c = 'a'; c <= 'z'; ++c)
    classes[static_cast<std::size_t>(c)] = letter;
  for (int c = 'A'; c <= 'Z'; ++c)
    classes[static_cast<std::size_t>(c)] = letter;
  for (const char c : {'_', '$', '%'})
    classes[static_cast<unsigned char>(c)] = name_mark;
  return classes;
}();

std::uint8_t class_of(char c) {
  return character_classes[static_cast<unsigned char>(c)];
}

// What may follow in a name: letters, digits, _ and $, but no second %.
bool continues_name(char c) {
  return (class_of(c) & (digit | letter)) != 0 || c == '_' || c == '$';
}

bool is_hex(char c) {
  return (class_of(c) & digit) != 0 || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte >= 0x7f ? fmt::format("\\x{:02x}", byte) : std::string(1, c);
  }
  if (text.size() > longest) result += "...";
  return result;
}

Lexer::Lexer(std::string_view text, std::string_view name)
    : name_(name), cursor_(text.data()), end_(text.data() + text.size()) {
  advance();
}

void Lexer::fail(int line, std::string_view message) const {
  throw LoadError(fmt::format("{}:{}: {}", name_, line, message), line);
}

void Lexer::fail_expected(std::string_view what) const {
  if (token_.kind == TokenKind::end) fail(token_.line, fmt::format("the text ends here; expected {}", what));
  fail(token_.line, fmt::format("found '{}'; expected {}", shown(token_.text), what));
}

void Lexer::expect(char symbol, std::string_view where) {
  if (!accept(symbol)) fail_expected(fmt::format("'{}' {}", symbol, where));
}

std::string_view Lexer::expect_word(std::string_view what) {
  if (token_.kind != TokenKind::word) fail_expected(what);
  return next().text;
}

std::int64_t Lexer::expect_integer(std::string_view what, std::int64_t low, std::int64_t high) {
  if (token_.kind != TokenKind::integer) fail_expected(what);
  const Token taken = next();
  if (taken.integer < low || taken.integer > high)
    fail(taken.line, fmt::format("{} is '{}'; expected {} to {}", what, shown(taken.text), low, high));
  return taken.integer;
}

void Lexer::skip_comment() {
  const int first = line_;
  if (cursor_[1] == '/') {
    const void* newline = std::memchr(cursor_, '\n', static_cast<std::size_t>(end_ - cursor_));
    cursor_ = newline != nullptr ? static_cast<const char*>(newline) : end_;
    return;
  }
  for (cursor_ += 2; cursor_ != end_; ++cursor_) {
    if (*cursor_ == '\n') ++line_;
    if (*cursor_ == '*' && cursor_[1] == '/') {
      cursor_ += 2;
      return;
    }
  }
  fail(first, "this comment has no end; expected '*/'");
}

void Lexer::skip_blanks() {
  for (;;) {
    while ((class_of(*cursor_) & blank) != 0) {
      if (*cursor_ == '\n') ++line_;
      ++cursor_;
    }
    if (*cursor_ != '/' || (cursor_[1] != '/' && cursor_[1] != '*')) return;
    skip_comment();
  }
}

void Lexer::advance() {
  skip_blanks();
  const char* start = cursor_;
  token_.line = line_;
  const std::uint8_t kind = class_of(*start);
  if ((kind & (letter | name_mark)) != 0) {
    ++cursor_;
    while (continues_name(*cursor_))
      ++cursor_;
    token_.kind = TokenKind::word;
    token_.text = {start, static_cast<std::size_t>(cursor_ - start)};
    if (token_.text == "%" || token_.text == "$") fail(line_, fmt::format("'{}' alone is no name", token_.text));
    return;
  }
  if (*start == '.') {
    do {
      cursor_ += *cursor_ == '.' ? 1 : 2;  // the dot, or the :: between two parts
      const char* part = cursor_;
      while (continues_name(*cursor_))
        ++cursor_;
      if (cursor_ == part) fail(line_, "'.' without a name; expected a directive, a type or a modifier such as '.f32'");
    } while (cursor_[0] == ':' && cursor_[1] == ':');
    token_.kind = TokenKind::dotted;
    token_.text = {start + 1, static_cast<std::size_t>(cursor_ - start - 1)};
    return;
  }
  if ((kind & digit) != 0) return read_number();
  if (*start == '"') return read_quoted();
  if (start == end_) {
    token_ = {.line = line_, .text = {}};
    return;
  }
  if (std::strchr(";,{}[]()<>|!:=@+-", *start) == nullptr || *start == '\0')
    fail(line_, fmt::format("the character '{}' has no place in PTX", shown({start, 1})));
  ++cursor_;
  token_.kind = TokenKind::symbol;
  token_.symbol = *start;
  token_.text = {start, 1};
}

// 12, 0x1F, 0b101, 017, each with an optional U; 0f and 0d with the bits in hexadecimal; 1.5, 1e-3.
void Lexer::read_number() {
  const char* start = cursor_;
  const auto finish = [&](TokenKind kind) {
    token_.kind = kind;
    token_.text = {start, static_cast<std::size_t>(cursor_ - start)};
    if (continues_name(*cursor_)) {
      while (continues_name(*cursor_))
        ++cursor_;
      fail(line_, fmt::format("'{}' is no number; expected one such as 12, 0x1F, 0b101, 1.5 or 0f3F800000",
                              shown({start, static_cast<std::size_t>(cursor_ - start)})));
    }
  };
  const char second = start[0] == '0' ? start[1] : '\0';
  int base = 10;
  if (second == 'f' || second == 'F' || second == 'd' || second == 'D') {
    const bool single = second == 'f' || second == 'F';
    cursor_ += 2;
    const char* digits = cursor_;
    while (is_hex(*cursor_))
      ++cursor_;
    finish(TokenKind::floating);
    if (cursor_ - digits != (single ? 8 : 16))
      fail(line_, fmt::format("'{}' is no floating constant; expected 0{} and {} hexadecimal digits",
                              shown(token_.text), single ? 'f' : 'd', single ? 8 : 16));
    token_.single = single;
    std::from_chars(digits, cursor_, token_.bits, 16);
    return;
  }
  if (second == 'x' || second == 'X') base = 16;
  if (second == 'b' || second == 'B') base = 2;
  const char* digits = base == 10 ? start : start + 2;
  cursor_ = digits;
  while (base == 16 ? is_hex(*cursor_) : (class_of(*cursor_) & digit) != 0)
    ++cursor_;
  const bool fraction = cursor_[0] == '.' && (class_of(cursor_[1]) & digit) != 0;
  const bool exponent = *cursor_ == 'e' || *cursor_ == 'E';
  if (base == 10 && (fraction || exponent)) return read_decimal_floating(start);
  if (base == 10 && cursor_ - start > 1 && *start == '0') base = 8;
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(digits, cursor_, value, base);
  const bool whole = stop == cursor_ && cursor_ != digits;
  if (*cursor_ == 'U') ++cursor_;
  finish(TokenKind::integer);
  if (error == std::errc::result_out_of_range)
    fail(line_, fmt::format("'{}' does not fit in 64 bits", shown(token_.text)));
  if (!whole) fail(line_, fmt::format("'{}' is no number of base {}", shown(token_.text), base));
  token_.integer = static_cast<std::int64_t>(value);
}

void Lexer::read_decimal_floating(const char* start) {
  double value = 0.0;
  const auto [stop, error] = std::from_chars(start, end_, value);
  if (error != std::errc{} || !std::isfinite(value)) fail(line_, "this floating constant is beyond a double");
  cursor_ = stop;
  token_.kind = TokenKind::floating;
  token_.text = {start, static_cast<std::size_t>(stop - start)};
  token_.single = false;
  std::memcpy(&token_.bits, &value, sizeof(value));
  if (continues_name(*cursor_)) fail(line_, fmt::format("'{}' runs into a name", shown(token_.text)));
}

void Lexer::read_quoted() {
  const char* start = ++cursor_;
  for (; cursor_ != end_ && *cursor_ != '"' && *cursor_ != '\n'; ++cursor_)
    if (*cursor_ == '\\' && cursor_ + 1 != end_ && cursor_[1] != '\n') ++cursor_;
  if (cursor_ == end_ || *cursor_ != '"') fail(line_, "this string has no end; expected '\"' on the same line");
  token_.kind = TokenKind::quoted;
  token_.text = {start, static_cast<std::size_t>(cursor_ - start)};
  ++cursor_;
}

void Lexer::skip_braces() {
  const int first = token_.line;
  if (!at('{')) fail_expected("'{' of the section");
  while (cursor_ != end_ && *cursor_ != '}') {
    if (*cursor_ == '/' && (cursor_[1] == '/' || cursor_[1] == '*')) {
      skip_comment();
      continue;
    }
    if (*cursor_ == '{') fail(line_, "'{' inside a section; expected '}' first");
    if (*cursor_ == '\n') ++line_;
    ++cursor_;
  }
  if (cursor_ == end_) fail(first, "this section has no end; expected '}'");
  ++cursor_;
  advance();
}

}  // namespace attest::emulator
