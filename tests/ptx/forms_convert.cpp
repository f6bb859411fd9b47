// cvt: between integers of every width with extension and saturation, between integers and floats in every rounding,
// between floats, to an integral value, packed pairs, tf32.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

/// A register that holds a type: 8 bits stand in 16.
Type register_of(const Type& type, int least = 16) {
  const int bits = std::max(type.bits, least);
  return bits == 16 ? b16 : bits == 32 ? b32 : b64;
}

Wide least_of(const Type& type) {
  return type.is_signed ? -(static_cast<Wide>(1) << (type.bits - 1)) : 0;
}
Wide greatest_of(const Type& type) {
  return (static_cast<Wide>(1) << (type.bits - (type.is_signed ? 1 : 0))) - 1;
}

/// As a register of `width` bits holds it: extended by the type's sign.
std::uint64_t in_register(Wide value, const Type& type, int width) {
  return low_bits(static_cast<std::uint64_t>(integer_value(static_cast<std::uint64_t>(value), type)), width);
}

void add_integers(std::vector<FormCase>& forms, const Type& to, const Type& from) {
  const bool narrows = least_of(from) < least_of(to) || greatest_of(from) > greatest_of(to);
  for (const bool saturate : {false, true})
    for (const int wider : {16, 32, 64}) {  // registers wider than the type
      if (saturate && !narrows) continue;
      if (wider > 16 && to.bits >= wider && from.bits >= wider) continue;
      const Type target = register_of(to, wider);
      forms.push_back({.text = std::string("cvt.") + (saturate ? "sat." : "") + to.name + "." + from.name,
                       .destinations = {target},
                       .sources = {register_of(from, wider)},
                       .lane =
                           [=](const std::uint64_t* s, Want* d) {
                             Wide value = integer_value(s[0], from);
                             if (saturate) value = std::min(std::max(value, least_of(to)), greatest_of(to));
                             d[0] = in_register(value, to, target.bits);
                           },
                       .count = 256});
    }
}

void add_from_integer(std::vector<FormCase>& forms, const Type& to, const Type& from) {
  for (const std::string rounding : {"rn", "rz", "rm", "rp"})
    forms.push_back({.text = "cvt." + rounding + "." + to.name + "." + from.name,
                     .destinations = {to},
                     .sources = {register_of(from)},
                     .lane =
                         [=](const std::uint64_t* s, Want* d) {
                           const Quad value = static_cast<Quad>(integer_value(s[0], from));
                           d[0] = Want(finished(value, to.format, {.rounding = rounding_of(rounding)}));
                         },
                     .count = 1024});
}

/// To an integral value, as a Quad, in the direction of .rni and its kin.
Quad integral(Quad value, Rounding rounding) {
  // The halfway cases of a format of 112 fraction bits are exact: add and take away 2^112.
  const bool negative = quad_sign(value);
  const Quad magnitude = negative ? -value : value;
  if (!(magnitude < power_of_two(112))) return value;
  const auto whole = static_cast<UnsignedWide>(magnitude);
  const Quad rest = magnitude - static_cast<Quad>(whole);
  bool up = false;
  if (rounding == Rounding::nearest) up = rest > 0.5 || (rest == 0.5 && (whole & 1) != 0);
  if (rounding == Rounding::down) up = negative && rest > 0;
  if (rounding == Rounding::up) up = !negative && rest > 0;
  const Quad rounded = static_cast<Quad>(whole + (up ? 1 : 0));
  return negative ? -rounded : rounded;
}

void add_to_integer(std::vector<FormCase>& forms, const Type& to, const Type& from) {
  for (const std::string rounding : {"rni", "rzi", "rmi", "rpi"})
    for (const bool flush : {false, true})
      for (const bool saturate : {false, true}) {
        if ((flush && from.bits != 32) || (saturate && from.format == bfloat_format)) continue;
        const Type target = register_of(to);
        forms.push_back({.text = "cvt." + rounding + (flush ? ".ftz" : "") + (saturate ? ".sat" : "") + "." + to.name +
                                 "." + from.name,
                         .destinations = {target},
                         .sources = {from},
                         .lane =
                             [=](const std::uint64_t* s, Want* d) {
                               const std::uint64_t operand = flushed(s[0], from.format, flush);
                               // Clamped with or without .sat. NaN: 0 up to 32 bits from f16 and f32, else the top bit.
                               if (is_nan(operand, from.format)) {
                                 const bool zero = from.bits != 64 && to.bits != 64;
                                 d[0] = zero ? 0 : in_register(static_cast<Wide>(1) << (to.bits - 1), to, target.bits);
                                 return;
                               }
                               const Quad value = integral(value_of(operand, from.format), rounding_of(rounding));
                               const Wide clamped = value < static_cast<Quad>(least_of(to)) ? least_of(to)
                                                    : value > static_cast<Quad>(greatest_of(to))
                                                        ? greatest_of(to)
                                                        : static_cast<Wide>(value);
                               d[0] = in_register(clamped, to, target.bits);
                             },
                         .count = 1024});
      }
}

/// From float to float: .ftz touches f32 operands and results alone.
FormCase between_floats(const std::string& modifiers, const Type& to, const Type& from, const std::string& rounding,
                        bool flush, bool saturate, bool relu) {
  return {.text = "cvt" + modifiers + "." + to.name + "." + from.name,
          .destinations = {to},
          .sources = {from},
          .lane =
              [=](const std::uint64_t* s, Want* d) {
                Quad value = value_of(flushed(s[0], from.format, flush && from.bits == 32), from.format);
                if (rounding.size() == 3) value = integral(value, rounding_of(rounding));
                const Rounding direction = rounding.size() == 3 ? Rounding::nearest : rounding_of(rounding);
                d[0] = Want(finished(value, to.format, {direction, flush && to.bits == 32, saturate, relu}));
              },
          .count = 1024};
}

void add_floats(std::vector<FormCase>& forms, const Type& to, const Type& from) {
  std::vector<std::string> roundings{""};
  if (to.bits < from.bits) roundings = {"rn", "rz", "rm", "rp"};
  if (to.bits == from.bits) roundings = {"", "rni", "rzi", "rmi", "rpi"};
  for (const std::string& rounding : roundings)
    for (const bool flush : {false, true})
      for (const bool saturate : {false, true}) {
        if (flush && to.bits != 32 && from.bits != 32) continue;
        const std::string modifiers =
            (rounding.empty() ? "" : "." + rounding) + (flush ? ".ftz" : "") + (saturate ? ".sat" : "");
        forms.push_back(between_floats(modifiers, to, from, rounding, flush, saturate, false));
      }
}

/// .satfinite: the largest number in the place of infinity.
Part kept_finite(Part part, const Format& format, bool finite) {
  for (std::uint64_t* const bits : {&part.bits, &part.also})
    if (finite && is_infinite(*bits, format)) --*bits;
  return part;
}

FormCase finite(const Type& to, const std::string& rounding, bool relu) {
  return {.text = "cvt." + rounding + (relu ? ".relu" : "") + ".satfinite." + to.name + ".f32",
          .destinations = {to},
          .sources = {f32},
          .lane =
              [=](const std::uint64_t* s, Want* d) {
                const FloatOptions options{.rounding = rounding_of(rounding), .relu = relu};
                d[0] = Want(kept_finite(finished(value_of(s[0], single_format), to.format, options), to.format, true));
              },
          .count = 8192};
}

/// Two integers saturated, the first above the second; bytes below the low half of a third source.
FormCase pack(const Type& to) {
  const bool bytes = to.bits == 8;
  return {.text = std::string("cvt.pack.sat.") + to.name + ".s32" + (bytes ? ".b32" : ""),
          .destinations = {b32},
          .sources = bytes ? std::vector<Type>{s32, s32, b32} : std::vector<Type>{s32, s32},
          .lane = [=](const std::uint64_t* s, Want* d) {
            const auto part = [&](std::uint64_t bits) {
              const Wide clamped = std::min(std::max(integer_value(bits, s32), least_of(to)), greatest_of(to));
              return low_bits(static_cast<std::uint64_t>(clamped), to.bits);
            };
            d[0] = (bytes ? (s[2] & 0xffff) << 16 : 0) | part(s[0]) << to.bits | part(s[1]);
          }};
}

/// The lower 13 bits of a tf32 are not said.
FormCase tf32(const std::string& rounding, bool relu, bool finite) {
  const std::string modifiers = rounding + (relu ? ".relu" : "") + (finite ? ".satfinite" : "");
  return {.text = "{on}cvt." + modifiers + ".tf32.f32 %d0, %s0;\n{on}and.b32 %d0, %d0, 0xffffe000;",
          .destinations = {f32},
          .sources = {f32},
          .lane = [=](const std::uint64_t* s, Want* d) {
            const Format format{8, 10};
            const Rounding direction = rounding == "rna" ? Rounding::nearest_away : rounding_of(rounding);
            Part part = finished(value_of(s[0], single_format), format, {.rounding = direction, .relu = relu});
            part = kept_finite(part, format, finite);
            d[0] = Want(one_of(part.bits << 13, part.also << 13));
          }};
}

/// Two floats in one register: the first operand high, the second low.
FormCase packed(const Type& to, const std::string& rounding, bool relu, bool finite) {
  return {.text = "cvt." + rounding + (relu ? ".relu" : "") + (finite ? ".satfinite" : "") + "." + to.name + ".f32",
          .destinations = {to},
          .sources = {f32, f32},
          .lane =
              [=](const std::uint64_t* s, Want* d) {
                const FloatOptions options{.rounding = rounding_of(rounding), .relu = relu};
                const auto half = [&](std::uint64_t bits) {
                  return kept_finite(finished(value_of(bits, single_format), to.format, options), to.format, finite);
                };
                d[0] = Want(half(s[1]), half(s[0]));
              },
          .count = 8192};
}

}  // namespace

std::vector<FormCase> convert_forms() {
  std::vector<FormCase> forms;
  const Type integers[] = {u8, s8, u16, s16, u32, s32, u64, s64};
  for (const Type& to : integers)
    for (const Type& from : integers)
      add_integers(forms, to, from);
  for (const Type& integer : integers)
    for (const Type& type : {f16, bf16, f32, f64}) {
      add_from_integer(forms, type, integer);
      add_to_integer(forms, integer, type);
    }
  for (const Type& to : {f16, f32, f64})
    for (const Type& from : {f16, f32, f64})
      add_floats(forms, to, from);
  for (const std::string rounding : {"rn", "rz", "rm", "rp"}) {
    for (const Type& from : {f16, f32, f64})
      forms.push_back(between_floats("." + rounding, bf16, from, rounding, false, false, false));
    forms.push_back(between_floats("." + rounding, f16, bf16, rounding, false, false, false));
  }
  for (const std::string rounding : {"", "rni", "rzi", "rmi", "rpi"})
    forms.push_back(between_floats(rounding.empty() ? "" : "." + rounding, bf16, bf16, rounding, false, false, false));
  forms.push_back(between_floats("", f64, bf16, "", false, false, false));
  for (const std::string rounding : {"rn", "rz"})
    for (const bool relu : {false, true}) {
      forms.push_back(tf32(rounding, relu, false));
      const std::string modifiers = "." + rounding + (relu ? ".relu" : "");
      forms.push_back(between_floats(modifiers, bf16, f32, rounding, false, false, relu));
      if (relu) forms.push_back(between_floats(modifiers, f16, f32, rounding, false, false, relu));
      for (const bool saturate : {false, true}) {
        forms.push_back(packed(bf16x2, rounding, relu, saturate));
        forms.push_back(packed(f16x2, rounding, relu, saturate));
      }
      forms.push_back(finite(bf16, rounding, relu));
      forms.push_back(finite(f16, rounding, relu));
    }
  forms.push_back(between_floats("", f32, bf16, "", false, false, false));
  for (const Type& to : {s16, u16, s8, u8})
    forms.push_back(pack(to));
  for (const std::string rounding : {"rn", "rz", "rm", "rp"})
    forms.push_back(between_floats("." + rounding + ".ftz", bf16, f32, rounding, true, false, false));
  forms.push_back(tf32("rna", false, false));
  forms.push_back(tf32("rna", false, true));
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(conversions_round_clamp_and_extend) {
  check_forms(convert_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
