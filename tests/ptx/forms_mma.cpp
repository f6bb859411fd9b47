// mma.sync: fragments laid out as the PTX ISA says; products of small integers exact, any products within the bound of
// a sum that is rounded at every step of k, in both models of accumulation; NaN and infinity reach the result.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Wants = std::vector<std::vector<Want>>;

/// One shape: 16 x 8 x k, elements of `type`, of which a register holds `per_register`; sums in `accumulator`.
struct Shape {
  std::string text;
  int k = 16;
  Type type = f16;
  int per_register = 2;
  Type accumulator = f32;
  int a_registers() const { return 16 * k / 32 / per_register; }
  int b_registers() const { return 8 * k / 32 / per_register; }
  int c_registers() const { return accumulator.bits == 32 && accumulator.kind == Kind::floating ? 4 : 2; }
};

struct Place {
  int row = 0;
  int column = 0;
};

// Where element `i` of a lane's fragment lies (PTX ISA, matrix fragments for mma.m16n8k*): groups of four lanes hold a
// row of A and a column of B; of A first the row 8 further down, then the columns further right.
Place place_of_a(const Shape& shape, int lane, int i) {
  const int group = lane / 4;
  const int in_group = lane % 4;
  const int n = shape.per_register;
  const int index = i / n;  // register
  return {group + (index % 2 == 1 ? 8 : 0), in_group * n + i % n + (index / 2) * 4 * n};
}
Place place_of_b(const Shape& shape, int lane, int i) {
  const int n = shape.per_register;
  return {lane % 4 * n + i % n + i / n * 4 * n, lane / 4};
}
Place place_of_c(int lane, int i) {
  return {lane / 4 + (i >= 2 ? 8 : 0), lane % 4 * 2 + i % 2};
}

double element(const Type& type, int per_register, std::uint64_t bits, int index) {
  if (per_register == 1) return static_cast<double>(value_of(bits & 0xffffe000u, single_format));  // tf32
  return static_cast<double>(value_of(bits >> (16 * index) & 0xffff, type.format));
}

enum class Inputs { small_integers, moderate, special };

void fill(const Shape& shape, Inputs inputs, std::vector<std::vector<std::uint64_t>>& tuples) {
  std::mt19937_64 random(11);
  const auto draw = [&](const Format& format) -> std::uint64_t {
    const double integer = static_cast<double>(random() % 9) - 4;
    if (inputs == Inputs::small_integers) return round_to(integer, format, Rounding::nearest);
    if (inputs == Inputs::special && random() % 97 == 0)
      return random() % 2 == 0 ? canonical_nan(format) : infinity_of(format, random() % 2 == 0);
    const double value =
        (static_cast<double>(random() % 2000001) - 1e6) / 1e6 * std::exp2(static_cast<int>(random() % 7) - 3);
    return round_to(value, format, Rounding::nearest);
  };
  const Format part = shape.per_register == 1 ? single_format : shape.type.format;
  const auto operands = static_cast<std::size_t>(shape.a_registers() + shape.b_registers());
  for (auto& tuple : tuples)
    for (std::size_t i = 0; i < tuple.size(); ++i) {
      const bool sum = i >= operands;
      const bool halves = sum ? shape.accumulator.kind == Kind::floating_pair : shape.per_register == 2;
      const Format format = sum ? shape.accumulator.format : part;
      tuple[i] = draw(format);
      if (halves) tuple[i] |= draw(format) << 16;
    }
}

/// What an element of D may be: |error| of a sum of k + 1 terms, each step rounded or cut off.
Part bounded_sum(double sum, double magnitude, const Shape& shape, bool exact) {
  const Format format = shape.accumulator.format;
  if (std::isnan(sum)) return exactly(canonical_nan(format));
  if (exact || std::isinf(sum)) return exactly(round_to(sum, format, Rounding::nearest));
  const double unit = std::exp2(-format.fraction_bits);
  return within(sum, (shape.k + 1) * unit * magnitude);
}

void multiply(const Shape& shape, Inputs inputs, const WarpSources& warp, Wants& d) {
  const int n = shape.per_register;
  std::vector<double> a(static_cast<std::size_t>(16 * shape.k));
  std::vector<double> b(static_cast<std::size_t>(8 * shape.k));
  for (int lane = 0; lane < 32; ++lane) {
    const auto& s = warp.lanes[static_cast<std::size_t>(lane)];
    for (int i = 0; i < shape.a_registers() * n; ++i) {
      const Place at = place_of_a(shape, lane, i);
      a[static_cast<std::size_t>(at.row * shape.k + at.column)] =
          element(shape.type, n, s[static_cast<std::size_t>(i / n)], i % n);
    }
    for (int i = 0; i < shape.b_registers() * n; ++i) {
      const Place at = place_of_b(shape, lane, i);
      b[static_cast<std::size_t>(at.row * 8 + at.column)] =
          element(shape.type, n, s[static_cast<std::size_t>(shape.a_registers() + i / n)], i % n);
    }
  }
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      const Place at = place_of_c(lane, i);
      const auto& s = warp.lanes[static_cast<std::size_t>(lane)];
      const bool halves = shape.accumulator.kind == Kind::floating_pair;
      const auto c_at = static_cast<std::size_t>(shape.a_registers() + shape.b_registers() + (halves ? i / 2 : i));
      const std::uint64_t c_bits = halves ? s[c_at] >> (16 * (i % 2)) & 0xffff : s[c_at];
      double sum = static_cast<double>(value_of(c_bits, shape.accumulator.format));
      double magnitude = std::fabs(sum);
      for (int k = 0; k < shape.k; ++k) {
        const double term =
            a[static_cast<std::size_t>(at.row * shape.k + k)] * b[static_cast<std::size_t>(k * 8 + at.column)];
        sum += term;
        magnitude += std::fabs(term);
      }
      const Part part = bounded_sum(sum, magnitude, shape, inputs == Inputs::small_integers);
      auto& wants = d[static_cast<std::size_t>(lane)];
      if (halves)
        wants[static_cast<std::size_t>(i / 2)].part[i % 2] = part;
      else
        wants[static_cast<std::size_t>(i)] = Want(part);
    }
}

std::string braces(char name, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i != 0 ? ", %" : "%") + std::string(1, name) + std::to_string(first + i);
  return text + "}";
}

void add(std::vector<FormCase>& forms, const Shape& shape) {
  for (const Inputs inputs : {Inputs::small_integers, Inputs::moderate, Inputs::special})
    for (const bool wide : {false, true}) {
      const int a = shape.a_registers();
      const int b = shape.b_registers();
      const int c = shape.c_registers();
      std::vector<Type> sources(static_cast<std::size_t>(a + b), b32);
      sources.insert(sources.end(), static_cast<std::size_t>(c), shape.accumulator);
      forms.push_back({.text = shape.text,
                       .destinations = std::vector<Type>(static_cast<std::size_t>(c), shape.accumulator),
                       .sources = sources,
                       .lane = {},
                       .warp = [=](const WarpSources& warp, Wants& d) { multiply(shape, inputs, warp, d); },
                       .operands = braces('d', 0, c) + ", " + braces('s', 0, a) + ", " + braces('s', a, b) + ", " +
                                   braces('s', a + b, c),
                       .count = 1024,
                       .prepare = [=](auto& tuples) { fill(shape, inputs, tuples); },
                       .model = {.wide_accumulation = wide},
                       .under_guard = false});
    }
}

}  // namespace

std::vector<FormCase> mma_forms() {
  std::vector<FormCase> forms;
  const std::string row = "mma.sync.aligned.m16n8k";
  for (const int k : {8, 16}) {
    const std::string start = row + std::to_string(k) + ".row.col";
    add(forms, {start + ".f32.bf16.bf16.f32", k, bf16, 2, f32});
    add(forms, {start + ".f32.f16.f16.f32", k, f16, 2, f32});
    add(forms, {start + ".f16.f16.f16.f16", k, f16, 2, f16x2});
  }
  add(forms, {row + "4.row.col.f32.tf32.tf32.f32", 4, f32, 1, f32});
  add(forms, {row + "8.row.col.f32.tf32.tf32.f32", 8, f32, 1, f32});
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(matrix_products_are_laid_out_and_bounded) {
  check_forms(mma_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
