#include "reports/latex_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <utility>

#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr std::size_t longest_piece = 24;  // characters without a place to break
constexpr double em = 8.51;                // points, of the 8 pt face

std::uint32_t next_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  std::uint32_t code = length == 1 ? first : first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(length);
  return code;
}

bool is_one_of(std::uint32_t code, std::string_view characters) {
  return code < 0x80 && characters.find(static_cast<char>(code)) != std::string_view::npos;
}

bool is_space(std::uint32_t code) {
  return is_one_of(code, " \n\t");
}

/// What TeX must read for characters that mean something to it; "" for all others.
std::string_view ascii_escape(std::uint32_t code) {
  static constexpr std::array<std::pair<char, std::string_view>, 24> escapes = {{{'\\', "$\\backslash$"},
                                                                                 {'{', "\\{"},
                                                                                 {'}', "\\}"},
                                                                                 {'$', "\\$"},
                                                                                 {'&', "\\&"},
                                                                                 {'#', "\\#"},
                                                                                 {'%', "\\%"},
                                                                                 {'_', "\\_"},
                                                                                 {'^', "\\^{}"},
                                                                                 {'~', "\\~{}"},
                                                                                 {'<', "$<$"},
                                                                                 {'>', "$>$"},
                                                                                 {'|', "$|$"},
                                                                                 {'-', "{-}"},
                                                                                 {'`', "{`}"},
                                                                                 {'\'', "{'}"},
                                                                                 {'"', "{\"}"},
                                                                                 {',', "{,}"},
                                                                                 {'[', "{[}"},
                                                                                 {']', "{]}"},
                                                                                 {'*', "{*}"},
                                                                                 {'\n', " "},
                                                                                 {'\t', " "},
                                                                                 {'?', "{?}"}}};
  for (const auto& [character, escape] : escapes) {
    if (static_cast<std::uint32_t>(character) == code) return escape;
  }
  return {};
}

/// The same in the fixed-width face, which holds all of ASCII where ASCII has it.
std::string code_escape(std::uint32_t code) {
  if (is_one_of(code, "\\{}$^~_")) return fmt::format("\\char\"{:02X}{{}}", code);
  if (is_one_of(code, "<>|")) return {static_cast<char>(code)};
  return std::string(ascii_escape(code));
}

std::string beyond_ascii(std::uint32_t code) {
  static constexpr std::array<std::pair<std::uint32_t, const char*>, 30> known = {
      {{0xA0, "~"},       {0xA7, "\\S{}"},      {0xB0, "$^\\circ$"},    {0xB1, "$\\pm$"},       {0xB2, "$^2$"},
       {0xB3, "$^3$"},    {0xB5, "$\\mu$"},     {0xB7, "$\\cdot$"},     {0xB9, "$^1$"},         {0xD7, "$\\times$"},
       {0xF7, "$\\div$"}, {0x3B1, "$\\alpha$"}, {0x3B2, "$\\beta$"},    {0x3B5, "$\\epsilon$"}, {0x3BB, "$\\lambda$"},
       {0x3BC, "$\\mu$"}, {0x3C0, "$\\pi$"},    {0x3C3, "$\\sigma$"},   {0x2013, "--"},         {0x2014, "---"},
       {0x2018, "`"},     {0x2019, "'"},        {0x201C, "``"},         {0x201D, "''"},         {0x2026, "\\dots{}"},
       {0x2212, "$-$"},   {0x221A, "$\\surd$"}, {0x2248, "$\\approx$"}, {0x2264, "$\\leq$"},    {0x2265, "$\\geq$"}}};
  for (const auto& [point, command] : known) {
    if (point == code) return command;
  }
  // The accented letters that TeX composes in any of its encodings: those of Latin-1 but eth and thorn.
  const bool composed = code >= 0xC0 && code <= 0xFF && code != 0xD0 && code != 0xDE && code != 0xF0 && code != 0xFE;
  if (composed) return {static_cast<char>(0xC3), static_cast<char>(0x80 | (code & 0x3F))};
  return fmt::format("{{[}}U+{:04X}{{]}}", code);
}

/// Whether a line may end after `code`, the `count`-th character since the last such place, when `next` follows.
bool breaks_after(std::uint32_t code, char next, std::size_t count) {
  if (next == ' ') return false;
  if (count >= longest_piece) return true;
  // --kernel and ../ stay together.
  if (code == static_cast<unsigned char>(next)) return false;
  // 1.5 and -12 stay whole.
  if (next >= '0' && next <= '9') return is_one_of(code, "/_");
  return is_one_of(code, "/_=,:;-.\\|");
}

double character_width(std::uint32_t code, bool code_face) {
  if (code >= 0x80 && beyond_ascii(code).find("U+") != std::string::npos) return 5.6;
  if (code_face) return 0.54;
  if (is_space(code)) return 0.36;
  if (is_one_of(code, "il.,;:'`|!")) return 0.31;
  if (is_one_of(code, "Mm%W@")) return 1.05;
  if (code >= 0x80 || is_one_of(code, "w+=<>~")) return 0.83;
  if (code >= 'A' && code <= 'Z') return 0.80;
  if (is_one_of(code, "fjrtsce()-[]/")) return 0.48;
  return 0.56;
}

/// A number's text in two: the digits, and the power of ten or "" where there is none.
std::pair<std::string, std::string> split_exponent(const std::string& text) {
  const std::size_t at = text.find('e');
  const bool digits = at != std::string::npos && at > 0 && text[at - 1] >= '0' && text[at - 1] <= '9';
  if (!digits) return {text, ""};
  std::string power = text.substr(at + 1);
  const bool negative = power.front() == '-';
  power.erase(0, power.find_first_not_of("+-0"));
  return {text.substr(0, at), (negative ? "-" : "") + (power.empty() ? "0" : power)};
}

}  // namespace

std::string escape_latex(std::string_view text, bool code) {
  const std::string clean = clean_utf8(text);
  std::string_view rest = clean;
  std::string result;
  std::size_t count = 0;
  while (!rest.empty()) {
    const std::uint32_t character = next_character(rest);
    const char next = rest.empty() ? ' ' : rest.front();
    const std::string escape = code ? code_escape(character) : std::string(ascii_escape(character));
    // Running text keeps its hyphens, quotes and commas; only doubled ones would become something else.
    const bool plain =
        !code && static_cast<std::uint32_t>(next) != character && next != '`' && is_one_of(character, "-',*?");
    if (character >= 0x80) {
      result += beyond_ascii(character);
    } else if (escape.empty() || plain) {
      result += static_cast<char>(character);
    } else {
      result += escape;
    }
    ++count;
    if (is_space(character)) {
      count = 0;
    } else if (breaks_after(character, next, count)) {
      result += "\\attestbreak{}";
      count = 0;
    }
  }
  return result;
}

TextWidth latex_width(std::string_view text, bool code, bool strong) {
  const std::string clean = clean_utf8(text);
  std::string_view rest = clean;
  TextWidth width;
  double piece = 0;
  std::size_t count = 0;
  while (!rest.empty()) {
    const std::uint32_t character = next_character(rest);
    const double one = em * (strong ? 1.16 : 1) * character_width(character, code);
    width.whole += one;
    piece += one;
    ++count;
    if (!is_space(character)) width.longest = std::max(width.longest, piece);
    if (is_space(character) || breaks_after(character, rest.empty() ? ' ' : rest.front(), count)) {
      piece = 0;
      count = 0;
    }
  }
  return width;
}

std::string latex_number(double value, NumberFormat format) {
  const auto [digits, power] = split_exponent(format_number(value, format));
  if (!power.empty()) return fmt::format("${}{{\\times}}10^{{{}}}$", digits, power);
  const std::size_t space = digits.find(' ');
  const std::string number = digits.substr(0, space);
  const std::string set = number.front() == '-' ? "$-$" + number.substr(1) : number;
  return space == std::string::npos ? set : set + "\\," + escape_latex(digits.substr(space + 1));
}

double latex_number_width(double value, NumberFormat format, bool strong) {
  const auto [digits, power] = split_exponent(format_number(value, format));
  const double sign = digits.front() == '-' ? 0.4 * em : 0;
  const double width = latex_width(digits, false, strong).whole + sign;
  if (power.empty()) return width;
  return width + (strong ? 1.16 : 1) * em * (2.1 + 0.45 * static_cast<double>(power.size()));
}

}  // namespace attest::reports
