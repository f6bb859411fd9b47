// Arithmetic in 16 bits against exact sums, and the approximate functions against their documented bounds.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "tests/ptx/warp_fixture.hpp"

namespace attest::test {
namespace {

// A value of `fraction` bits and `bias` as a long double, exact.
long double value_of(std::uint32_t bits, int fraction, int bias) {
  const int exponents = 15 - fraction;
  const auto exponent = static_cast<int>((bits >> fraction) & ((1u << exponents) - 1));
  const auto digits = static_cast<long double>(bits & ((1u << fraction) - 1));
  const long double size = exponent == 0 ? std::ldexp(digits, 1 - bias - fraction)
                                         : std::ldexp(digits + std::ldexp(1.0L, fraction), exponent - bias - fraction);
  return (bits & 0x8000u) != 0 ? -size : size;
}
bool is_finite(std::uint32_t bits, int fraction) {
  return ((bits >> fraction) & ((1u << (15 - fraction)) - 1)) != (1u << (15 - fraction)) - 1;
}

// The number is the nearest to high + low, or one of two equally near with the even last bit. |low| is less than half a
// unit in the last place of high: it decides only between numbers equally far from high.
bool is_nearest(std::uint32_t result, long double high, long double low, int fraction, int bias) {
  if (!is_finite(result, fraction)) return true;  // overflow has tests of its own
  const long double here = value_of(result, fraction, bias) - high;
  const std::uint32_t size = result & 0x7fffu;
  for (const std::uint32_t neighbour : {size + 1, size == 0 ? 0x8001u : size - 1}) {
    const std::uint32_t bits = neighbour ^ (result & 0x8000u);
    if (!is_finite(bits, fraction)) continue;
    const long double there = value_of(bits, fraction, bias) - high;
    if (std::fabs(there) < std::fabs(here)) return false;
    if (std::fabs(there) > std::fabs(here)) continue;
    if (low != 0.0L ? (there > 0.0L) == (low > 0.0L) : (result & 1u) != 0) return false;
  }
  return true;
}

BOOST_AUTO_TEST_SUITE(ptx_arithmetic_half)

BOOST_AUTO_TEST_CASE(a_fused_step_in_16_bits_rounds_once) {
  std::mt19937_64 random(11);
  struct Type {
    const char* name;
    int fraction;
    int bias;
  };
  for (const Type type : {Type{"f16", 10, 15}, Type{"bf16", 7, 127}}) {
    OneInstruction fma("fma.rn." + std::string(type.name));
    int wrong = 0;
    for (int round = 0; round < 20000; ++round) {
      for (int lane = 0; lane < 32; ++lane)
        for (std::size_t k = 1; k <= 3; ++k) {
          std::uint64_t bits = random() & 0xffffu;
          if (type.fraction == 7 && k < 3) bits = (bits & 0x8fffu) | 0x3000u;  // products in range
          // Products near a tie, with a sum far below it.
          if (random() % 4 == 0) bits = (bits & 0xff00u) | 1u;
          if (!is_finite(static_cast<std::uint32_t>(bits), type.fraction)) bits = 0x3c01u;
          fma.set(k, lane, bits);
        }
      fma.run();
      for (int lane = 0; lane < 32; ++lane) {
        const auto at = [&](std::size_t k) {
          return value_of(static_cast<std::uint32_t>(fma.get(k, lane)), type.fraction, type.bias);
        };
        const long double product = at(1) * at(2);
        const long double sum = product + at(3);
        const long double part = sum - product;
        const long double error = (product - (sum - part)) + (at(3) - part);
        wrong += !is_nearest(static_cast<std::uint32_t>(fma.get(0, lane)), sum, error, type.fraction, type.bias);
      }
    }
    BOOST_TEST(wrong == 0, type.name);
  }
  // 1 + 2^-8 is a tie in bf16; a sum of 2^-100 decides it.
  BOOST_TEST(result_of("fma.rn.bf16", {0x3f88u, 0x3f71u, 0x0d80u}) != 0u);
  BOOST_TEST(result_of("fma.rn.bf16", {0x3b80u, 0x3f80u, 0x3f80u}) == 0x3f80u);
  BOOST_TEST(result_of("fma.rn.f16", {0x7bffu, 0x4000u, 0}) == 0x7c00u);
  BOOST_TEST(result_of("fma.rn.relu.f16", {0xbc00u, 0x3c00u, 0}) == 0u);
  BOOST_TEST(result_of("fma.rn.f16x2", {0x40003c00u, 0x40003c00u, 0x3c003c00u}) == 0x45004000u);
  BOOST_TEST(result_of("neg.bf16", {0x3f80u}) == 0xbf80u);
  BOOST_TEST(result_of("neg.f16x2", {0x3c00bc00u}) == 0xbc003c00u);
  BOOST_TEST(result_of("max.NaN.bf16x2", {0x7fc03f80u, 0x3f804000u}) == 0x7fff4000u);
  BOOST_TEST(result_of("add.ftz.f16", {1, 0x8000u}) == 0u);
}

BOOST_AUTO_TEST_CASE(approximate_functions_keep_their_documented_bounds) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  const auto worst = [&](const char* text, double low, double high, bool logarithmic, auto exact, auto error_of) {
    OneInstruction one(text);
    double largest = 0.0;
    for (int round = 0; round < 2000; ++round) {
      for (int lane = 0; lane < 32; ++lane) {
        const double u = unit(random);
        const double x =
            logarithmic ? std::exp(std::log(low) + u * (std::log(high) - std::log(low))) : low + u * (high - low);
        one.set(1, lane, bits_of(static_cast<float>(x)));
      }
      one.run();
      for (int lane = 0; lane < 32; ++lane) {
        const double x = std::bit_cast<float>(static_cast<std::uint32_t>(one.get(1, lane)));
        const double y = std::bit_cast<float>(static_cast<std::uint32_t>(one.get(0, lane)));
        const double error = error_of(y, exact(x));
        if (!(error <= largest)) largest = error;
      }
    }
    return largest;
  };
  const auto relative = [](double y, double exact) { return std::fabs(y - exact) / std::fabs(exact); };
  const auto absolute = [](double y, double exact) { return std::fabs(y - exact); };
  BOOST_TEST(worst(
                 "ex2.approx.ftz.f32", -125.0, 127.9, false, [](double x) { return std::exp2(x); }, relative) <=
             0x1p-22);
  BOOST_TEST(worst(
                 "lg2.approx.f32", 1e-44, 1e38, true, [](double x) { return std::log2(x); },
                 [](double y, double exact) { return std::fabs(y - exact) / std::max(1.0, std::fabs(exact)); }) <=
             0x1p-22);
  BOOST_TEST(worst(
                 "lg2.approx.f32", 0.5, 2.0, false, [](double x) { return std::log2(x); }, absolute) <= 0x1p-22);
  BOOST_TEST(worst(
                 "sin.approx.f32", -6.3, 6.3, false, [](double x) { return std::sin(x); }, absolute) <= 0x1p-20);
  BOOST_TEST(worst(
                 "cos.approx.f32", -314.0, 314.0, false, [](double x) { return std::cos(x); }, absolute) <= 0x1p-14);
  BOOST_TEST(worst(
                 "tanh.approx.f32", 1e-6, 20.0, true, [](double x) { return std::tanh(x); }, relative) <= 0x1p-11);
  BOOST_TEST(worst(
                 "rcp.approx.ftz.f32", 1e-30, 1e30, true, [](double x) { return 1.0 / x; }, relative) <= 0x1p-23);
  BOOST_TEST(worst(
                 "rsqrt.approx.ftz.f32", 1e-30, 1e30, true, [](double x) { return 1.0 / std::sqrt(x); }, relative) <=
             0x1p-22);
  BOOST_TEST(worst(
                 "sqrt.approx.f32", 1e-30, 1e30, true, [](double x) { return std::sqrt(x); }, relative) <= 0x1p-23);

  constexpr std::uint64_t infinity = 0x7f800000u, minus_infinity = 0xff800000u, nan = 0x7fffffffu;
  BOOST_TEST(result_of("ex2.approx.f32", {minus_infinity}) == 0u);
  BOOST_TEST(result_of("ex2.approx.f32", {infinity}) == infinity);
  BOOST_TEST(result_of("ex2.approx.f32", {0x80000000u}) == bits_of(1.0f));
  BOOST_TEST(result_of("ex2.approx.f32", {bits_of(-149.0f)}) == 1u);
  BOOST_TEST(result_of("ex2.approx.ftz.f32", {bits_of(-149.0f)}) == 0u);
  BOOST_TEST(result_of("ex2.approx.f32", {nan}) == nan);
  BOOST_TEST(result_of("lg2.approx.f32", {0x80000000u}) == minus_infinity);
  BOOST_TEST(result_of("lg2.approx.f32", {bits_of(-1.0f)}) == nan);
  BOOST_TEST(result_of("lg2.approx.f32", {infinity}) == infinity);
  BOOST_TEST(result_of("sin.approx.f32", {0x80000000u}) == 0x80000000u);
  BOOST_TEST(result_of("cos.approx.f32", {infinity}) == nan);
  BOOST_TEST(result_of("rcp.approx.ftz.f32", {0x80000000u}) == minus_infinity);
  BOOST_TEST(result_of("rsqrt.approx.ftz.f32", {0}) == infinity);
  BOOST_TEST(result_of("tanh.approx.f32", {minus_infinity}) == bits_of(-1.0f));
  BOOST_TEST(result_of("div.approx.f32", {bits_of(1.0f), bits_of(-0x1.8p126f)}) == 0x80000000u);
  BOOST_TEST(result_of("div.full.f32", {bits_of(1.0f), bits_of(4.0f)}) == bits_of(0.25f));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::test
