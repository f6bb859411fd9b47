// Approximations: within the largest error that the PTX ISA documents, and exact where it says what special operands
// give.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "tests/ptx/float_oracle.hpp"

namespace attest::ptx {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double number(std::uint64_t bits, const Format& format) {
  return static_cast<double>(value_of(bits, format));
}

Part bits_of(double value, const Format& format) {
  return exactly(round_to(value, format, Rounding::nearest));
}

double largest(const Format& format) {
  return number(infinity_of(format, false) - 1, format);
}

/// Any value within `error` of `value`, and as far from it as the format's least number; infinity where that may
/// overflow, zero where it may be flushed.
Part near(long double value, long double error, const Format& format, bool flush) {
  if (std::isinf(value)) value = std::copysign(std::numeric_limits<long double>::max() / 2, value), error = 0;
  const long double reach = error + std::ldexp(1.0L, 1 - format.bias() - format.fraction_bits);
  Part part = within(0, 0);
  part.low = static_cast<double>(value - reach);
  part.high = static_cast<double>(value + reach);
  const double least = std::ldexp(1.0, 1 - format.bias());
  if (flush && part.low < least && part.high > -least) {
    part.low = std::min(part.low, 0.0);
    part.high = std::max(part.high, 0.0);
  }
  if (part.high > largest(format)) part.high = infinity;
  if (part.low < -largest(format)) part.low = -infinity;
  if (part.low > largest(format)) part.low = largest(format);
  if (part.high < -largest(format)) part.high = -largest(format);
  return part;
}

Part relative(long double value, double error, const Format& format, bool flush) {
  return near(value, std::fabs(value) * error, format, flush);
}

long double ulps(long double value, int count, const Format& format) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(static_cast<long double>(count), std::max(exponent - 1, 1 - format.bias()) - format.fraction_bits);
}

using Function = std::function<Part(double x, bool flush)>;

void add(std::vector<FormCase>& forms, const std::string& opcode, const Type& type, const std::vector<bool>& flushes,
         const Function& function, bool required = true) {
  for (const bool flush : flushes) {
    const Format format = type.format;
    forms.push_back(elementwise(opcode + (flush ? ".ftz." : ".") + type.name, type, 1, [=](const std::uint64_t* s) {
      const std::uint64_t operand = flushed(s[0], format, flush);
      if (is_nan(operand, format)) return exactly(canonical_nan(format));
      return function(number(operand, format), flush);
    }));
    forms.back().required = required;
  }
}

Part reciprocal(double x, double error, const Format& format, bool flush) {
  if (x == 0) return bits_of(std::copysign(infinity, x), format);
  if (std::isinf(x)) return bits_of(std::copysign(0.0, x), format);
  return relative(1.0L / x, error, format, flush);
}

Part reciprocal_root(double x, double error, const Format& format, bool flush) {
  if (x == 0) return bits_of(std::copysign(infinity, x), format);
  if (x < 0) return exactly(canonical_nan(format));
  if (std::isinf(x)) return bits_of(0.0, format);
  return relative(1.0L / std::sqrt(static_cast<long double>(x)), error, format, flush);
}

/// The error is documented up to 2 pi and, larger, up to 100 pi.
Part wave(double x, bool sine, const Format& format, bool flush) {
  if (std::isinf(x)) return exactly(canonical_nan(format));
  if (x == 0) return sine ? bits_of(x, format) : bits_of(1.0, format);
  const double pi = std::acos(-1.0);
  if (std::fabs(x) > 100 * pi) return anything();
  const double error = std::fabs(x) <= 2 * pi ? std::exp2(-20.5) : std::exp2(-14.7);
  return near(sine ? std::sin(static_cast<long double>(x)) : std::cos(static_cast<long double>(x)), error, format,
              flush);
}

Part exponential(double x, double error, const Format& format, bool flush) {
  if (std::isinf(x)) return bits_of(x < 0 ? 0.0 : infinity, format);
  if (x == 0) return bits_of(1.0, format);
  return relative(std::exp2(static_cast<long double>(x)), error, format, flush);
}

Part logarithm(double x, const Format& format, bool flush) {
  if (x == 0) return bits_of(-infinity, format);
  if (x < 0) return exactly(canonical_nan(format));
  if (std::isinf(x)) return bits_of(infinity, format);
  const long double value = std::log2(static_cast<long double>(x));
  const long double error = std::exp2(-22.0L);
  return near(value, x > 0.5 && x < 2 ? error : error * std::fabs(value), format, flush);
}

Part hyperbolic(double x, long double absolute, double relative_error, const Format& format) {
  if (x == 0) return bits_of(x, format);
  if (std::isinf(x)) return bits_of(std::copysign(1.0, x), format);
  const long double value = std::tanh(static_cast<long double>(x));
  return near(value, absolute + std::fabs(value) * relative_error, format, false);
}

void add_divisions(std::vector<FormCase>& forms) {
  const Format format = single_format;
  for (const bool flush : {false, true})
    for (const bool full : {false, true}) {
      const std::string text = std::string(full ? "div.full" : "div.approx") + (flush ? ".ftz" : "") + ".f32";
      forms.push_back(elementwise(text, f32, 2, [=](const std::uint64_t* s) {
        const double a = number(flushed(s[0], format, flush), format);
        const double b = number(flushed(s[1], format, flush), format);
        const double quotient = a / b;
        if (!std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) return bits_of(quotient, format);
        const double size = std::fabs(b);
        if (!full && size > std::exp2(126)) return exactly(flushed(s[0] ^ s[1], format, true) & 0x80000000u);
        if (!full && size < std::exp2(-126)) return anything();
        const long double exact = static_cast<long double>(a) / b;
        return near(exact, ulps(exact, 2, format), format, flush);
      }));
      if (full) continue;
      // Beyond 2^126 the reciprocal is flushed: 0, of the quotient's sign; infinity by it is NaN.
      const LaneOracle inner = forms.back().lane;
      forms.back().lane = [=](const std::uint64_t* s, Want* d) {
        inner(s, d);
        const double size = std::fabs(number(s[1], format));
        if (!(size > std::exp2(126)) || std::isinf(size) || is_nan(s[0], format)) return;
        d[0] = is_infinite(s[0], format) ? Want(canonical_nan(format)) : Want((s[0] ^ s[1]) & 0x80000000u);
      };
    }
}

}  // namespace

std::vector<FormCase> approximate_forms() {
  std::vector<FormCase> forms;
  const std::vector<bool> both{false, true};
  add_divisions(forms);
  add(forms, "rcp.approx", f32, both, [](double x, bool flush) {
    if (x == 0 || std::isinf(x)) return reciprocal(x, 0, single_format, flush);
    return near(1.0L / x, ulps(1.0L / x, 1, single_format), single_format, flush);
  });
  add(forms, "sqrt.approx", f32, both, [](double x, bool flush) {
    if (x == 0) return bits_of(x, single_format);
    if (x < 0) return exactly(canonical_nan(single_format));
    if (std::isinf(x)) return bits_of(x, single_format);
    return relative(std::sqrt(static_cast<long double>(x)), std::exp2(-23.0), single_format, flush);
  });
  add(forms, "rsqrt.approx", f32, both,
      [](double x, bool flush) { return reciprocal_root(x, std::exp2(-22.9), single_format, flush); });
  add(forms, "sin.approx", f32, both, [](double x, bool flush) { return wave(x, true, single_format, flush); });
  add(forms, "cos.approx", f32, both, [](double x, bool flush) { return wave(x, false, single_format, flush); });
  add(forms, "lg2.approx", f32, both, [](double x, bool flush) { return logarithm(x, single_format, flush); });
  add(forms, "ex2.approx", f32, both,
      [](double x, bool flush) { return exponential(x, std::exp2(-22.0), single_format, flush); });
  add(forms, "tanh.approx", f32, {false},
      [](double x, bool) { return hyperbolic(x, 0, std::exp2(-11.0), single_format); });
  for (const Type& type : {f16, f16x2}) {
    add(forms, "ex2.approx", type, {false},
        [](double x, bool flush) { return exponential(x, std::exp2(-9.9), half_format, flush); });
    add(forms, "tanh.approx", type, {false},
        [](double x, bool) { return hyperbolic(x, std::exp2(-10.987L), 0, half_format); });
  }
  for (const Type& type : {bf16, bf16x2}) {  // sm_90
    add(
        forms, "ex2.approx", type, {true},
        [](double x, bool flush) { return exponential(x, std::exp2(-7.0), bfloat_format, flush); }, false);
    add(
        forms, "tanh.approx", type, {false},
        [](double x, bool) { return hyperbolic(x, std::exp2(-8.0L), 0, bfloat_format); }, false);
  }
  // Of f64 the upper word alone is computed with: 20 bits of the operand's fraction and of the result's.
  add(
      forms, "rcp.approx", f64, {true},
      [](double x, bool flush) { return reciprocal(x, std::exp2(-19.0), double_format, flush); }, false);
  add(
      forms, "rsqrt.approx", f64, both,
      [](double x, bool flush) { return reciprocal_root(x, std::exp2(-19.0), double_format, flush); }, false);
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(approximations_keep_their_documented_error) {
  check_forms(approximate_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
