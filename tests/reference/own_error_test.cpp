// The reference's own error against 50 decimal digits (Boost's cpp_dec_float, plain loops that share nothing with it),
// and kernels in double, which are judged in 113 bits. The inputs provoke: outliers, scores of thousands, caps, biases,
// windows, groups.
#include <algorithm>
#include <boost/multiprecision/cpp_dec_float.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
using test::Random;
using Decimal = boost::multiprecision::cpp_dec_float_50;

/// The product's kernels in double would declare this: libm's exp errs by less than one unit in the last place.
constexpr Arithmetic in_double{.accumulate = 0x1p-53, .output = 0x1p-53, .exponential = 0x1p-52};

bool sees(const Problem& p, std::int64_t i, std::int64_t j) {
  const std::int64_t ahead = j - i - (p.seq_kv - p.seq_q);
  return !(p.causal && ahead > 0) && !(p.window.left >= 0 && -ahead > p.window.left) &&
         !(p.window.right >= 0 && ahead > p.window.right);
}

/// One row of attention in `Real`: out, and lse last. What a defect does to a kernel: `gain` times the output, `scale`
/// times the scores.
template <class Real>
std::vector<Real> attend(const Problem& p, const TensorSet& t, const RowPlace& at, Real gain = Real(1),
                         Real scale = Real(1)) {
  using std::exp, std::log, std::tanh;
  const std::int64_t head = at.head / p.group();
  const TensorView* bias = t.find("bias");
  std::vector<std::int64_t> keys;
  std::vector<Real> weights;
  for (std::int64_t j = 0; j < p.seq_kv; ++j) {
    if (!sees(p, at.row, j)) continue;
    Real score = 0;
    for (std::int64_t c = 0; c < p.head_dim; ++c)
      score += Real(t.at("q").load(at.batch, at.head, at.row, c)) * Real(t.at("k").load(at.batch, head, j, c));
    score *= Real(p.effective_scale()) * scale;
    if (p.softcap > 0.0) score = Real(p.softcap) * tanh(Real(score / Real(p.softcap)));
    if (bias != nullptr) score += Real(bias->load(j));
    keys.push_back(j);
    weights.push_back(score);
  }
  std::vector<Real> out(static_cast<std::size_t>(p.head_dim_v) + 1, Real(0));
  if (keys.empty()) return out;
  const Real greatest = *std::max_element(weights.begin(), weights.end());
  Real sum = 0;
  for (Real& weight : weights) {
    weight = exp(Real(weight - greatest));
    sum += weight;
  }
  for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
    Real& value = out[static_cast<std::size_t>(c)];
    for (std::size_t n = 0; n < keys.size(); ++n)
      value += weights[n] * Real(t.at("v").load(at.batch, head, keys[n], c));
    value = value / sum * gain;
  }
  out.back() = greatest + log(sum);
  return out;
}

struct Case {
  Problem problem;
  TensorStorage storage;
};

/// Small problems in f64 by number; every fifth has scores of thousands.
Case make_case(int number) {
  Random random(static_cast<std::uint64_t>(number) + 100);
  const char* shapes[] = {"hq4 hkv2 sq5 skv31 d17 dv6", "hq2 sq4 skv40 d32 dv5 causal", "sq3 skv23 d8 dv7 softcap=3",
                          "sq6 skv29 d24 dv4 window=9,3", "sq1 skv50 d16 dv8 scale=0.7"};
  Case made{parse_problem(fmt::format("{} f64", shapes[number % 5])), {}};
  const char* kinds[] = {"normal", "outliers", "large_logits", "normal"};
  made.storage = test::random_inputs(made.problem, kinds[number % 4], {}, static_cast<std::uint64_t>(number));
  if (number % 3 == 0)
    test::fill_normal(made.storage.add("bias", DType::f32, {made.problem.seq_kv}).view(), random, 2.0);
  if (number % 4 == 3) {
    for (const char* name : {"q", "k"})
      test::fill_normal(made.storage.find(name)->view(), random, 40.0);
  }
  return made;
}

struct Extremes {
  double largest = 0.0;  ///< error over bound
  int rows = 0;
};

Verification judge_double(const Case& one, double gain, double scale, const Nature& nature) {
  const Problem& p = one.problem;
  const TensorSet inputs = one.storage.views();
  TensorStorage outputs;
  const TensorView out = outputs.add("out", DType::f64, {p.batch, p.heads_q, p.seq_q, p.head_dim_v}).view();
  test::for_each_row(p, [&](const RowPlace& at) {
    const std::vector<double> row = attend<double>(p, inputs, at, gain, scale);
    for (std::int64_t c = 0; c < p.head_dim_v; ++c)
      test::set(out, row[static_cast<std::size_t>(c)], at.batch, at.head, at.row, c);
  });
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, p, inputs);
  VerifyOptions options;
  options.nature = nature;
  return verify(*oracle, p, in_double, outputs.views(), options);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(own_error)

BOOST_AUTO_TEST_CASE(reference_errs_within_its_own_bound_and_the_bound_is_not_absurd) {
  Extremes out, lse;
  for (int number = 0; number < 300; ++number) {
    const Case one = make_case(number);
    const TensorSet inputs = one.storage.views();
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, one.problem, inputs);
    const RowPlace at{0, one.problem.heads_q - 1, number % one.problem.seq_q};
    const std::vector<Decimal> truth = attend<Decimal>(one.problem, inputs, at);
    std::vector<OutputRow> judged, own;
    oracle->row(at, Arithmetic{}, judged);  // values of the reference in double
    // Its own error by the same formulas: what they say of arithmetic in double.
    oracle->row(at, in_double, own);
    for (std::size_t c = 0; c < judged[0].value.size(); ++c) {
      const double error = std::fabs(static_cast<double>(Decimal(Decimal(judged[0].value[c]) - truth[c])));
      BOOST_REQUIRE_LE(error, own[0].bound[c]);
      // And so much the bound of a kernel in f32 has for it at least.
      BOOST_REQUIRE_LE(own[0].bound[c], 0x1p-20 * judged[0].bound[c]);
      out.largest = std::max(out.largest, error / own[0].bound[c]);
      ++out.rows;
    }
    const double error = std::fabs(static_cast<double>(Decimal(Decimal(judged[1].value[0]) - truth.back())));
    BOOST_REQUIRE_LE(error, 0x1p-20 * judged[1].bound[0]);
    ++lse.rows;
  }
  BOOST_TEST_MESSAGE(fmt::format("own error over its bound: at most {:.3g} of {} elements", out.largest, out.rows));
  BOOST_TEST(out.rows > 1000);
  BOOST_TEST(out.largest > 0.02);
}

BOOST_AUTO_TEST_CASE(truth_for_kernels_in_double_is_rounded_once) {
  for (int number = 0; number < 40; ++number) {
    const Case one = make_case(number);
    const TensorSet inputs = one.storage.views();
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, one.problem, inputs);
    const RowPlace at{0, 0, number % one.problem.seq_q};
    const std::vector<Decimal> truth = attend<Decimal>(one.problem, inputs, at);
    std::vector<OutputRow> lines;
    oracle->row(at, in_double, lines);
    for (std::size_t c = 0; c < lines[0].value.size(); ++c) {
      const double error = std::fabs(static_cast<double>(Decimal(Decimal(lines[0].value[c]) - truth[c])));
      // Half a unit in the last place, and a little for the 113 bits, whose scores of thousands err by 2^-100.
      BOOST_REQUIRE_LE(error, 0x1p-53 * std::fabs(lines[0].value[c]) * (1.0 + 0x1p-30) + 0x1p-90);
    }
    BOOST_REQUIRE_EQUAL(lines[1].value[0], static_cast<double>(truth.back()));
  }
}

BOOST_AUTO_TEST_CASE(right_kernel_in_double_passes_and_one_wrong_by_1e_13_fails) {
  constexpr Nature drawn{.continuous = true, .exchangeable = true};
  double largest = 0.0;
  for (int number = 0; number < 40; ++number) {
    const Case one = make_case(number);
    BOOST_TEST_CONTEXT(one.problem.text() << ", case " << number) {
      const Verification right = judge_double(one, 1.0, 1.0, drawn);
      BOOST_TEST(right.verdict.has_passed(), right.verdict.reason);
      largest = std::max(largest, right.accuracy.error_over_bound());
      // Scores of hundreds and thousands err by more than that in double, honestly.
      const double wrong = number % 4 < 2 ? 1e-13 : 1e-11;
      BOOST_TEST(!judge_double(one, 1.0 + wrong, 1.0, drawn).verdict.has_passed());
      BOOST_TEST(!judge_double(one, 1.0 - wrong, 1.0, drawn).verdict.has_passed());
    }
  }
  BOOST_TEST(largest > 0.02);
  // A scale that is wrong in the 13th digit, on a problem whose rows tell it from rounding by any rule.
  BOOST_TEST(!judge_double(make_case(4), 1.0, 1.0 + 1e-12, drawn).verdict.has_passed());
}

BOOST_AUTO_TEST_SUITE_END()
