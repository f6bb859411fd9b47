// Rule F as NUMERICS writes it, evaluated term by term with plain loops, against the bounds that the oracle gives.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "harness/verify/verify.hpp"
#include "reference/philox.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/reference/judged_rows.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

double gamma_of(double n, double u) {
  return n * u / (1.0 - n * u);
}

// One row, all keys present, no bias of -inf.
struct RuleF {
  RuleF(const Problem& p, const TensorSet& inputs, const RowPlace& at, const Arithmetic& a) {
    const TensorView* bias = inputs.find("bias");
    const DropoutMask mask(p.dropout, p.seed);
    // The reference's own error: the same formulas with u = 2^-53, and exp right to 2^-52.
    const double u = a.accumulate + 0x1p-53;
    std::vector<double> s, product, parts, kappa;
    for (std::int64_t j = 0; j < p.seq_kv; ++j) {
      double dot = 0.0, magnitude = 0.0;
      for (std::int64_t c = 0; c < p.head_dim; ++c) {
        const double term = inputs.at("q").load(at.batch, at.head, at.row, c) *
                            inputs.at("k").load(at.batch, at.head / p.group(), j, c);
        dot += term;
        magnitude += std::fabs(term);
      }
      double score = p.effective_scale() * dot;
      if (p.softcap > 0.0) score = p.softcap * std::tanh(score / p.softcap);
      const double b = bias != nullptr ? bias->load(j) : 0.0;
      s.push_back(score + b);
      parts.push_back(std::fabs(score) + std::fabs(b));
      product.push_back(p.effective_scale() * magnitude);
      const bool kept = p.dropout == 0.0 || mask.keeps(at.batch, at.head, at.row, j);
      kappa.push_back(kept ? 1.0 / (1.0 - p.dropout) : 0.0);
    }
    const double m = *std::max_element(s.begin(), s.end());
    double big_m = 0.0, l = 0.0;
    for (const double score : s) {
      big_m = std::max(big_m, std::fabs(score));
      l += std::exp(score - m);
    }
    std::vector<double> eta;
    const double n_r = static_cast<double>(a.rescales);
    const auto d = static_cast<double>(p.head_dim);
    for (std::size_t j = 0; j < s.size(); ++j) {
      eta.push_back((gamma_of(d + 1.0, u) + 2.0 * a.input + a.input * a.input) * product[j] +
                    (bias != nullptr ? u * parts[j] : 0.0) + (p.softcap > 0.0 ? 4.0 * u * parts[j] : 0.0) +
                    a.score * parts[j] + a.score_floor + (1.0 + n_r) * (a.exponential + 0x1p-52) +
                    u * (5.0 * (m - s[j]) + big_m));
    }
    const double top = *std::max_element(eta.begin(), eta.end());
    const double chain = a.longest_chain > 0 ? static_cast<double>(a.longest_chain) : static_cast<double>(s.size());
    const double sums = gamma_of(chain + n_r, u);
    const double stored = a.weights_normalised ? 1.0 : l;
    for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
      double out = 0.0, size = 0.0, absolute = 0.0, spread = 0.0;
      const auto v = [&](std::size_t j) {
        return inputs.at("v").load(at.batch, at.head / p.group(), static_cast<std::int64_t>(j), c);
      };
      for (std::size_t j = 0; j < s.size(); ++j) {
        const double weight = std::exp(s[j] - m) / l;
        out += kappa[j] * weight * v(j);
        size += kappa[j] * weight * std::fabs(v(j));
        absolute += kappa[j] * std::fabs(v(j));
      }
      for (std::size_t j = 0; j < s.size(); ++j)
        spread += std::exp(s[j] - m) / l * std::fabs(kappa[j] * v(j) - out) * std::expm1(eta[j]);
      const double e1 = std::exp(top) * spread;
      const double e2 =
          (a.weight + a.input + (p.dropout > 0.0 ? 2.0 * u : 0.0) + sums) * size + a.weight_floor / stored * absolute;
      const double e3 = sums * std::fabs(out);
      const double e4 = (3.0 * u + a.output + 0x1p-53) * std::fabs(out) + a.output_floor;
      bound.push_back((e1 + e2 + e3) * (1.0 + 4.0 * (top + sums + a.weight) + a.output) + e4);
    }
    double first_order = 0.0;
    for (std::size_t j = 0; j < s.size(); ++j)
      first_order += std::exp(s[j] - m) / l * eta[j];
    const double log = std::log(l);
    lse_bound = first_order + sums + 2.0 * u * std::fabs(log) + u * std::fabs(m + log) + u * big_m;
  }

  std::vector<double> bound;
  double lse_bound = 0.0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rule_f)

BOOST_AUTO_TEST_CASE(bounds_of_the_oracle_are_rule_f_term_by_term) {
  constexpr Arithmetic plain{};
  constexpr Arithmetic low{
      .weight = 0x1p-8, .output = 0x1p-8, .weight_floor = 0x1p-134, .output_floor = 0x1p-134, .rescales = 7};
  constexpr Arithmetic everything{.accumulate = 0x1p-23,
                                  .input = 0x1p-12,
                                  .score = 0x1p-11,
                                  .score_floor = 0x1p-25,
                                  .weight = 0x1p-11,
                                  .output = 0x1p-11,
                                  .weight_floor = 0x1p-25,
                                  .output_floor = 0x1p-25,
                                  .exponential = 0x1p-22,
                                  .rescales = 3,
                                  .longest_chain = 20,
                                  .weights_normalised = true};
  test::for_each_judged_row({"hq4 hkv2 sq3 skv37 d24 dv9", "hq2 sq3 skv37 d24 dv9 softcap=4",
                             "hq2 sq3 skv37 d24 dv9 dropout=0.4 seed=9 scale=0.5"},
                            {plain, low, everything}, [](const test::JudgedRow& row) {
                              const RuleF rule(row.problem, row.inputs, row.at, row.arithmetic);
                              const std::vector<OutputRow>& lines = row.lines;
                              for (std::size_t c = 0; c < rule.bound.size(); ++c)
                                BOOST_REQUIRE_CLOSE(lines[0].bound[c], rule.bound[c], 1e-9);
                              // The oracle's form of the first term holds to all orders and is therefore a little
                              // above.
                              BOOST_REQUIRE_GE(lines[1].bound[0], rule.lse_bound * (1.0 - 1e-12));
                              BOOST_REQUIRE_LE(lines[1].bound[0], rule.lse_bound * 1.01);
                            });
}

BOOST_AUTO_TEST_CASE(bound_of_lse_holds_where_stored_scores_are_wrong_by_thousands) {
  // Scores of 1e5 and more in bf16: each may be off by 2^-8 of itself, and then lse is off by as much.
  const Arithmetic stored{.score = 0x1p-8};
  for (const char* text : {"sq4 skv9 d8 scale=30000", "sq4 skv9 d8 scale=1e30"}) {
    const Problem problem = parse_problem(text);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 33);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    test::for_each_row(problem, [&](const RowPlace& at) {
      double greatest = -HUGE_VAL, most = -HUGE_VAL, size = 0.0;
      for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
        double dot = 0.0;
        for (std::int64_t c = 0; c < problem.head_dim; ++c)
          dot += inputs.views().at("q").load(0, 0, at.row, c) * inputs.views().at("k").load(0, 0, j, c);
        const double score = problem.effective_scale() * dot;
        greatest = std::max(greatest, score);
        most = std::max(most, score + 0x1p-8 * std::fabs(score));
        size = std::max(size, std::fabs(score));
      }
      std::vector<OutputRow> lines;
      oracle->row(at, stored, lines);
      // One score is above all others by far, so that lse is that score.
      BOOST_TEST(most - greatest > 300.0);
      BOOST_TEST(lines[1].bound[0] >= most - greatest);
      BOOST_TEST(lines[1].bound[0] <= 1.1 * 0x1p-8 * size);
    });
  }
}

BOOST_AUTO_TEST_CASE(no_bound_is_wider_than_the_values_and_such_rows_say_that_they_prove_nothing) {
  const Arithmetic stored{.score = 2.0};
  int unproven = 0;
  for (const char* text : {"sq4 skv9 d8 dv3 scale=300", "sq4 skv9 d8 dv3 scale=300 dropout=0.4 seed=9"}) {
    const Problem problem = parse_problem(text);
    const DropoutMask mask(problem.dropout, problem.seed);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 34);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    test::for_each_row(problem, [&](const RowPlace& at) {
      std::vector<OutputRow> lines;
      oracle->row(at, stored, lines);
      // Where one key is far above the others its weight is known all the same.
      if (!lines[0].proves_nothing) return;
      ++unproven;
      for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
        // All the weight on one key, which nobody knows: each of these results is within the bound.
        double farthest = 0.0;
        for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
          const bool kept = problem.dropout == 0.0 || mask.keeps(at.batch, at.head, at.row, j);
          const double value = kept ? inputs.views().at("v").load(0, 0, j, c) / (1.0 - problem.dropout) : 0.0;
          farthest = std::max(farthest, std::fabs(value - lines[0].value[static_cast<std::size_t>(c)]));
        }
        BOOST_TEST(lines[0].bound[static_cast<std::size_t>(c)] >= farthest);
        BOOST_TEST(lines[0].bound[static_cast<std::size_t>(c)] <= 1.0001 * farthest + 1e-5);
      }
      oracle->row(at, Arithmetic{}, lines);
      BOOST_TEST(!lines[0].proves_nothing);
    });
  }
  BOOST_TEST(unproven >= 2);
}

BOOST_AUTO_TEST_SUITE_END()
