// f32 and f64 arithmetic in every rounding, flushed, saturated; division, reciprocal and root that are rounded
// correctly; sign operations, minimum and maximum.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

struct Modified {
  std::string text;  ///< ".rn.ftz.sat"
  FloatOptions options;
};

/// Every combination of rounding, .ftz and .sat that the type has.
std::vector<Modified> modified(const Type& type, bool rounding_required, bool saturation) {
  std::vector<Modified> all;
  for (const std::string rounding : {"", "rn", "rz", "rm", "rp"})
    for (const bool flush : {false, true})
      for (const bool saturate : {false, true}) {
        if (rounding.empty() && rounding_required) continue;
        if (type.bits == 64 && (flush || saturate)) continue;
        if (saturate && !saturation) continue;
        all.push_back({(rounding.empty() ? "" : "." + rounding) + (flush ? ".ftz" : "") + (saturate ? ".sat" : ""),
                       {rounding_of(rounding), flush, saturate}});
      }
  return all;
}

void add_arithmetic(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  const Format format = type.format;
  const std::uint64_t sign = std::uint64_t{1} << (type.bits - 1);
  for (const auto& [text, options] : modified(type, false, true)) {
    forms.push_back(elementwise("add" + text + suffix, type, 2,
                                [=, o = options](const std::uint64_t* s) { return sum(s[0], s[1], format, o); }));
    forms.push_back(elementwise("sub" + text + suffix, type, 2, [=, o = options](const std::uint64_t* s) {
      return sum(s[0], s[1] ^ sign, format, o);
    }));
    forms.push_back(elementwise("mul" + text + suffix, type, 2,
                                [=, o = options](const std::uint64_t* s) { return product(s[0], s[1], format, o); }));
  }
  for (const auto& [text, options] : modified(type, true, true))
    for (const std::string opcode : {"fma", "mad"})
      forms.push_back(elementwise(
          opcode + text + suffix, type, 3,
          [=, o = options](const std::uint64_t* s) { return fused(s[0], s[1], s[2], format, o); }, 8192));
}

void add_division_and_root(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  const Format format = type.format;
  const auto operand = [=](std::uint64_t bits, const FloatOptions& o) {
    return value_of(flushed(bits, format, o.flush), format);
  };
  for (const auto& [text, options] : modified(type, true, false)) {
    forms.push_back(elementwise("div" + text + suffix, type, 2, [=, o = options](const std::uint64_t* s) {
      return finished(divide(operand(s[0], o), operand(s[1], o)), format, o);
    }));
    forms.push_back(elementwise("rcp" + text + suffix, type, 1, [=, o = options](const std::uint64_t* s) {
      return finished(divide(1, operand(s[0], o)), format, o);
    }));
    forms.push_back(elementwise("sqrt" + text + suffix, type, 1, [=, o = options](const std::uint64_t* s) {
      return finished(square_root(operand(s[0], o)), format, o);
    }));
  }
}

void add_signs_and_extremes(std::vector<FormCase>& forms, const Type& type) {
  const std::string suffix = std::string(".") + type.name;
  const Format format = type.format;
  const std::uint64_t sign = std::uint64_t{1} << (type.bits - 1);
  for (const bool flush : {false, true}) {
    if (flush && type.bits == 64) continue;
    const std::string ftz = flush ? ".ftz" : "";
    forms.push_back(elementwise("abs" + ftz + suffix, type, 1,
                                [=](const std::uint64_t* s) { return exactly(flushed(s[0], format, flush) & ~sign); }));
    forms.push_back(elementwise("neg" + ftz + suffix, type, 1,
                                [=](const std::uint64_t* s) { return exactly(flushed(s[0], format, flush) ^ sign); }));
    for (const bool greatest : {false, true})
      for (const bool nan : {false, true})
        for (const bool signs : {false, true}) {
          if (type.bits == 64 && (nan || signs)) continue;
          const std::string text = std::string(greatest ? "max" : "min") + ftz + (nan ? ".NaN" : "") +
                                   (signs ? ".xorsign.abs" : "") + suffix;
          forms.push_back(elementwise(text, type, 2, [=](const std::uint64_t* s) {
            return extreme(s[0], s[1], format, greatest, flush, nan, signs);
          }));
          forms.back().required = !signs;  // sm_86
        }
  }
  forms.push_back(elementwise("copysign" + suffix, type, 2,
                              [=](const std::uint64_t* s) { return exactly((s[0] & sign) | (s[1] & ~sign)); }));
  for (const std::string property : {"finite", "infinite", "number", "notanumber", "normal", "subnormal"})
    forms.push_back({.text = "testp." + property + suffix,
                     .destinations = {pred},
                     .sources = {type},
                     .lane = [=](const std::uint64_t* s, Want* d) {
                       const bool nan = is_nan(s[0], format);
                       const bool infinite = is_infinite(s[0], format);
                       const bool subnormal = is_subnormal(s[0], format);
                       // A zero counts as normal.
                       const bool result = property == "finite"       ? !nan && !infinite
                                           : property == "infinite"   ? infinite
                                           : property == "number"     ? !nan
                                           : property == "notanumber" ? nan
                                           : property == "subnormal"  ? subnormal
                                                                      : !nan && !infinite && !subnormal;
                       d[0] = std::uint64_t{result};
                     }});
}

}  // namespace

std::vector<FormCase> float_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {f32, f64}) {
    add_arithmetic(forms, type);
    add_division_and_root(forms, type);
    add_signs_and_extremes(forms, type);
  }
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(floats_are_rounded_once_in_every_direction) {
  check_forms(float_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
