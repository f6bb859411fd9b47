// mma.sync whose sums are known to the bit: integers of 8 and 4 bits with sums that wrap or saturate, and doubles,
// whose products of small integers are exact and whose others lie within the bound of a rounding at every step.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Wants = std::vector<std::vector<Want>>;

std::string braces(char name, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i != 0 ? ", %" : "%") + std::string(1, name) + std::to_string(first + i);
  return text + "}";
}

/// Integers: `rows` is 8 or 16; a register holds 32 / bits elements of a row of A or a column of B.
struct Shape {
  int rows = 16;
  int k = 16;
  int bits = 8;
  bool a_signed = true;
  bool b_signed = true;
  bool saturates = false;

  int per_register() const { return 32 / bits; }
  int a_registers() const { return rows * k / 32 / per_register(); }
  int b_registers() const { return 8 * k / 32 / per_register(); }
  int c_registers() const { return rows * 8 / 32; }
  std::string text() const {
    const auto type = [&](bool is_signed) { return std::string(is_signed ? ".s" : ".u") + std::to_string(bits); };
    return "mma.sync.aligned.m" + std::to_string(rows) + "n8k" + std::to_string(k) + ".row.col" +
           (saturates ? ".satfinite" : "") + ".s32" + type(a_signed) + type(b_signed) + ".s32";
  }
};

std::int64_t element(std::uint64_t word, int index, int bits, bool is_signed) {
  const std::uint64_t raw = word >> (bits * index) & ((std::uint64_t{1} << bits) - 1);
  return is_signed && (raw >> (bits - 1)) != 0 ? static_cast<std::int64_t>(raw) - (std::int64_t{1} << bits)
                                               : static_cast<std::int64_t>(raw);
}

/// A(row, k) and B(k, column) from the lanes' registers, as the PTX ISA lays fragments out.
std::int64_t a_element(const Shape& shape, const WarpSources& warp, int row, int k) {
  const int n = shape.per_register();
  const auto lane = static_cast<std::size_t>(row % 8 * 4 + k / n % 4);
  const int index = shape.rows == 8 ? 0 : row / 8 + k / (4 * n) * 2;
  return element(warp.lanes[lane][static_cast<std::size_t>(index)], k % n, shape.bits, shape.a_signed);
}
std::int64_t b_element(const Shape& shape, const WarpSources& warp, int k, int column) {
  const int n = shape.per_register();
  const auto lane = static_cast<std::size_t>(column * 4 + k / n % 4);
  const int index = shape.a_registers() + k / (4 * n);
  return element(warp.lanes[lane][static_cast<std::size_t>(index)], k % n, shape.bits, shape.b_signed);
}

void multiply(const Shape& shape, const WarpSources& warp, Wants& d) {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < shape.c_registers(); ++i) {
      const int row = lane / 4 + (i >= 2 ? 8 : 0);
      const int column = lane % 4 * 2 + i % 2;
      const auto c = static_cast<std::size_t>(shape.a_registers() + shape.b_registers() + i);
      auto sum = static_cast<std::int64_t>(static_cast<std::int32_t>(warp.lanes[static_cast<std::size_t>(lane)][c]));
      for (int k = 0; k < shape.k; ++k)
        sum += a_element(shape, warp, row, k) * b_element(shape, warp, k, column);
      if (shape.saturates) sum = std::min<std::int64_t>(std::max<std::int64_t>(sum, INT32_MIN), INT32_MAX);
      d[static_cast<std::size_t>(lane)][static_cast<std::size_t>(i)] = low_bits(static_cast<std::uint64_t>(sum), 32);
    }
}

void add_integers(std::vector<FormCase>& forms, const Shape& shape) {
  const int a = shape.a_registers();
  const int b = shape.b_registers();
  const int c = shape.c_registers();
  forms.push_back({.text = shape.text(),
                   .destinations = std::vector<Type>(static_cast<std::size_t>(c), b32),
                   .sources = std::vector<Type>(static_cast<std::size_t>(a + b + c), b32),
                   .lane = {},
                   .warp = [=](const WarpSources& warp, Wants& d) { multiply(shape, warp, d); },
                   .operands = braces('d', 0, c) + ", " + braces('s', 0, a) + ", " + braces('s', a, b) + ", " +
                               braces('s', a + b, c),
                   .count = 512,
                   .under_guard = false});
}

/// m8n8k4 of doubles: lane 4*r + k holds A(r, k) and B(k, r), and of C and D columns 2k and 2k + 1 of row r.
void multiply_doubles(bool exact, const WarpSources& warp, Wants& d) {
  const auto value = [&](int lane, std::size_t source) {
    return static_cast<double>(value_of(warp.lanes[static_cast<std::size_t>(lane)][source], double_format));
  };
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 2; ++i) {
      const int row = lane / 4;
      const int column = lane % 4 * 2 + i;
      Quad sum = value_of(warp.lanes[static_cast<std::size_t>(lane)][2 + static_cast<std::size_t>(i)], double_format);
      double magnitude = std::fabs(static_cast<double>(sum));
      for (int k = 0; k < 4; ++k) {
        const double x = value(row * 4 + k, 0);
        const double y = value(column * 4 + k, 1);
        sum += static_cast<Quad>(x) * static_cast<Quad>(y);
        magnitude += std::fabs(x * y);
      }
      d[static_cast<std::size_t>(lane)][static_cast<std::size_t>(i)] =
          exact ? Want(round_to(sum, double_format, Rounding::nearest))
                : Want(within(static_cast<double>(sum), 5 * std::exp2(-52) * magnitude));
    }
}

FormCase doubles(bool exact) {
  return {.text = "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64",
          .destinations = {f64, f64},
          .sources = {f64, f64, f64, f64},
          .lane = {},
          .warp = [=](const WarpSources& warp, Wants& d) { multiply_doubles(exact, warp, d); },
          .operands = "{%d0, %d1}, {%s0}, {%s1}, {%s2, %s3}",
          .count = 512,
          .prepare =
              [=](std::vector<std::vector<std::uint64_t>>& tuples) {
                std::mt19937_64 random(5);
                for (auto& tuple : tuples)
                  for (std::uint64_t& bits : tuple) {
                    const double drawn = static_cast<double>(random() % 2001) - 1000;
                    bits = round_to(exact ? drawn : drawn / 997, double_format, Rounding::nearest);
                  }
              },
          .under_guard = false};
}

}  // namespace

std::vector<FormCase> exact_mma_forms() {
  std::vector<FormCase> forms;
  for (const bool a_signed : {false, true})
    for (const bool b_signed : {false, true})
      for (const bool saturates : {false, true})
        for (const int bits : {8, 4}) {
          const int k = 128 / bits;
          add_integers(forms, {8, k, bits, a_signed, b_signed, saturates});
          add_integers(forms, {16, k, bits, a_signed, b_signed, saturates});
          add_integers(forms, {16, 2 * k, bits, a_signed, b_signed, saturates});
        }
  forms.push_back(doubles(true));
  forms.push_back(doubles(false));
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(matrix_products_of_integers_and_doubles_are_exact) {
  check_forms(exact_mma_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
