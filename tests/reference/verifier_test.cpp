// The verifier is verified: kernels with one planted defect must fail, honest ones of any schedule must pass.
#include <boost/test/unit_test.hpp>
#include <fmt/format.h>
#include <string>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/reference/random_problem.hpp"
#include "tests/reference/simulated_kernel.hpp"

namespace {

using namespace attest;
using test::Defect;
using test::Extras;
using test::Schedule;

constexpr const char* types[] = {"f32", "bf16", "f16"};
constexpr const char* kinds[] = {"normal", "outliers", "large_logits"};

struct Setting {
  const char* text;
  Extras extras;
};

// A defect shows only where its feature is in use, so each setting brings some.
const Setting settings[] = {
    {"b2 hq4 hkv2 sq33 skv61 d32 dv24 causal", {}},
    {"hq4 hkv2 sq40 skv56 d32 dv16 causal window=13,0", {}},
    {"b2 hq2 sq24 skv48 d24 dv32", {.mask = true, .bias = true, .kv_lengths = true}},
    {"hq2 sq24 skv80 d32 dv16 dropout=0.3 seed=77", {}},
    {"hq2 sq24 skv64 d32 dv16 softcap=15", {}},
};

Verification judge(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect) {
  const TensorStorage outputs = test::run_simulated(problem, inputs, schedule, defect);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs);
  return verify(*oracle, problem, test::simulated_arithmetic(problem, schedule), outputs.views(), {.budget = 1e18});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verifier)

BOOST_AUTO_TEST_CASE(honest_kernels_of_every_type_and_schedule_stay_below_the_bound) {
  const Schedule schedules[] = {{.tile = 16}, {.tile = 8, .backwards = true, .pairwise = true}, {.tile = 4096}};
  double largest = 0.0;
  for (const Setting& setting : settings) {
    for (const char* type : types) {
      const Problem problem = parse_problem(std::string(setting.text) + " " + type);
      for (const char* kind : kinds) {
        const TensorStorage inputs = test::random_inputs(problem, kind, setting.extras, 11);
        for (const Schedule& schedule : schedules) {
          const Verification result = judge(problem, inputs.views(), schedule, Defect::none);
          BOOST_CHECK_MESSAGE(result.verdict.has_passed(), problem.text()
                                                               << " " << kind << ": " << result.verdict.reason);
          BOOST_TEST(result.accuracy.outputs.size() == 2U);
          BOOST_TEST(result.accuracy.rules.at(0).ratio > 0.0);
          largest = std::max(largest, result.accuracy.rules.at(0).ratio);
        }
      }
    }
  }
  BOOST_TEST_MESSAGE("largest error/bound of honest kernels: " << largest);
  BOOST_TEST(largest < 1.0);
  BOOST_TEST(largest > 0.3);  // a bound far above all errors would prove little
}

BOOST_AUTO_TEST_CASE(output_of_the_previous_call_fails) {
  for (const char* type : types) {
    const Problem problem = parse_problem(std::string(settings[0].text) + " " + type);
    const TensorStorage before = test::random_inputs(problem, "normal", {}, 13);
    const TensorStorage now = test::random_inputs(problem, "normal", {}, 14);
    const TensorStorage outputs = test::run_simulated(problem, before.views(), {}, Defect::none);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, now.views());
    BOOST_TEST(
        !verify(*oracle, problem, test::simulated_arithmetic(problem, {}), outputs.views(), {}).verdict.has_passed());
  }
}

// What any tolerance must reject, by the output alone: lse would give some of them away.
BOOST_AUTO_TEST_CASE(control_outputs_fail_in_every_setting_without_looking_at_lse) {
  for (const Setting& setting : settings) {
    for (const char* type : types) {
      const Problem problem = parse_problem(std::string(setting.text) + " " + type);
      for (const char* kind : kinds) {
        const TensorStorage inputs = test::random_inputs(problem, kind, setting.extras, 15);
        const Spec spec;
        const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
        for (const Defect defect : {Defect::zeros, Defect::mean_of_values, Defect::rows_shuffled, Defect::previous_head,
                                    Defect::nan_planted}) {
          const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, defect);
          TensorSet out;
          out.add("out", outputs.find("out")->view());
          const Verification result =
              verify(*oracle, problem, test::simulated_arithmetic(problem, {}), out, {.budget = 1e18});
          BOOST_CHECK_MESSAGE(!result.verdict.has_passed(), problem.text() << " " << kind);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_planted_defect_fails_in_every_type) {
  std::string table;
  for (const auto& [defect, name] : test::all_defects()) {
    std::string line = fmt::format("{:<28}", name);
    for (const char* type : types) {
      int killed = 0;
      int runs = 0;
      for (const Setting& setting : settings) {
        const Problem problem = parse_problem(std::string(setting.text) + " " + type);
        for (const char* kind : {"normal", "large_logits"}) {
          const TensorStorage inputs = test::random_inputs(problem, kind, setting.extras, 12);
          killed += judge(problem, inputs.views(), {}, defect).verdict.has_passed() ? 0 : 1;
          ++runs;
        }
      }
      line += fmt::format("  {} {:>2}/{}", type, killed, runs);
      BOOST_CHECK_MESSAGE(killed > 0, name << " passed as an honest kernel in " << type);
    }
    table += line + "\n";
  }
  BOOST_TEST_MESSAGE("rejected runs of each defect:\n" << table);
}

BOOST_AUTO_TEST_SUITE_END()
