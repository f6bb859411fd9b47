// f16 and bf16, alone and in pairs: rounded once from the exact result, flushed, saturated, clamped at zero; signs,
// minimum and maximum.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

void add_fused(std::vector<FormCase>& forms, const Type& type, const std::string& modifiers,
               const FloatOptions& options) {
  const Format format = type.format;
  forms.push_back(elementwise(
      "fma.rn" + modifiers + "." + type.name, type, 3,
      [=](const std::uint64_t* s) { return fused(s[0], s[1], s[2], format, options); }, 8192));
}

void add_sums_and_products(std::vector<FormCase>& forms, const Type& type, bool required) {
  const std::size_t before = forms.size();
  const Format format = type.format;
  for (const std::string rounding : {"", ".rn"})
    for (const bool flush : {false, true})
      for (const bool saturate : {false, true}) {
        if (type.format == bfloat_format && (flush || saturate)) continue;
        const std::string text =
            rounding + (flush ? ".ftz" : "") + (saturate ? ".sat" : "") + std::string(".") + type.name;
        const FloatOptions options{.flush = flush, .saturate = saturate};
        forms.push_back(elementwise("add" + text, type, 2,
                                    [=](const std::uint64_t* s) { return sum(s[0], s[1], format, options); }));
        forms.push_back(elementwise("sub" + text, type, 2,
                                    [=](const std::uint64_t* s) { return sum(s[0], s[1] ^ 0x8000, format, options); }));
        forms.push_back(elementwise("mul" + text, type, 2,
                                    [=](const std::uint64_t* s) { return product(s[0], s[1], format, options); }));
      }
  for (std::size_t i = before; i < forms.size(); ++i)
    forms[i].required = required;
}

void add_signs_and_extremes(std::vector<FormCase>& forms, const Type& type, bool can_flush) {
  const Format format = type.format;
  const std::string suffix = std::string(".") + type.name;
  for (const bool flush : {false, true}) {
    if (flush && !can_flush) continue;
    const std::string ftz = flush ? ".ftz" : "";
    forms.push_back(elementwise("neg" + ftz + suffix, type, 1, [=](const std::uint64_t* s) {
      return exactly(flushed(s[0], format, flush) ^ 0x8000);
    }));
    forms.push_back(elementwise("abs" + ftz + suffix, type, 1, [=](const std::uint64_t* s) {
      return exactly(flushed(s[0], format, flush) & 0x7fff);
    }));
    for (const bool greatest : {false, true})
      for (const bool nan : {false, true})
        for (const bool signs : {false, true}) {
          const std::string text = std::string(greatest ? "max" : "min") + ftz + (nan ? ".NaN" : "") +
                                   (signs ? ".xorsign.abs" : "") + suffix;
          forms.push_back(elementwise(text, type, 2, [=](const std::uint64_t* s) {
            return extreme(s[0], s[1], format, greatest, flush, nan, signs);
          }));
          forms.back().required = !signs;  // sm_86
        }
  }
}

}  // namespace

std::vector<FormCase> half_forms() {
  std::vector<FormCase> forms;
  for (const Type& type : {f16, f16x2}) {
    add_sums_and_products(forms, type, true);
    for (const bool flush : {false, true}) {
      const std::string ftz = flush ? ".ftz" : "";
      add_fused(forms, type, ftz, {.flush = flush});
      add_fused(forms, type, ftz + ".sat", {.flush = flush, .saturate = true});
      add_fused(forms, type, ftz + ".relu", {.flush = flush, .relu = true});
    }
    add_signs_and_extremes(forms, type, true);
  }
  for (const Type& type : {bf16, bf16x2}) {
    add_sums_and_products(forms, type, false);  // sm_90
    add_fused(forms, type, "", {});
    add_fused(forms, type, ".relu", {.relu = true});
    add_signs_and_extremes(forms, type, false);
  }
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(halves_are_rounded_once_from_the_exact_result) {
  check_forms(half_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
