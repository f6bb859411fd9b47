// Outputs that are no computation at all. Every tolerance in use anywhere, here or elsewhere, must reject them: one
// that does not proves nothing of what it accepts.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "harness/cli/cases_file.hpp"
#include "harness/inputs/tensor_file.hpp"
#include "harness/verify/verify.hpp"
#include "tests/defects/kernels/simulation.hpp"
#include "tests/defects/setting.hpp"

namespace {

using namespace attest;
using namespace attest::test;

// sqrt(sum error^2 / sum truth^2) at most 1e-2: how the faults planted into flash2/cuda_mma are told (tests/contract).
bool relative_l2(const Compared& compared) {
  return std::sqrt(relative_square(compared)) <= 1e-2;
}

// 1e-6 of the largest value: how attest check --tensors holds the arrays of a file against the reference.
bool millionth_of_the_largest(const Compared& compared) {
  double largest = 0.0;
  double error = 0.0;
  for (std::size_t index = 0; index < compared.got.size(); ++index) {
    largest = std::max(largest, std::fabs(compared.truth[index]));
    error = std::max(error, std::fabs(compared.got[index] - compared.truth[index]));
  }
  return error <= 1e-6 * largest;
}

// Whether all rows of V, of all keys and heads, are one. Any weights give that row back, so that the rows of other
// queries or heads and the mean of V are the right output and no controls.
bool has_one_row(const TensorView& v) {
  for (std::int64_t b = 0; b < v.shape[0]; ++b) {
    for (std::int64_t h = 0; h < v.shape[1]; ++h) {
      for (std::int64_t j = 0; j < v.shape[2]; ++j) {
        for (std::int64_t c = 0; c < v.shape[3]; ++c)
          if (v.load(b, h, j, c) != v.load(b, 0, 0, c)) return false;
      }
    }
  }
  return true;
}

std::vector<CommonRule> every_tolerance() {
  std::vector<CommonRule> rules = common_rules();
  rules.push_back({"relative L2 1e-2", "tests/contract/planted.hpp", relative_l2});
  rules.push_back({"1e-6 of the largest", "harness/sweep: arrays of a tensor file", millionth_of_the_largest});
  return rules;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(controls)

BOOST_AUTO_TEST_CASE(every_tolerance_in_use_rejects_outputs_that_are_no_computation) {
  int held = 0;
  for (const Setting& setting : settings()) {
    for (const char* type : {"f32", "bf16", "f16"}) {
      for (const char* kind : {"normal", "outliers", "large_logits"}) {
        const Bench bench(setting, type, kind, 15);
        for (const PlantedDefect& planted : planted_defects()) {
          if (planted.kind != DefectKind::control || !planted.shows(bench.problem(), bench.presence())) continue;
          const TensorStorage outputs = run_simulated(bench.problem(), bench.inputs(), {}, planted.defect);
          const std::vector<double> out = elements_of(outputs.find("out")->view());
          for (const CommonRule& rule : every_tolerance()) {
            BOOST_CHECK_MESSAGE(!rule.accepts(bench.compared(out)), rule.name << " accepts " << planted.name << ": "
                                                                              << bench.problem().text() << " " << kind);
            ++held;
          }
        }
      }
    }
  }
  BOOST_TEST(held > 3000);
}

BOOST_AUTO_TEST_CASE(expected_values_of_the_onnx_cases_reject_outputs_that_are_no_computation) {
  int held = 0;
  int alike = 0;
  for (const ExpectedCase& expected : read_cases(std::string(ATTEST_TEST_DATA) + "/onnx/cases.toml")) {
    const TensorStorage file = read_npz(expected.tensors);
    PartialProblem partial = parse_partial_problem(expected.problem, expected.place);
    infer_standard(file.views(), partial);
    const Problem problem = partial.complete(expected.place);
    const TensorView& truth = file.find("out")->view();
    const bool one_row = has_one_row(file.find("v")->view());
    alike += one_row ? 1 : 0;
    for (const PlantedDefect& planted : planted_defects()) {
      if (planted.kind != DefectKind::control || planted.defect == Defect::previous_call ||
          (one_row && planted.defect != Defect::zeros) || !planted.shows(problem, presence_of(file.views()))) {
        continue;
      }
      const Tensor out = converted(truth, truth.dtype);
      Problem as_stored = problem;
      as_stored.dtype = truth.dtype;
      spoil(as_stored, file.views(), planted.defect, out.view());
      const Verification result = compare_expected(out.view(), truth, "out", expected.rtol, expected.atol);
      BOOST_CHECK_MESSAGE(!result.verdict.has_passed(), expected.name << " accepts " << planted.name);
      ++held;
    }
  }
  BOOST_TEST(held > 150);
  BOOST_TEST(alike <= 1);  // cases that show so little are few
}

BOOST_AUTO_TEST_SUITE_END()
