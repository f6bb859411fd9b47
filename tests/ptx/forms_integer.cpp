// Integer arithmetic: sums that wrap, products of both halves, division, saturation, carry chains, dot products.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Operation = std::function<Wide(Wide, Wide, Wide)>;

/// A form whose operands and result are of `type`: the exact result, cut to the type's bits.
FormCase plain(const std::string& text, const Type& type, std::size_t sources, const Operation& operation) {
  return {.text = text,
          .destinations = {type},
          .sources = std::vector<Type>(sources, type),
          .lane = [=](const std::uint64_t* s, Want* d) {
            const Wide a = integer_value(s[0], type);
            const Wide b = sources > 1 ? integer_value(s[1], type) : 0;
            const Wide c = sources > 2 ? integer_value(s[2], type) : 0;
            d[0] = low_bits(static_cast<std::uint64_t>(operation(a, b, c)), type.bits);
          }};
}

Wide clamp_to(Wide value, const Type& type) {
  const Wide top = (static_cast<Wide>(1) << (type.bits - (type.is_signed ? 1 : 0))) - 1;
  const Wide bottom = type.is_signed ? -top - 1 : 0;
  return value < bottom ? bottom : value > top ? top : value;
}

Type twice(const Type& type) {
  return type.bits == 16 ? (type.is_signed ? s32 : u32) : (type.is_signed ? s64 : u64);
}

Wide high_half(Wide product, int bits) {
  return product >> bits;
}

void add_products(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  const int bits = type.bits;
  forms.push_back(plain("mul.lo" + suffix, type, 2, [](Wide a, Wide b, Wide) { return a * b; }));
  forms.push_back(plain("mul.hi" + suffix, type, 2, [bits](Wide a, Wide b, Wide) {
    // The product of two 64-bit unsigned numbers fills all 128 bits.
    return static_cast<Wide>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b) >> bits);
  }));
  forms.push_back(plain("mad.lo" + suffix, type, 3, [](Wide a, Wide b, Wide c) { return a * b + c; }));
  forms.push_back(plain("mad.hi" + suffix, type, 3, [bits](Wide a, Wide b, Wide c) {
    return static_cast<Wide>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b) >> bits) + c;
  }));
  if (bits == 64) return;
  const Type wide = twice(type);
  forms.push_back({.text = "mul.wide" + suffix,
                   .destinations = {wide},
                   .sources = {type, type},
                   .lane = [=](const std::uint64_t* s, Want* d) {
                     const Wide product = integer_value(s[0], type) * integer_value(s[1], type);
                     d[0] = low_bits(static_cast<std::uint64_t>(product), wide.bits);
                   }});
  forms.push_back({.text = "mad.wide" + suffix,
                   .destinations = {wide},
                   .sources = {type, type, wide},
                   .lane = [=](const std::uint64_t* s, Want* d) {
                     const Wide sum = integer_value(s[0], type) * integer_value(s[1], type) + integer_value(s[2], wide);
                     d[0] = low_bits(static_cast<std::uint64_t>(sum), wide.bits);
                   }});
}

/// Division truncates towards zero; by zero the result is unspecified.
FormCase division(const std::string& text, const Type& type, bool remainder) {
  return {.text = text, .destinations = {type}, .sources = {type, type}, .lane = [=](const std::uint64_t* s, Want* d) {
            const Wide a = integer_value(s[0], type);
            const Wide b = integer_value(s[1], type);
            if (b == 0)
              d[0] = Want(anything());
            else
              d[0] = low_bits(static_cast<std::uint64_t>(remainder ? a % b : a / b), type.bits);
          }};
}

void add_carry_chains(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  const int bits = type.bits;
  const auto chain = [&](const std::string& text, std::size_t sources, auto operation) {
    forms.push_back({.text = text,
                     .destinations = {type, type},
                     .sources = std::vector<Type>(sources, type),
                     .lane = [=](const std::uint64_t* s, Want* d) {
                       std::uint64_t results[2];
                       operation(s, results);
                       d[0] = low_bits(results[0], bits);
                       d[1] = low_bits(results[1], bits);
                     }});
  };
  using U = UnsignedWide;
  const auto carried = [bits](U sum) { return static_cast<U>(sum >> bits & 1); };
  for (const std::string last : {"addc", "addc.cc"})
    chain("{on}add.cc" + suffix + " %d0, %s0, %s1;\n{on}" + last + suffix + " %d1, %s2, %s3;", 4,
          [=](const std::uint64_t* s, std::uint64_t* r) {
            const U sum = static_cast<U>(s[0]) + s[1];
            r[0] = static_cast<std::uint64_t>(sum);
            r[1] = static_cast<std::uint64_t>(static_cast<U>(s[2]) + s[3] + carried(sum));
          });
  for (const std::string last : {"subc", "subc.cc"})
    chain("{on}sub.cc" + suffix + " %d0, %s0, %s1;\n{on}" + last + suffix + " %d1, %s2, %s3;", 4,
          [=](const std::uint64_t* s, std::uint64_t* r) {
            r[0] = s[0] - s[1];
            r[1] = s[2] - s[3] - (s[0] < s[1] ? 1 : 0);
          });
  // The carry out of the middle of a chain reaches its end.
  chain("{on}add.cc" + suffix + " %d0, %s0, %s1;\n{on}addc.cc" + suffix + " %d1, %s2, %s3;\n{on}addc" + suffix +
            " %d0, %s0, 0;",
        4, [=](const std::uint64_t* s, std::uint64_t* r) {
          const U first = static_cast<U>(s[0]) + s[1];
          const U second = static_cast<U>(s[2]) + s[3] + carried(first);
          r[1] = static_cast<std::uint64_t>(second);
          r[0] = static_cast<std::uint64_t>(static_cast<U>(s[0]) + carried(second));
        });
  for (const std::string half : {"lo", "hi"})
    for (const std::string last : {"", ".cc"}) {
      // A carry out of the high half: the product's high bits plus an addend.
      chain(
          "{on}mad.lo.cc" + suffix + " %d0, %s0, %s1, %s2;\n{on}madc." + half + last + suffix + " %d1, %s3, %s4, %s5;",
          6, [=](const std::uint64_t* s, std::uint64_t* r) {
            const auto product = [&](std::uint64_t a, std::uint64_t b) {
              return type.is_signed ? static_cast<U>(integer_value(a, type) * integer_value(b, type))
                                    : static_cast<U>(a) * b;
            };
            const U sum = static_cast<U>(low_bits(static_cast<std::uint64_t>(product(s[0], s[1])), bits)) + s[2];
            r[0] = static_cast<std::uint64_t>(sum);
            const U second = product(s[3], s[4]);
            const U part = half == "lo" ? second : second >> bits;
            r[1] = static_cast<std::uint64_t>(part) + s[5] + static_cast<std::uint64_t>(carried(sum));
          });
    }
  chain("{on}mad.hi.cc" + suffix + " %d0, %s0, %s1, %s2;\n{on}addc" + suffix + " %d1, 0, 0;", 3,
        [=](const std::uint64_t* s, std::uint64_t* r) {
          const U product = type.is_signed ? static_cast<U>(integer_value(s[0], type) * integer_value(s[1], type))
                                           : static_cast<U>(s[0]) * s[1];
          const U sum = static_cast<U>(low_bits(static_cast<std::uint64_t>(product >> bits), bits)) + s[2];
          r[0] = static_cast<std::uint64_t>(sum);
          r[1] = static_cast<std::uint64_t>(carried(sum));
        });
}

/// dp4a.atype.btype and dp2a: bytes of a times bytes of b (or halves of a times two bytes of b), added to c.
FormCase dot_product(const std::string& text, bool a_signed, bool b_signed, int mode) {
  return {
      .text = text, .destinations = {b32}, .sources = {b32, b32, b32}, .lane = [=](const std::uint64_t* s, Want* d) {
        std::int64_t sum = static_cast<std::int64_t>(s[2]);
        const Type a_byte = a_signed ? s8 : u8;
        const Type b_byte = b_signed ? s8 : u8;
        const Type a_half = a_signed ? s16 : u16;
        for (int k = 0; k < (mode == 4 ? 4 : 2); ++k) {
          const Wide a = mode == 4 ? integer_value(s[0] >> (8 * k), a_byte) : integer_value(s[0] >> (16 * k), a_half);
          const int byte = mode == 4 ? k : mode == 2 ? k : k + 2;
          sum += static_cast<std::int64_t>(a * integer_value(s[1] >> (8 * byte), b_byte));
        }
        d[0] = low_bits(static_cast<std::uint64_t>(sum), 32);
      }};
}

/// Two integers of 16 bits in a register, each for itself.
FormCase halves(const std::string& text, const Type& half, const std::function<Wide(Wide, Wide)>& operation) {
  return {.text = text, .destinations = {b32}, .sources = {b32, b32}, .lane = [=](const std::uint64_t* s, Want* d) {
            const auto one = [&](int shift) {
              const Wide result = operation(integer_value(s[0] >> shift, half), integer_value(s[1] >> shift, half));
              return low_bits(static_cast<std::uint64_t>(result), 16) << shift;
            };
            d[0] = one(16) | one(0);
          }};
}

}  // namespace

std::vector<FormCase> integer_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {u16, s16, u32, s32, u64, s64}) {
    const std::string suffix = std::string(".") + type.name;
    forms.push_back(plain("add" + suffix, type, 2, [](Wide a, Wide b, Wide) { return a + b; }));
    forms.push_back(plain("sub" + suffix, type, 2, [](Wide a, Wide b, Wide) { return a - b; }));
    forms.push_back(plain("min" + suffix, type, 2, [](Wide a, Wide b, Wide) { return a < b ? a : b; }));
    forms.push_back(plain("max" + suffix, type, 2, [](Wide a, Wide b, Wide) { return a > b ? a : b; }));
    forms.push_back(plain("sad" + suffix, type, 3, [](Wide a, Wide b, Wide c) { return c + (a < b ? b - a : a - b); }));
    add_products(forms, type);
    forms.push_back(division("div" + suffix, type, false));
    forms.push_back(division("rem" + suffix, type, true));
    if (!type.is_signed) continue;
    forms.push_back(plain("abs" + suffix, type, 1, [](Wide a, Wide, Wide) { return a < 0 ? -a : a; }));
    forms.push_back(plain("neg" + suffix, type, 1, [](Wide a, Wide, Wide) { return -a; }));
  }
  forms.push_back(plain("add.sat.s32", s32, 2, [](Wide a, Wide b, Wide) { return clamp_to(a + b, s32); }));
  forms.push_back(plain("sub.sat.s32", s32, 2, [](Wide a, Wide b, Wide) { return clamp_to(a - b, s32); }));
  forms.push_back(
      plain("mad.hi.sat.s32", s32, 3, [](Wide a, Wide b, Wide c) { return clamp_to(high_half(a * b, 32) + c, s32); }));
  for (const Type& type : {u32, s32}) {
    // Products of 24 bits: of 48 bits the low or the high 32.
    const auto low24 = [type](Wide a) {
      return integer_value(static_cast<std::uint64_t>(a), Type{"", Kind::integer, 24, type.is_signed});
    };
    const std::string suffix = std::string(".") + type.name;
    forms.push_back(plain("mul24.lo" + suffix, type, 2, [=](Wide a, Wide b, Wide) { return low24(a) * low24(b); }));
    forms.push_back(
        plain("mul24.hi" + suffix, type, 2, [=](Wide a, Wide b, Wide) { return low24(a) * low24(b) >> 16; }));
    forms.push_back(
        plain("mad24.lo" + suffix, type, 3, [=](Wide a, Wide b, Wide c) { return low24(a) * low24(b) + c; }));
    forms.push_back(
        plain("mad24.hi" + suffix, type, 3, [=](Wide a, Wide b, Wide c) { return (low24(a) * low24(b) >> 16) + c; }));
  }
  for (const Type& type : {u32, s32, u64, s64})
    add_carry_chains(forms, type);
  const auto least = [](Wide a, Wide b) { return a < b ? a : b; };
  const auto greatest = [](Wide a, Wide b) { return a > b ? a : b; };
  for (const Type& half : {u16, s16}) {
    const std::string suffix = std::string(".") + half.name + "x2";
    forms.push_back(halves("add" + suffix, half, [](Wide a, Wide b) { return a + b; }));
    forms.push_back(halves("min" + suffix, half, least));
    forms.push_back(halves("max" + suffix, half, greatest));
  }
  const auto not_negative = [](Wide a) { return a < 0 ? 0 : a; };
  forms.push_back(halves("min.relu.s16x2", s16, [=](Wide a, Wide b) { return not_negative(least(a, b)); }));
  forms.push_back(halves("max.relu.s16x2", s16, [=](Wide a, Wide b) { return not_negative(greatest(a, b)); }));
  forms.push_back(plain("min.relu.s32", s32, 2, [=](Wide a, Wide b, Wide) { return not_negative(least(a, b)); }));
  forms.push_back(plain("max.relu.s32", s32, 2, [=](Wide a, Wide b, Wide) { return not_negative(greatest(a, b)); }));
  for (const bool a_signed : {false, true})
    for (const bool b_signed : {false, true}) {
      const std::string types = std::string(a_signed ? ".s32" : ".u32") + (b_signed ? ".s32" : ".u32");
      forms.push_back(dot_product("dp4a" + types, a_signed, b_signed, 4));
      forms.push_back(dot_product("dp2a.lo" + types, a_signed, b_signed, 2));
      forms.push_back(dot_product("dp2a.hi" + types, a_signed, b_signed, 3));
    }
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(integer_arithmetic_is_exact_and_wraps) {
  check_forms(integer_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
