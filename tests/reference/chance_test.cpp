// Rules P and S: their bounds are those that NUMERICS writes, evaluated here with plain loops; which of them hold
// follows from the inputs' nature; what F alone lets through they do not, and the reason names element and rule.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "harness/inputs/generators.hpp"
#include "harness/verify/chance_tally.hpp"
#include "harness/verify/verify.hpp"
#include "reference/philox.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/reference/judged_rows.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
using test::Defect;

constexpr Nature chance{.continuous = true, .exchangeable = true};

// One row, all keys present; sums to nearest.
struct RulePS {
  RulePS(const Problem& p, const TensorSet& inputs, const RowPlace& at, const Arithmetic& a) {
    const TensorView* bias = inputs.find("bias");
    const DropoutMask mask(p.dropout, p.seed);
    const double u = a.accumulate;
    const auto d = static_cast<double>(p.head_dim);
    std::vector<double> s, shift, kappa, weight;
    for (std::int64_t j = 0; j < p.seq_kv; ++j) {
      double dot = 0.0, magnitude = 0.0;
      for (std::int64_t c = 0; c < p.head_dim; ++c) {
        const double term = inputs.at("q").load(at.batch, at.head, at.row, c) *
                            inputs.at("k").load(at.batch, at.head / p.group(), j, c);
        dot += term;
        magnitude += std::fabs(term);
      }
      const double b = bias != nullptr ? bias->load(j) : 0.0;
      const double parts = std::fabs(p.effective_scale() * dot) + std::fabs(b);
      s.push_back(p.effective_scale() * dot + b);
      shift.push_back((std::sqrt(d + 1.0) * u + 2.0 * a.input) * p.effective_scale() * magnitude + a.score * parts +
                      (bias != nullptr ? std::sqrt(2.0) * u * parts : 0.0));
      const bool kept = p.dropout == 0.0 || mask.keeps(at.batch, at.head, at.row, j);
      kappa.push_back(kept ? 1.0 / (1.0 - p.dropout) : 0.0);
    }
    const double m = *std::max_element(s.begin(), s.end());
    double big_m = 0.0, l = 0.0, slope = 0.0, shifted = 0.0;
    for (std::size_t j = 0; j < s.size(); ++j) {
      big_m = std::max(big_m, std::fabs(s[j]));
      l += std::exp(s[j] - m);
      shift[j] += 3.0 * u * (m - s[j]);
    }
    for (std::size_t j = 0; j < s.size(); ++j) {
      weight.push_back(std::exp(s[j] - m) / l);
      slope += weight[j] * s[j];
      shifted += weight[j] * weight[j] * shift[j] * shift[j];
    }
    const double steps = (a.longest_chain > 0 ? static_cast<double>(a.longest_chain) : static_cast<double>(s.size())) +
                         static_cast<double>(a.rescales);
    const double shared = (1.0 + static_cast<double>(a.rescales)) * a.exponential + u * big_m;
    const double sigma = a.weight_floor / (a.weights_normalised ? 1.0 : l);
    for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
      const auto v = [&](std::size_t j) {
        return inputs.at("v").load(at.batch, at.head / p.group(), static_cast<std::int64_t>(j), c);
      };
      double out = 0.0, size = 0.0, with_slope = 0.0;
      for (std::size_t j = 0; j < s.size(); ++j) {
        out += kappa[j] * weight[j] * v(j);
        size += kappa[j] * weight[j] * std::fabs(v(j));
        with_slope += kappa[j] * weight[j] * s[j] * v(j);
      }
      double variance = steps * u * u * (size * size + out * out), spread = 0.0;
      for (std::size_t j = 0; j < s.size(); ++j) {
        const double away = kappa[j] * v(j) - out;
        const double stored = (a.weight + a.input) * weight[j];
        variance +=
            std::pow(weight[j] * shift[j] * away, 2) + (stored * stored + sigma * sigma) * std::pow(kappa[j] * v(j), 2);
        spread += weight[j] * away * away;
      }
      // With dropout the stored weight of a tile's greatest key is 1/(1-p), rounded, in every row: a number from 1 to 2
      // here, in 11 bits where u_p is that of f16, and in bits that nobody knows otherwise.
      const double same = 1.0 / (1.0 - p.dropout);
      const double rounding =
          a.weight == 0x1p-11 ? std::fabs(std::nearbyint(same * 1024.0) / 1024.0 / same - 1.0) : a.weight;
      double repeated = 0.0;
      const std::int64_t tile = a.rescales > 0 ? (p.seq_kv + a.rescales) / (a.rescales + 1) : 64;
      for (std::int64_t first = 0; p.dropout > 0.0 && first < p.seq_kv; first += tile) {
        const auto begin = s.begin() + first;
        const auto top = std::max_element(begin, s.begin() + std::min(p.seq_kv, first + tile)) - s.begin();
        const auto at_top = static_cast<std::size_t>(top);
        repeated += kappa[at_top] * weight[at_top] * std::fabs(v(at_top));
      }
      const double coherent = 2.0 * u * std::fabs(with_slope - out * slope) + shared * std::sqrt(spread) +
                              (p.dropout > 0.0 ? 2.0 * u * size : 0.0) + rounding * repeated;
      const double stored = (3.0 * u + a.output) * std::fabs(out) + a.output_floor;
      bound.push_back(6.5 * std::sqrt(variance) + coherent + stored);  // but for the inflation of second order
      deviation.push_back(0.41 * std::sqrt(variance + stored * stored) + coherent);
    }
    const double of_lse = shifted + steps * u * u;
    const double coherent = 2.0 * u * std::fabs(slope) + shared;
    const double stored = 2.0 * u * std::fabs(std::log(l)) + u * std::fabs(m + std::log(l)) + u * big_m;
    lse_bound = 6.5 * std::sqrt(of_lse) + coherent + stored;
    lse_deviation = 0.41 * std::sqrt(of_lse + stored * stored) + coherent;
  }

  std::vector<double> bound, deviation;
  double lse_bound = 0.0, lse_deviation = 0.0;
};

Verification judge(const Problem& problem, const TensorSet& inputs, Defect defect, const Nature& nature) {
  const TensorStorage outputs = test::run_simulated(problem, inputs, {}, defect);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs);
  return verify(*oracle, problem, test::simulated_arithmetic(problem, {}), outputs.views(), {.nature = nature});
}

Verification judge_out(const Problem& problem, const TensorSet& inputs, const TensorStorage& outputs,
                       const Nature& nature) {
  const Spec spec;
  TensorSet out;
  out.add("out", outputs.find("out")->view());
  return verify(*make_softmax_oracle(spec, problem, inputs), problem, test::simulated_arithmetic(problem, {}), out,
                {.nature = nature});
}

std::string names_of(const Verification& verification) {
  std::string names;
  for (const RuleResult& rule : verification.accuracy.rules)
    names += rule.rule;
  return names;
}

const RuleResult& rule_of(const Verification& verification, std::string_view name) {
  const auto& rules = verification.accuracy.rules;
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&](const RuleResult& rule) { return rule.rule == name; });
  BOOST_REQUIRE(found != rules.end());
  return *found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chance_rules)

BOOST_AUTO_TEST_CASE(bounds_of_the_oracle_are_rules_p_and_s_term_by_term) {
  constexpr Arithmetic plain{};
  constexpr Arithmetic low{
      .weight = 0x1p-11, .output = 0x1p-11, .weight_floor = 0x1p-25, .output_floor = 0x1p-25, .rescales = 7};
  constexpr Arithmetic everything{.input = 0x1p-14,
                                  .score = 0x1p-14,
                                  .weight = 0x1p-12,
                                  .output = 0x1p-11,
                                  .weight_floor = 0x1p-25,
                                  .output_floor = 0x1p-25,
                                  .exponential = 0x1p-22,
                                  .rescales = 3,
                                  .longest_chain = 20,
                                  .weights_normalised = true};
  test::for_each_judged_row({"hq4 hkv2 sq3 skv37 d24 dv9", "hq2 sq3 skv37 d24 dv9 dropout=0.4 seed=9 scale=0.5"},
                            {plain, low, everything}, [](const test::JudgedRow& row) {
                              const RulePS rule(row.problem, row.inputs, row.at, row.arithmetic);
                              const std::vector<OutputRow>& lines = row.lines;
                              for (std::size_t c = 0; c < rule.bound.size(); ++c) {
                                BOOST_REQUIRE_GE(lines[0].probable[c], rule.bound[c] * (1.0 - 1e-9));
                                BOOST_REQUIRE_LE(lines[0].probable[c], rule.bound[c] * 1.03);
                                BOOST_REQUIRE_CLOSE(lines[0].deviation[c], rule.deviation[c], 1e-6);
                              }
                              BOOST_REQUIRE_CLOSE(lines[1].probable[0], rule.lse_bound, 1e-6);
                              BOOST_REQUIRE_CLOSE(lines[1].deviation[0], rule.lse_deviation, 1e-6);
                            });
}

BOOST_AUTO_TEST_CASE(a_sum_that_truncates_has_a_bound_that_grows_with_its_length_not_with_its_root) {
  const Problem problem = parse_problem("sq1 skv4096 d64 dv8");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 35);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
  std::vector<OutputRow> nearest, truncating;
  oracle->row({}, {.accumulate = 0x1p-23}, nearest);
  oracle->row({}, {.accumulate = 0x1p-23, .truncated_chunk = 8}, truncating);
  for (std::size_t c = 0; c < 8; ++c) {
    BOOST_TEST(truncating[0].probable[c] > nearest[0].probable[c]);
    BOOST_TEST(truncating[0].probable[c] > 512.0 * 0x1p-23 * std::fabs(nearest[0].value[c]));
    BOOST_TEST(truncating[0].probable[c] < truncating[0].bound[c]);
  }
}

BOOST_AUTO_TEST_CASE(rules_that_hold_follow_from_the_nature_of_the_inputs) {
  const Problem problem = parse_problem("hq2 sq20 skv50 d32 dv16 bf16");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 33);
  const auto rules = [&](const Nature& nature) {
    return names_of(judge(problem, inputs.views(), Defect::none, nature));
  };
  BOOST_TEST(rules({}) == "F");
  BOOST_TEST(rules({.exchangeable = true}) == "F");
  BOOST_TEST(rules({.continuous = true}) == "FP");
  BOOST_TEST(rules(chance) == "FPSM");
  BOOST_TEST((find_input_kind("normal").nature == chance));
  for (const char* kind : {"uniform_scores", "two_valued", "minilm"})
    BOOST_TEST(!find_input_kind(kind).nature.continuous);
}

BOOST_AUTO_TEST_CASE(every_rule_of_an_honest_kernel_has_a_ratio_below_1_and_not_far_below) {
  for (const char* type : {"f32", "bf16", "f16"}) {
    const Problem problem = parse_problem(std::string("b2 hq4 hkv2 sq33 skv61 d32 dv24 causal ") + type);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 36);
    const Verification result = judge(problem, inputs.views(), Defect::none, chance);
    BOOST_CHECK_MESSAGE(result.verdict.has_passed(), type << ": " << result.verdict.reason);
    for (const char* rule : {"F", "P", "S"}) {
      BOOST_TEST_CONTEXT(type << " rule " << rule << " " << rule_of(result, rule).ratio) {
        BOOST_TEST(rule_of(result, rule).passed);
        BOOST_TEST(rule_of(result, rule).ratio < 1.0);
        BOOST_TEST(rule_of(result, rule).ratio > 0.02);  // worst cases do not happen in f32
      }
    }
  }
}

// lse alone would give some defects away, so only `out` is judged.
BOOST_AUTO_TEST_CASE(a_gain_of_half_a_percent_in_bf16_passes_rules_f_and_p_and_fails_rule_s) {
  const Problem problem = parse_problem("hq2 sq64 skv128 d64 bf16");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 38);
  const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, Defect::gain_half_percent);
  BOOST_CHECK_MESSAGE(judge_out(problem, inputs.views(), outputs, {}).verdict.has_passed(), "by rule F");
  const Verification result = judge_out(problem, inputs.views(), outputs, chance);
  BOOST_TEST_MESSAGE(result.verdict.reason);
  BOOST_TEST(rule_of(result, "F").passed);
  BOOST_TEST(rule_of(result, "P").passed);
  BOOST_TEST(!rule_of(result, "S").passed);
  BOOST_TEST(!result.verdict.has_passed());
  BOOST_TEST(result.verdict.reason.find("out (b,h,i,c) = (") == 0U);
  BOOST_TEST(result.verdict.reason.find(": expected ") != std::string::npos);
  BOOST_TEST(result.verdict.reason.find("by rule S") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_small_gain_in_f32_passes_rule_f_and_fails_rule_p) {
  const Problem problem = parse_problem("hq2 sq64 skv128 d64");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 38);
  const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, Defect::none);
  const TensorView& out = outputs.find("out")->view();
  for (std::int64_t index = 0; index < out.element_count(); ++index)
    out.as<float>()[index] *= 1.0f + 0x1p-15f;
  BOOST_CHECK_MESSAGE(judge_out(problem, inputs.views(), outputs, {}).verdict.has_passed(), "by rule F");
  const Verification result = judge_out(problem, inputs.views(), outputs, chance);
  BOOST_TEST_MESSAGE(result.verdict.reason);
  BOOST_TEST(rule_of(result, "F").passed);
  BOOST_TEST(!rule_of(result, "P").passed);
  BOOST_TEST(result.verdict.reason.find("out (b,h,i,c) = (") == 0U);
  BOOST_TEST(result.verdict.reason.find(": expected ") != std::string::npos);
  BOOST_TEST(result.verdict.reason.find("by rule P") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(few_lines_have_a_wider_limit_than_many) {
  BOOST_TEST(statistic_limit(DType::bf16, 100000) == 1.5);
  BOOST_TEST(statistic_limit(DType::f32, 100000) == 2.0);
  BOOST_TEST(statistic_limit(DType::f32, 1) > 7.0);
  BOOST_TEST(statistic_limit(DType::bf16, 64) > 1.5);
  BOOST_TEST(statistic_limit(DType::bf16, 64) < 1.8);
}

BOOST_AUTO_TEST_SUITE_END()
