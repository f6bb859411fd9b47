// Rule M: what the oracle says a defect changes is what a kernel with that defect changes; the filter finds defects far
// below the bound of rule F, names them, and lets honest kernels pass; and it says where inputs show a defect too
// little.
#include "harness/verify/matched_filter.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/reference/featured_problems.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
using test::Defect;
using test::holds;
using test::oracle_name;

constexpr Nature chance{.continuous = true, .exchangeable = true};

// Those that the two sides make in another way: the mean of keys seen or of all, another polynomial, another row, and
// weights and scores that are rounded before a tile's maximum is known or after it is.
bool is_same_on_both_sides(Defect defect) {
  for (const Defect other :
       {Defect::mean_of_values, Defect::exponential_coarse, Defect::rows_shuffled, Defect::value_row_swapped,
        Defect::weights_truncated, Defect::weights_in_e4m3, Defect::scores_in_bf16}) {
    if (defect == other) return false;
  }
  return true;
}

Verification judge_out(const Problem& problem, const TensorSet& inputs, Defect defect, const Nature& nature = chance) {
  const TensorStorage outputs = test::run_simulated(problem, inputs, {}, defect);
  const Spec spec;
  TensorSet out;
  out.add("out", outputs.find("out")->view());  // lse alone would give some defects away
  return verify(*make_softmax_oracle(spec, problem, inputs), problem, test::simulated_arithmetic(problem, {}), out,
                {.nature = nature});
}

const DefectFigure& figure_of(const Verification& verification, std::string_view name) {
  const auto& defects = verification.accuracy.defects;
  const auto found =
      std::find_if(defects.begin(), defects.end(), [&](const DefectFigure& d) { return d.name == name; });
  BOOST_REQUIRE_MESSAGE(found != defects.end(), name);
  return *found;
}

bool passes(const Verification& verification, std::string_view rule) {
  const auto& rules = verification.accuracy.rules;
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const RuleResult& one) { return one.rule == rule; });
  BOOST_REQUIRE_MESSAGE(found != rules.end(), rule);
  return found->passed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matched_filter)

BOOST_AUTO_TEST_CASE(changes_of_the_oracle_are_what_kernels_with_the_defect_change) {
  std::map<std::string_view, int> compared;
  for (const test::FeaturedProblem& setting : test::featured_problems) {
    const Problem problem = parse_problem(setting.text);
    const TensorStorage inputs = test::random_inputs(problem, "normal", setting.extras, 51);
    const Arithmetic arithmetic = test::simulated_arithmetic(problem, {});
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    const std::vector<KnownDefect> known = oracle->defects(arithmetic);
    const TensorStorage right = test::run_simulated(problem, inputs.views(), {}, Defect::none);
    for (const test::PlantedDefect& one : test::planted_defects()) {
      const auto at = std::find_if(known.begin(), known.end(),
                                   [&](const KnownDefect& defect) { return defect.name == oracle_name(one); });
      if (at == known.end() || !is_same_on_both_sides(one.defect) || !one.shows(problem, presence_of(inputs.views())))
        continue;
      // The simulated kernel's tiles hold visible keys only.
      const bool by_tiles = holds(one.name, "rescaled") || holds(one.name, "in bf16");
      if (by_tiles && (problem.has_window() || setting.extras.mask)) continue;
      const TensorStorage wrong = test::run_simulated(problem, inputs.views(), {}, one.defect);
      double difference = 0.0, size = 0.0;
      test::for_each_row(problem, [&](const RowPlace& place) {
        const auto changes = oracle->changes(place, arithmetic);
        BOOST_REQUIRE_EQUAL(changes.size(), 2U);
        BOOST_REQUIRE_EQUAL(changes.front().change.size(), known.size());
        const std::vector<double>& change = changes.front().change[static_cast<std::size_t>(at - known.begin())];
        for (std::int64_t c = 0; c < problem.head_dim_v; ++c) {
          const double seen = wrong.find("out")->view().load(place.batch, place.head, place.row, c) -
                              right.find("out")->view().load(place.batch, place.head, place.row, c);
          const double said = change.empty() ? 0.0 : change[static_cast<std::size_t>(c)];
          difference += std::pow(seen - said, 2);
          size += seen * seen;
        }
      });
      // f32 errs by about 1e-7 an element, and bf16 sums that round the other way by 2^-9 of themselves, rarely.
      const double allowed = holds(one.name, "in bf16") ? 0.05 : 1e-3;
      BOOST_TEST_CONTEXT(setting.text << ": " << one.name) {
        BOOST_TEST(std::sqrt(difference) <= allowed * std::sqrt(size) + 1e-5);
        if (size > 1e-4) ++compared[one.name];
      }
    }
  }
  BOOST_TEST(compared.size() >= 21U);
}

BOOST_AUTO_TEST_CASE(honest_kernels_pass_rule_m) {
  double largest = 0.0;
  for (const test::FeaturedProblem& setting : test::featured_problems) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      for (const char* kind : {"normal", "outliers", "large_logits"}) {
        for (const std::uint64_t seed : {61, 62, 63}) {
          const Problem problem = parse_problem(std::string(setting.text) + " " + type);
          const TensorStorage inputs = test::random_inputs(problem, kind, setting.extras, seed);
          const Verification result = judge_out(problem, inputs.views(), Defect::none);
          BOOST_CHECK_MESSAGE(result.verdict.has_passed(), problem.text()
                                                               << " " << kind << ": " << result.verdict.reason);
          for (const RuleResult& rule : result.accuracy.rules)
            if (rule.rule == "M") largest = std::max(largest, rule.ratio);
        }
      }
    }
  }
  BOOST_TEST_MESSAGE("largest ratio of rule M: " << largest);
  BOOST_TEST(largest > 0.1);  // a filter that is never near its limit would find nothing
}

BOOST_AUTO_TEST_CASE(a_defect_that_rules_f_and_p_let_through_is_found_and_named) {
  const Problem problem = parse_problem("hq4 hkv2 sq64 skv128 d64 bf16");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 71);
  const Verification gain = judge_out(problem, inputs.views(), Defect::gain_half_percent);
  BOOST_TEST_MESSAGE(gain.verdict.reason);
  BOOST_TEST(passes(gain, "F"));
  BOOST_TEST(!passes(gain, "M"));
  BOOST_TEST(!gain.verdict.has_passed());
  BOOST_TEST(gain.verdict.reason.find("out (b,h,i,c) = (") == 0U);
  BOOST_TEST(holds(gain.verdict.reason, "looks like: gain +0.5%"));
  BOOST_TEST(std::fabs(figure_of(gain, "gain +0.5%").c - 1.0) < 0.1);

  const Verification scale = judge_out(problem, inputs.views(), Defect::scale_1_percent);
  BOOST_TEST(!scale.verdict.has_passed());
  BOOST_TEST(holds(scale.verdict.reason, "looks like: scale +1% (c = 1.0"));
  BOOST_TEST(std::fabs(figure_of(scale, "scale +0.1%").c - 10.0) < 1.0);
}

BOOST_AUTO_TEST_CASE(failures_on_structured_inputs_are_named_though_rule_m_does_not_judge) {
  const Problem problem = parse_problem("hq4 hkv2 sq33 skv61 d32 causal");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 72);
  const Spec spec;
  const std::vector<KnownDefect> known =
      make_softmax_oracle(spec, problem, inputs.views())->defects(test::simulated_arithmetic(problem, {}));
  int named_ones = 0;
  for (const test::PlantedDefect& one : test::planted_defects()) {
    const bool is_known = std::any_of(known.begin(), known.end(),
                                      [&](const KnownDefect& defect) { return defect.name == oracle_name(one); });
    const bool shows = is_known && is_same_on_both_sides(one.defect);
    const Verification result = judge_out(problem, inputs.views(), one.defect, {});
    if (!shows || result.verdict.has_passed()) continue;
    BOOST_TEST_CONTEXT(one.name << ": " << result.verdict.reason) {
      // In causal attention some are the same: "causal strict or last key dropped".
      const std::size_t named = result.verdict.reason.find("; looks like: ");
      BOOST_REQUIRE(named != std::string::npos);
      BOOST_TEST(holds(result.verdict.reason.substr(named), oracle_name(one)));
      BOOST_TEST(std::none_of(result.accuracy.rules.begin(), result.accuracy.rules.end(),
                              [](const RuleResult& rule) { return rule.rule == "M"; }));
      ++named_ones;
    }
  }
  BOOST_TEST(named_ones >= 12);
}

BOOST_AUTO_TEST_CASE(a_defect_of_a_single_row_is_named_from_that_row) {
  const Problem problem = parse_problem("hq2 sq4096 skv256 d64");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 73);
  const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {.tile = 256}, Defect::none);
  for (std::int64_t c = 0; c < 64; ++c)
    test::set(outputs.find("out")->view(), 0.0, 0, 1, 2049, c);
  const Spec spec;
  const Verification result =
      verify(*make_softmax_oracle(spec, problem, inputs.views()), problem,
             test::simulated_arithmetic(problem, {.tile = 256}), outputs.views(), {.nature = chance});
  BOOST_TEST(result.accuracy.defect_rows < result.accuracy.rows_checked / 8);
  BOOST_TEST(holds(result.verdict.reason, "looks like: output all zeros (c = 1.00)"));
}

BOOST_AUTO_TEST_CASE(inputs_that_cannot_show_a_defect_say_so) {
  // Over one key the scale means nothing, and nothing is ever rescaled.
  const Problem problem = parse_problem("hq4 hkv2 sq70 skv1 d32");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 74);
  const Verification result = judge_out(problem, inputs.views(), Defect::none);
  BOOST_TEST(result.verdict.has_passed());
  BOOST_TEST(figure_of(result, "scale +1%").sensitivity == 0.0);
  BOOST_TEST(figure_of(result, "V of another head").sensitivity > 1000.0);
}

BOOST_AUTO_TEST_CASE(errors_that_move_together_within_lines_are_no_defect) {
  // Each line errs by one random multiple of the change: independent columns would make of it 8 deviations and more.
  MatchedFilter filter({{.name = "one"}});
  test::Random random(75);
  std::vector<double> got(64);
  OutputRow line{.output = "out",
                 .index = {},
                 .value = std::vector<double>(64, 0.0),
                 .bound = {},
                 .plain = {},
                 .deviation = std::vector<double>(64, 1.0)};
  for (int row = 0; row < 64; ++row) {
    std::fill(line.value.begin(), line.value.end(), 1e3 * row);  // each line has a truth of its own
    std::fill(got.begin(), got.end(), line.value[0] + 10.0 * random.normal());
    filter.add(line, DType::f64, got, {std::vector<double>(64, 1.0)});
  }
  BOOST_TEST(filter.judge()->ratio < 1.0);
  BOOST_TEST(std::fabs(filter.figures().front().z) < 5.0);
}

BOOST_AUTO_TEST_CASE(lines_that_repeat_one_error_count_as_one_and_declared_roundings_are_no_defect) {
  const OutputRow blank{.output = "out",
                        .index = {},
                        .value = std::vector<double>(16, 0.0),
                        .bound = {},
                        .plain = {},
                        .deviation = std::vector<double>(16, 0.25)};
  // One error of the same truth, 100 times over: the changes are those of a single line.
  MatchedFilter repeated({{.name = "one"}});
  // The truth lies a half of f16's last place off, so that every kernel errs by that, which is what the defect changes.
  MatchedFilter rounded({{.name = "one"}});
  // The same with a rounding that is declared.
  MatchedFilter declared({{.name = "one"}, {.name = "rounding", .least_share = HUGE_VAL}});
  // Lines that err by the defect itself, each another truth; and by 1e5 times it.
  MatchedFilter wrong({{.name = "one"}}), beyond({{.name = "one"}});
  test::Random random(76);
  for (int row = 0; row < 100; ++row) {
    OutputRow line = blank;
    repeated.add(line, DType::f64, std::vector<double>(16, 0.25), {std::vector<double>(16, 1.0)});
    line.value.assign(16, 1024.5 + row);  // between 1024 and 2048 neighbours in f16 are 1 apart
    const double error = std::nearbyint(line.value[0]) - line.value[0];
    rounded.add(line, DType::f16, std::vector<double>(16, line.value[0] + error), {std::vector<double>(16, error)});
    line.value.assign(16, 3.0 + row);
    declared.add(line, DType::f64, std::vector<double>(16, 4.0 + row),
                 {std::vector<double>(16, 1.0), std::vector<double>(16, 1.0)});
    wrong.add(line, DType::f64, std::vector<double>(16, 4.0 + row), {std::vector<double>(16, 1.0)});
    beyond.add(line, DType::f64, std::vector<double>(16, 4.0 + row), {std::vector<double>(16, 1e-5)});
  }
  BOOST_TEST(repeated.judge()->ratio < 1.0);
  BOOST_TEST(rounded.judge()->ratio < 1.0);
  BOOST_TEST(!rounded.figures().front().is_shown());
  BOOST_TEST(declared.judge()->ratio < 1.0);
  BOOST_TEST(declared.figures().size() == 1U);
  BOOST_TEST(wrong.judge()->ratio > 1.0);
  BOOST_TEST(wrong.figures().front().is_shown());
  BOOST_TEST(beyond.judge()->ratio < 1.0);
}

BOOST_AUTO_TEST_CASE(where_rule_m_does_not_judge_only_what_rule_f_would_see_is_shown) {
  MatchedFilter filter({{.name = "small"}, {.name = "large"}, {.name = "not finite"}});
  for (int row = 0; row < 100; ++row) {
    const std::vector<double> truth(16, row);
    const OutputRow line{.output = "out",
                         .index = {},
                         .value = truth,
                         .bound = std::vector<double>(16, 10.0),
                         .plain = {},
                         .deviation = std::vector<double>(16, 1.0)};
    filter.add(line, DType::f64, truth,
               {std::vector<double>(16, 5.0), std::vector<double>(16, 25.0), std::vector<double>(16, NAN)});
  }
  const auto shown = [&](bool judges, std::size_t defect) { return filter.figures(judges)[defect].is_shown(); };
  BOOST_TEST(shown(true, 0));
  BOOST_TEST(!shown(false, 0));
  for (const bool judges : {true, false}) {
    BOOST_TEST(shown(judges, 1));
    BOOST_TEST(shown(judges, 2));
  }
  BOOST_TEST(filter.judge()->ratio < 1.0);
}

BOOST_AUTO_TEST_CASE(honest_kernels_pass_where_lines_are_alike_or_one_key_dominates) {
  for (const char* text :
       {"hq2 sq300 skv64 d64 scale=0", "sq300 skv3 d64 scale=40 softcap=20", "sq300 skv8 d16 scale=4",
        "hq2 sq128 skv128 d64 scale=3 dropout=0.1 seed=7", "b3 hq6 hkv3 sq17 skv129 d8 causal window=1,0 scale=0.01"}) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      for (const std::uint64_t seed : {81, 82, 83}) {
        const Problem problem = parse_problem(std::string(text) + " " + type);
        const TensorStorage inputs = test::random_inputs(problem, "normal", {}, seed);
        const Verification result = judge_out(problem, inputs.views(), Defect::none);
        BOOST_CHECK_MESSAGE(result.verdict.has_passed(), problem.text()
                                                             << " seed " << seed << ": " << result.verdict.reason);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(inputs_show_a_defect_when_nearly_every_kernel_that_has_it_would_be_flagged) {
  // Errors of deviation 1 beside a defect of size `change` in each of the columns of so many lines.
  const auto run = [](int lines, double change, std::uint64_t seed) {
    MatchedFilter filter({{.name = "one"}});
    test::Random random(seed);
    OutputRow line{.output = "out",
                   .index = {},
                   .value = std::vector<double>(16, 0.0),
                   .bound = {},
                   .plain = {},
                   .deviation = std::vector<double>(16, 1.0)};
    for (int row = 0; row < lines; ++row) {
      std::vector<double> got;
      line.value.assign(16, row);  // each line has a truth of its own, which the type holds
      for (int c = 0; c < 16; ++c)
        got.push_back(row + change + random.normal());
      filter.add(line, DType::bf16, got, {std::vector<double>(16, change)});
    }
    return filter;
  };
  // n is sqrt(16 lines) times the change: 13 where it is shown by a little, 9 where half of the kernels would pass.
  int shown = 0, missed = 0;
  for (int seed = 0; seed < 300; ++seed) {
    const MatchedFilter filter = run(64, 13.0 / 32.0, static_cast<std::uint64_t>(seed) + 1);
    if (!filter.figures().front().is_shown()) continue;
    ++shown;
    missed += filter.judge()->ratio > 1.0 ? 0 : 1;
  }
  BOOST_TEST(shown > 100);
  BOOST_TEST(missed * 100 <= shown);
  BOOST_TEST(!run(64, 9.0 / 32.0, 1).figures().front().is_shown());
  // Few lines may err together, so that n = 24 of them is no more than 6 deviations.
  const DefectFigure few = run(9, 2.0, 1).figures().front();
  BOOST_TEST(few.sensitivity == 24.0);
  BOOST_TEST(few.expected_z == 6.0);
  BOOST_TEST(!few.is_shown());
}

BOOST_AUTO_TEST_SUITE_END()
