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

BOOST_AUTO_TEST_SUITE_END()
