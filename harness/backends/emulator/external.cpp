// Functions that device code calls and no PTX defines: printf's vprintf and assert's __assertfail.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <string>

#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/lowering.hpp"
#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {
namespace {

constexpr std::size_t longest_text = 4096;

std::string read_text(const Warp& warp, int lane, std::uint64_t address) {
  std::string text;
  char letter = 0;
  while (text.size() < longest_text && read_generic(warp, lane, address + text.size(), &letter, 1) && letter != '\0')
    text.push_back(letter);
  return text;
}

/// The arguments of vprintf lie in a row, each at its natural alignment: 4 bytes, or 8 for long, double and pointers.
class Arguments {
 public:
  Arguments(const Warp& warp, int lane, std::uint64_t address) : warp_(warp), lane_(lane), address_(address) {}
  template <class T>
  T next() {
    offset_ = (offset_ + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    T value{};
    if (!read_generic(warp_, lane_, address_ + offset_, &value, sizeof(T))) value = T{};
    offset_ += sizeof(T);
    return value;
  }

 private:
  const Warp& warp_;
  int lane_;
  std::uint64_t address_;
  std::uint64_t offset_ = 0;
};

template <class T>
void append(std::string& text, const std::string& conversion, T value) {
  char buffer[1024];
  const int length = std::snprintf(buffer, sizeof buffer, conversion.c_str(), value);
  if (length > 0) text.append(buffer, std::min<std::size_t>(static_cast<std::size_t>(length), sizeof buffer - 1));
}

/// One conversion, from its '%' on; returns where it ends. What is no conversion is printed as it stands.
std::size_t convert(const std::string& format, std::size_t start, Arguments& arguments, const Warp& warp, int lane,
                    std::string& text) {
  std::size_t at = start + 1;
  std::string conversion = "%";
  while (at < format.size() && std::strchr("-+ #0", format[at]) != nullptr)
    conversion.push_back(format[at++]);
  const auto number = [&] {
    if (at < format.size() && format[at] == '*') {
      ++at;
      conversion += std::to_string(std::clamp(arguments.next<std::int32_t>(), -512, 512));
      return;
    }
    std::string digits;
    while (at < format.size() && format[at] >= '0' && format[at] <= '9')
      digits.push_back(format[at++]);
    if (!digits.empty()) conversion += digits.size() > 3 ? "512" : digits;
  };
  number();
  if (at < format.size() && format[at] == '.') {
    conversion.push_back(format[at++]);
    number();
  }
  bool is_long = false;
  while (at < format.size() && std::strchr("hlLjzt", format[at]) != nullptr)
    is_long |= format[at++] != 'h';
  if (at >= format.size()) {
    text.append(format, start, at - start);
    return at;
  }
  const char letter = format[at++];
  switch (letter) {
    case '%':
      text.push_back('%');
      break;
    case 'd':
    case 'i':
      append(text, conversion + "lld",
             is_long ? static_cast<long long>(arguments.next<std::int64_t>()) : arguments.next<std::int32_t>());
      break;
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      append(
          text, conversion + "ll" + letter,
          is_long ? static_cast<unsigned long long>(arguments.next<std::uint64_t>()) : arguments.next<std::uint32_t>());
      break;
    case 'c':
      append(text, conversion + "c", arguments.next<std::int32_t>() & 0xff);
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
    case 'a':
    case 'A':
      append(text, conversion + letter, arguments.next<double>());
      break;
    case 's':
      append(text, conversion + "s", read_text(warp, lane, arguments.next<std::uint64_t>()).c_str());
      break;
    case 'p':
      append(text, "%#llx", static_cast<unsigned long long>(arguments.next<std::uint64_t>()));
      break;
    default:
      text.append(format, start, at - start);
      break;
  }
  return at;
}

// result, format, arguments
void print(const Instruction& instruction, Warp& warp, Mask active) {
  auto* const result = warp.destination<std::int32_t>(instruction.operand[0]);
  const auto* const formats = warp.source_as<std::uint64_t>(instruction.operand[1]);
  const auto* const values = warp.source_as<std::uint64_t>(instruction.operand[2]);
  std::string& printed = *static_cast<WarpState&>(warp).printed;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const int lane = std::countr_zero(rest);
    const std::string format = read_text(warp, lane, formats[lane]);
    Arguments arguments(warp, lane, values[lane]);
    std::int32_t conversions = 0;
    for (std::size_t at = 0; at < format.size();) {
      if (format[at] != '%') {
        printed.push_back(format[at++]);
        continue;
      }
      ++conversions;
      at = convert(format, at, arguments, warp, lane, printed);
    }
    result[lane] = conversions;
  }
}

// message, file, line, function, bytes of a character
void fail_assertion(const Instruction& instruction, Warp& warp, Mask active) {
  const int lane = std::countr_zero(active);
  const auto text = [&](int operand) {
    return read_text(warp, lane, warp.source_as<std::uint64_t>(instruction.operand[operand])[lane]);
  };
  const std::uint32_t line = warp.source_as<std::uint32_t>(instruction.operand[2])[lane];
  const std::string detail = fmt::format("{}:{}: {}: assertion `{}` failed", text(1), line, text(3), text(0));
  static_cast<WarpState&>(warp).printed->append(detail).push_back('\n');
  throw KernelFault{.kind = FaultKind::assertion, .lane = lane, .address = 0, .detail = detail};
}

}  // namespace

const Form* find_external(std::string_view name) {
  static const OperandForm word{.place = Place::word, .bits = 32};
  static const OperandForm pair{.place = Place::pair, .bits = 64};
  static const OperandForm result{.place = Place::word, .bits = 32, .destination = true};
  static const Form vprintf{.run = &print,
                            .operands = {result, pair, pair},
                            .kind = Class::control,
                            .flow = Flow::call,
                            .reads_before_write_unsafe = true};
  static const Form assertfail{
      .run = &fail_assertion, .operands = {pair, pair, word, pair, pair}, .kind = Class::control, .flow = Flow::call};
  if (name == "vprintf") return &vprintf;
  if (name == "__assertfail") return &assertfail;
  return nullptr;
}

}  // namespace attest::emulator
