// Logic, shifts that clamp, bit fields, bit counts, permutations of bytes, three-input logic.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Operation = std::function<std::uint64_t(const std::uint64_t* sources)>;

FormCase of(const std::string& text, const Type& destination, const std::vector<Type>& sources,
            const Operation& operation, const std::string& operands = {}) {
  return {.text = text,
          .destinations = {destination},
          .sources = sources,
          .lane = [=](const std::uint64_t* s, Want* d) { d[0] = low_bits(operation(s), destination.bits); },
          .operands = operands};
}

/// Bits one at a time from the definition: position of the highest set bit (of a negative number, the highest clear
/// one), or all ones where there is none.
std::uint64_t find_highest(std::uint64_t value, const Type& type, bool shift_amount) {
  // PTX's own definition: of a negative number the complement is searched.
  const std::uint64_t searched = integer_value(value, type) < 0 ? low_bits(~value, type.bits) : value;
  for (int bit = type.bits - 1; bit >= 0; --bit)
    if ((searched >> bit & 1) != 0) return static_cast<std::uint64_t>(shift_amount ? type.bits - 1 - bit : bit);
  return 0xffffffffu;
}

std::uint64_t extract(const std::uint64_t* s, const Type& type) {
  const int position = static_cast<int>(s[1] & 0xff);
  const int length = static_cast<int>(s[2] & 0xff);
  const int top = type.bits - 1;
  const bool sign = type.is_signed && length != 0 && ((s[0] >> std::min(position + length - 1, top)) & 1) != 0;
  std::uint64_t field = 0;
  for (int i = 0; i <= top; ++i) {
    const bool bit = i < length && position + i <= top ? ((s[0] >> (position + i)) & 1) != 0 : sign;
    field |= std::uint64_t{bit} << i;
  }
  return field;
}

std::uint64_t insert(const std::uint64_t* s, int bits) {
  const int position = static_cast<int>(s[2] & 0xff);
  const int length = static_cast<int>(s[3] & 0xff);
  std::uint64_t result = s[1];
  for (int i = 0; i < length && position + i < bits; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << (position + i);
    result = (s[0] >> i & 1) != 0 ? result | bit : result & ~bit;
  }
  return result;
}

std::uint64_t permute(const std::uint64_t* s, const std::string& mode) {
  const std::uint64_t bytes = s[1] << 32 | s[0];
  const auto byte = [&](unsigned index) { return bytes >> (8 * (index & 7)) & 0xff; };
  const auto c = static_cast<unsigned>(s[2] & 3);
  std::uint64_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    std::uint64_t chosen = 0;
    if (mode.empty()) {
      const auto selector = static_cast<unsigned>(s[2] >> (4 * i) & 0xf);
      chosen = byte(selector);
      if ((selector & 8) != 0) chosen = (chosen & 0x80) != 0 ? 0xff : 0;
    } else if (mode == "f4e") {
      chosen = byte(c + i);
    } else if (mode == "b4e") {
      chosen = byte(c - i);
    } else if (mode == "rc8") {
      chosen = byte(c);
    } else if (mode == "ecl") {
      chosen = byte(std::max(i, c));
    } else if (mode == "ecr") {
      chosen = byte(std::min(i, c));
    } else {
      chosen = byte((c & 1) * 2 + (i & 1));
    }
    result |= chosen << (8 * i);
  }
  return result;
}

std::uint64_t funnel(const std::uint64_t* s, bool left, bool wrap) {
  const std::uint64_t amount = wrap ? s[2] & 31 : std::min<std::uint64_t>(s[2], 32);
  const std::uint64_t both = s[1] << 32 | s[0];
  // To the left the high word comes out, to the right the low one.
  return left ? both << amount >> 32 : both >> amount;
}

void add_shifts(std::vector<FormCase>& forms, int bits) {
  const Type types[] = {bits == 16   ? b16
                        : bits == 32 ? b32
                                     : b64,
                        bits == 16   ? u16
                        : bits == 32 ? u32
                                     : u64,
                        bits == 16   ? s16
                        : bits == 32 ? s32
                                     : s64};
  const auto width = static_cast<std::uint64_t>(bits);
  forms.push_back(of("shl." + std::string(types[0].name), types[0], {types[0], u32},
                     [=](const std::uint64_t* s) { return s[1] >= width ? 0 : s[0] << s[1]; }));
  for (const Type& type : types)
    forms.push_back(of("shr." + std::string(type.name), type, {type, u32}, [=](const std::uint64_t* s) {
      const std::uint64_t amount = std::min(s[1], width);
      return static_cast<std::uint64_t>(integer_value(s[0], type) >> amount);
    }));
}

/// fns: the position of the nth set bit of a mask from a base on, upwards or, for a negative n, downwards; n of 0 asks
/// for the base itself.
std::uint64_t nth_set(const std::uint64_t* s) {
  const auto n = static_cast<std::int32_t>(s[2]);
  const auto base = static_cast<std::uint32_t>(s[1]);
  const auto is_set = [&](std::int64_t bit) { return bit >= 0 && bit < 32 && (s[0] >> bit & 1) != 0; };
  if (n == 0) return is_set(base) ? base : 0xffffffffu;
  std::int64_t found = 0;
  for (std::int64_t bit = base; bit >= 0 && bit<32; bit += n> 0 ? 1 : -1)
    if (is_set(bit) && ++found == std::abs(std::int64_t{n})) return static_cast<std::uint64_t>(bit);
  return 0xffffffffu;
}

void add_logic(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  forms.push_back(of("and" + suffix, type, {type, type}, [](const std::uint64_t* s) { return s[0] & s[1]; }));
  forms.push_back(of("or" + suffix, type, {type, type}, [](const std::uint64_t* s) { return s[0] | s[1]; }));
  forms.push_back(of("xor" + suffix, type, {type, type}, [](const std::uint64_t* s) { return s[0] ^ s[1]; }));
  forms.push_back(of("not" + suffix, type, {type}, [](const std::uint64_t* s) { return ~s[0]; }));
  if (type.bits > 1)
    forms.push_back(of("cnot" + suffix, type, {type}, [](const std::uint64_t* s) { return s[0] == 0 ? 1u : 0u; }));
}

}  // namespace

std::vector<FormCase> bit_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {pred, b16, b32, b64})
    add_logic(forms, type);
  for (const int bits : {16, 32, 64})
    add_shifts(forms, bits);
  for (const Type& type : {b32, b64}) {
    const std::string suffix = std::string(".") + type.name;
    const int bits = type.bits;
    forms.push_back(of("popc" + suffix, u32, {type}, [](const std::uint64_t* s) {
      std::uint64_t count = 0;
      for (std::uint64_t rest = s[0]; rest != 0; rest >>= 1)
        count += rest & 1;
      return count;
    }));
    forms.push_back(of("clz" + suffix, u32, {type}, [bits](const std::uint64_t* s) {
      std::uint64_t count = 0;
      for (int bit = bits - 1; bit >= 0 && (s[0] >> bit & 1) == 0; --bit)
        ++count;
      return count;
    }));
    forms.push_back(of("brev" + suffix, type, {type}, [bits](const std::uint64_t* s) {
      std::uint64_t reversed = 0;
      for (int bit = 0; bit < bits; ++bit)
        reversed |= (s[0] >> bit & 1) << (bits - 1 - bit);
      return reversed;
    }));
    forms.push_back(
        of("bfi" + suffix, type, {type, type, u32, u32}, [bits](const std::uint64_t* s) { return insert(s, bits); }));
  }
  for (const Type& type : {u32, s32, u64, s64}) {
    const std::string suffix = std::string(".") + type.name;
    forms.push_back(
        of("bfind" + suffix, u32, {type}, [=](const std::uint64_t* s) { return find_highest(s[0], type, false); }));
    forms.push_back(of("bfind.shiftamt" + suffix, u32, {type},
                       [=](const std::uint64_t* s) { return find_highest(s[0], type, true); }));
    forms.push_back(
        of("bfe" + suffix, type, {type, u32, u32}, [=](const std::uint64_t* s) { return extract(s, type); }));
  }
  for (const std::string mode : {"", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"})
    forms.push_back(of("prmt.b32" + (mode.empty() ? "" : "." + mode), b32, {b32, b32, b32},
                       [=](const std::uint64_t* s) { return permute(s, mode); }));
  for (const bool left : {false, true})
    for (const bool wrap : {false, true})
      forms.push_back(of(std::string("shf.") + (left ? "l" : "r") + (wrap ? ".wrap" : ".clamp") + ".b32", b32,
                         {b32, b32, u32}, [=](const std::uint64_t* s) { return funnel(s, left, wrap); }));
  for (const bool clamp : {false, true}) {
    const std::string mode = clamp ? "clamp." : "wrap.";
    forms.push_back(of("bmsk." + mode + "b32", b32, {u32, u32}, [=](const std::uint64_t* s) {
      const std::uint64_t from = clamp ? std::min<std::uint64_t>(s[0], 32) : s[0] % 32;
      const std::uint64_t count = clamp ? std::min<std::uint64_t>(s[1], 32) : s[1] % 32;
      std::uint64_t mask = 0;
      for (std::uint64_t bit = from; bit < std::min<std::uint64_t>(from + count, 32); ++bit)
        mask |= std::uint64_t{1} << bit;
      return mask;
    }));
    for (const Type& type : {u32, s32})
      forms.push_back(of("szext." + mode + type.name, type, {type, u32}, [=](const std::uint64_t* s) {
        const std::uint64_t width = clamp ? std::min<std::uint64_t>(s[1], 32) : s[1] % 32;
        const std::uint64_t kept = s[0] & ((std::uint64_t{1} << width) - 1);
        const bool negative = type.is_signed && width != 0 && (kept >> (width - 1) & 1) != 0;
        return negative ? kept | ~std::uint64_t{0} << width : kept;
      }));
  }
  forms.push_back(of("fns.b32", b32, {b32, u32, s32}, nth_set));
  for (const unsigned table : {0x96u, 0xe8u})
    for (const std::string operation : {"or", "and", "xor"})
      forms.push_back({.text = "lop3." + operation + ".b32",
                       .destinations = {b32, pred},
                       .sources = {b32, b32, b32, pred},
                       .lane =
                           [=](const std::uint64_t* s, Want* d) {
                             const std::uint64_t result =
                                 table == 0x96u ? s[0] ^ s[1] ^ s[2] : (s[0] & s[1]) | (s[0] & s[2]) | (s[1] & s[2]);
                             const std::uint64_t some = result != 0 ? 1 : 0;
                             d[0] = result;
                             d[1] = operation == "or" ? some | s[3] : operation == "and" ? some & s[3] : some ^ s[3];
                           },
                       .operands = "%d0|%d1, %s0, %s1, %s2, " + std::to_string(table) + ", %s3"});
  for (const unsigned table : {0x00u, 0x01u, 0x1bu, 0x2au, 0x6au, 0x80u, 0x96u, 0xb8u, 0xc0u, 0xcau, 0xd8u,
                               0xe2u, 0xe8u, 0xeau, 0xf0u, 0xf8u, 0xfcu, 0xfeu, 0xffu, 0x3cu, 0x12u, 0x47u})
    forms.push_back(of(
        "lop3.b32", b32, {b32, b32, b32},
        [=](const std::uint64_t* s) {
          std::uint64_t result = 0;
          for (int bit = 0; bit < 32; ++bit) {
            const std::uint64_t index = (s[0] >> bit & 1) << 2 | (s[1] >> bit & 1) << 1 | (s[2] >> bit & 1);
            result |= std::uint64_t{table >> index & 1} << bit;
          }
          return result;
        },
        "%d0, %s0, %s1, %s2, " + std::to_string(table)));
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(bits_are_moved_counted_and_combined) {
  check_forms(bit_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
