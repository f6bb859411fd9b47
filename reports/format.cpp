#include "reports/format.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <utility>

namespace attest::reports {
namespace {

std::string not_finite(double value) {
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

/// 3 significant digits without an exponent: 1.23, 12.3, 123; meant for magnitudes from 1 to 9999.
std::string three_digits(double value) {
  const double size = std::abs(value);
  if (size >= 99.95) return fmt::format("{:.0f}", value);
  if (size >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

std::string with_prefix(double value, const std::pair<double, const char*>* steps, std::size_t count) {
  if (value == 0) return fmt::format("0 {}", steps[0].second);
  std::size_t chosen = 0;
  // 999.6 of one step reads better as 1.00 of the next.
  while (chosen + 1 < count && std::abs(value) >= 0.9995 * steps[chosen + 1].first)
    ++chosen;
  return fmt::format("{} {}", three_digits(value / steps[chosen].first), steps[chosen].second);
}

std::string format_seconds(double value) {
  static constexpr std::array<std::pair<double, const char*>, 4> steps = {
      {{1e-9, "ns"}, {1e-6, "µs"}, {1e-3, "ms"}, {1.0, "s"}}};
  return with_prefix(value, steps.data(), steps.size());
}

std::string format_bytes(double value) {
  static constexpr std::array<std::pair<double, const char*>, 5> steps = {
      {{1.0, "B"}, {1024.0, "KiB"}, {1048576.0, "MiB"}, {1073741824.0, "GiB"}, {1099511627776.0, "TiB"}}};
  for (std::size_t i = steps.size(); i-- > 0;) {
    const double scaled = value / steps[i].first;
    if (std::abs(scaled) >= 1 && scaled == std::floor(scaled) && std::abs(scaled) < 1024) {
      return fmt::format("{:.0f} {}", scaled, steps[i].second);
    }
  }
  return with_prefix(value, steps.data(), steps.size());
}

/// "-0.00" is 0.00.
std::string without_negative_zero(std::string text) {
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string significant(double value, int digits) {
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-4 || size >= 1e7)) return fmt::format("{:.{}e}", value, digits - 1);
  if (size == 0) return "0";
  // Of the rounded number: 0.9999 is 1.00 with three digits.
  const std::string rounded = fmt::format("{:.{}e}", value, digits - 1);
  const int exponent = std::stoi(rounded.substr(rounded.find('e') + 1));
  const int decimals = digits - 1 - exponent;
  return fmt::format("{:.{}f}", value, decimals > 0 ? decimals : 0);
}

template <typename Replace>
std::string replace_each(std::string_view text, Replace replace) {
  std::string result;
  result.reserve(text.size() + 16);
  for (const char character : text) {
    const std::string_view piece = replace(character);
    if (piece.empty()) {
      result += character;
    } else {
      result += piece;
    }
  }
  return result;
}

/// Length of the valid UTF-8 sequence that starts `text`, 0 if none does (overlong forms and surrogates are none).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  std::uint32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  static constexpr std::array<std::uint32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < smallest[length] || code > 0x10FFFF || surrogate ? 0 : length;
}

}  // namespace

std::string format_number(double value, NumberFormat format) {
  if (!std::isfinite(value)) return not_finite(value);
  switch (format.style) {
    case NumberFormat::Style::significant:
      return significant(value, format.digits);
    case NumberFormat::Style::fixed:
      return without_negative_zero(fmt::format("{:.{}f}", value, format.digits));
    case NumberFormat::Style::scientific:
      return value == 0 ? "0" : fmt::format("{:.{}e}", value, format.digits);
    case NumberFormat::Style::integer:
      return fmt::format("{:.0f}", value);
    case NumberFormat::Style::percent:
      return fmt::format("{:.{}f} %", 100 * value, format.digits);
    case NumberFormat::Style::seconds:
      return format_seconds(value);
    case NumberFormat::Style::bytes:
      return format_bytes(value);
    case NumberFormat::Style::shortest:
      return exact_number(value);
  }
  return exact_number(value);
}

std::string exact_number(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{:.0f}", value == 0 ? 0.0 : value);
  return fmt::format("{}", value);
}

std::string format_length(double value) {
  if (value >= 1048576 && std::fmod(value, 262144) == 0) return exact_number(value / 1048576) + "M";
  if (value >= 1024 && std::fmod(value, 256) == 0) return exact_number(value / 1024) + "k";
  return exact_number(value);
}

std::string threads_text(std::int64_t threads) {
  return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s");
}

std::string tick_label(double value, Quantity quantity) {
  switch (quantity) {
    case Quantity::length:
      return format_length(value);
    case Quantity::seconds:
    case Quantity::bytes: {
      // Ticks are round in their own unit, so the zeros after the point say nothing: "10.0 ms" is "10 ms".
      std::string text = quantity == Quantity::seconds ? format_seconds(value) : format_bytes(value);
      const std::size_t space = text.find(' ');
      std::string number = text.substr(0, space);
      if (number.find('.') != std::string::npos) {
        number.erase(number.find_last_not_of('0') + 1);
        if (number.back() == '.') number.pop_back();
      }
      return number + text.substr(space);
    }
    case Quantity::plain:
      break;
  }
  if (value != 0 && (std::abs(value) < 1e-3 || std::abs(value) >= 1e5)) return fmt::format("{:.0e}", value);
  return fmt::format("{:.12g}", value);
}

std::string column_title(const Column& column) {
  const NumberFormat::Style style = column.format.style;
  const bool own_unit = style == NumberFormat::Style::seconds || style == NumberFormat::Style::bytes ||
                        style == NumberFormat::Style::percent;
  return column.unit.empty() || own_unit ? column.name : column.name + " (" + column.unit + ")";
}

std::string escape_html(std::string_view text) {
  return replace_each(clean_utf8(text), [](char character) -> std::string_view {
    switch (character) {
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      case '"':
        return "&quot;";
      case '\'':
        return "&#39;";
      default:
        return {};
    }
  });
}

std::string escape_markdown(std::string_view text) {
  return replace_each(clean_utf8(text), [](char character) -> std::string_view {
    switch (character) {
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      case '|':
        return "\\|";
      case '*':
        return "\\*";
      case '_':
        return "\\_";
      case '`':
        return "\\`";
      case '\\':
        return "\\\\";
      case '[':
        return "\\[";
      case ']':
        return "\\]";
      case '#':
        return "\\#";
      case '~':
        return "\\~";
      case '$':
        return "\\$";
      case '\n':
      case '\r':
      case '\t':
        return " ";
      default:
        return {};
    }
  });
}

std::string markdown_code(std::string_view text) {
  // A bar inside backquotes still splits a table row in GitHub's Markdown unless it is escaped there.
  std::string body = replace_each(clean_utf8(text), [](char character) -> std::string_view {
    return character == '|' ? "\\|" : character == '\n' || character == '\r' || character == '\t' ? " " : "";
  });
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char character : body) {
    run = character == '`' ? run + 1 : 0;
    longest = run > longest ? run : longest;
  }
  if (body.empty()) return "";
  const std::string fence(longest + 1, '`');
  const std::string padding = longest > 0 ? " " : "";
  return fence + padding + body + padding + fence;
}

std::string csv_field(std::string_view text) {
  const std::string clean = clean_utf8(text);
  if (clean.find_first_of(",\"\r\n") == std::string::npos) return clean;
  return '"' + replace_each(clean, [](char character) -> std::string_view { return character == '"' ? "\"\"" : ""; }) +
         '"';
}

std::string tsv_field(std::string_view text) {
  return replace_each(clean_utf8(text), [](char character) -> std::string_view {
    return character == '\t' || character == '\n' ? " " : "";
  });
}

std::string gnuplot_string(std::string_view text) {
  return '\'' +
         replace_each(tsv_field(text),
                      [](char character) -> std::string_view { return character == '\'' ? "''" : ""; }) +
         '\'';
}

std::string slug(std::string_view text) {
  std::string result;
  for (const char character : text) {
    const bool upper = character >= 'A' && character <= 'Z';
    const bool kept = upper || (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
    if (kept) {
      result += upper ? static_cast<char>(character - 'A' + 'a') : character;
    } else if (!result.empty() && result.back() != '_') {
      result += '_';
    }
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  return result.empty() ? "x" : result;
}

std::string clean_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    const bool control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
    if (length == 0 || control) {
      result += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      result += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return result;
}

}  // namespace attest::reports
