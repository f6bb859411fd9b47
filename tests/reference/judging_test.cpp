// How results are judged: which rows, which figures, which elements fail, and what one line says about them.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "harness/verify/figures.hpp"
#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// An oracle with lines that a test chooses, for a place (b, h, i) alike.
class FixedOracle : public Oracle {
 public:
  FixedOracle(RowPlace extent, double cost) : extent_(extent), cost_(cost) {}
  RowPlace extent() const override { return extent_; }
  double row_cost() const override { return cost_; }
  void row(const RowPlace& place, const Arithmetic&, std::vector<OutputRow>& rows) const override {
    rows = {
        {.output = "out", .index = {place.batch, place.head, place.row}, .value = value, .bound = bound, .plain = {}}};
  }
  std::vector<double> value{1.0, -2.0};
  std::vector<double> bound{0.5, 0.5};

 private:
  RowPlace extent_;
  double cost_;
};

Verification judge_line(const FixedOracle& oracle, std::vector<double> got, DType type = DType::f64) {
  Tensor out(type, {1, 1, 1, 2});
  test::set(out.view(), got[0], 0, 0, 0, 0);
  test::set(out.view(), got[1], 0, 0, 0, 1);
  TensorSet outputs;
  outputs.add("out", out.view());
  return verify(oracle, parse_problem("sq1 d2"), Arithmetic{}, outputs, {});
}

using Place = std::tuple<std::int64_t, std::int64_t, std::int64_t>;
std::vector<Place> as_tuples(const std::vector<RowPlace>& places) {
  std::vector<Place> result;
  for (const RowPlace& place : places)
    result.emplace_back(place.batch, place.head, place.row);
  return result;
}

// Four heads of 1000 rows, of which the first three are rightly NaN. sees_before: the oracle knows that the heads
// before that one see NaN in their inputs; without it knows nothing of inputs.
class NanHeads final : public FixedOracle {
 public:
  explicit NanHeads(std::optional<std::int64_t> sees_before)
      : FixedOracle({.batch = 1, .head = 4, .row = 1000}, 1e9), sees_before_(sees_before) {}

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    FixedOracle::row(place, arithmetic, rows);
    if (place.head < 3) rows[0].value.assign(2, not_a_number);
  }
  std::optional<bool> sees_not_finite(const RowPlace& place) const override {
    return sees_before_ ? std::optional(place.head < *sees_before_) : std::nullopt;
  }

  static Tensor right_output() {
    Tensor out(DType::f64, {1, 4, 1000, 2});
    for (std::int64_t head = 0; head < 4; ++head) {
      for (std::int64_t row = 0; row < 1000; ++row) {
        test::set(out.view(), head < 3 ? not_a_number : 1.0, 0, head, row, 0);
        test::set(out.view(), head < 3 ? not_a_number : -2.0, 0, head, row, 1);
      }
    }
    return out;
  }

  // One row of the sample a head: it holds none of the wrong ones.
  Verification judge(const Tensor& out) const {
    TensorSet outputs;
    outputs.add("out", out.view());
    return verify(*this, parse_problem("hq4 sq1000 d2"), Arithmetic{}, outputs,
                  {.min_rows = 4, .matches_defects = false});
  }

 private:
  std::optional<std::int64_t> sees_before_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(judging)

BOOST_AUTO_TEST_CASE(element_passes_up_to_its_bound_and_fails_beyond) {
  const FixedOracle oracle({1, 1, 1}, 1.0);
  BOOST_TEST(judge_line(oracle, {1.5, -2.0}).verdict.has_passed());
  const Verification result = judge_line(oracle, {1.0, -2.75});
  BOOST_TEST(!result.verdict.has_passed());
  BOOST_TEST(result.accuracy.rules.at(0).ratio == 1.5);
  BOOST_TEST(
      result.verdict.reason ==
      "out (b,h,i,c) = (0,0,0,1): expected -2, got -2.75, error 0.75 is 1.5 times the bound 0.5 by rule F (1 of 2 "
      "elements wrong)");
}

BOOST_AUTO_TEST_CASE(nan_passes_where_and_only_where_the_truth_is_nan) {
  FixedOracle oracle({1, 1, 1}, 1.0);
  BOOST_TEST(!judge_line(oracle, {not_a_number, -2.0}).verdict.has_passed());
  oracle.value[0] = not_a_number;
  oracle.bound[0] = 0.0;
  BOOST_TEST(judge_line(oracle, {not_a_number, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {0.0, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {infinity, -2.0}).verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(infinities_must_be_equal_unless_the_bound_is_infinite) {
  FixedOracle oracle({1, 1, 1}, 1.0);
  oracle.value[0] = infinity;
  oracle.bound[0] = 0.0;
  BOOST_TEST(judge_line(oracle, {infinity, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {-infinity, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {not_a_number, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {1e300, -2.0}).verdict.has_passed());
  oracle.bound[0] = infinity;
  BOOST_TEST(judge_line(oracle, {not_a_number, -2.0}).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {1e300, -2.0}).verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(bound_that_is_not_finite_proves_no_finite_value) {
  FixedOracle oracle({1, 1, 1}, 1.0);
  for (const double bound : {infinity, not_a_number}) {
    oracle.bound[1] = bound;
    BOOST_TEST(!judge_line(oracle, {1.0, -2.0}).verdict.has_passed());
  }
}

BOOST_AUTO_TEST_CASE(infinity_passes_where_rounding_the_truth_may_overflow_the_type) {
  FixedOracle oracle({1, 1, 1}, 1.0);
  oracle.value[0] = 65519.0;
  oracle.bound[0] = 2.0;
  BOOST_TEST(judge_line(oracle, {infinity, -2.0}, DType::f16).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {-infinity, -2.0}, DType::f16).verdict.has_passed());
  oracle.value[0] = 65000.0;
  BOOST_TEST(!judge_line(oracle, {infinity, -2.0}, DType::f16).verdict.has_passed());
  BOOST_TEST(!judge_line(oracle, {infinity, -2.0}, DType::f32).verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(output_without_a_reference_is_not_proved) {
  const FixedOracle oracle({1, 1, 1}, 1.0);
  Tensor out(DType::f64, {1, 1, 1, 2});
  test::set(out.view(), 1.0, 0, 0, 0, 0);
  test::set(out.view(), -2.0, 0, 0, 0, 1);
  TensorSet outputs;
  outputs.add("out", out.view());
  outputs.add("weights", out.view());
  const Verification result = verify(oracle, parse_problem("sq1 d2"), Arithmetic{}, outputs, {});
  BOOST_TEST(result.verdict.reason == "output 'weights' has no reference, so nothing proves it");
}

BOOST_AUTO_TEST_CASE(figures_are_those_of_their_definitions) {
  FixedOracle oracle({1, 1, 1}, 1.0);
  const AccuracyFigures figures = judge_line(oracle, {1.25, -2.0}, DType::f16).accuracy.outputs.at(0);
  BOOST_TEST(figures.elements == 2);
  BOOST_TEST(figures.max_abs_error == 0.25);
  BOOST_TEST(figures.rmse == std::sqrt(0.0625 / 2.0));
  BOOST_TEST(figures.max_rel_error == 0.25);
  BOOST_TEST(figures.ulp_max == 256.0);  // 2^-10 apart at 1
  BOOST_TEST(figures.cosine == 5.25 / (std::sqrt(5.0) * std::sqrt(1.5625 + 4.0)));
  BOOST_TEST(figures.error_over_bound == 0.5);
  BOOST_TEST(figures.plain_rmse < 0.0);
  BOOST_TEST(unit_in_last_place(DType::f32, 1.5) == 0x1p-23);
  BOOST_TEST(unit_in_last_place(DType::bf16, -4.0) == 0x1p-5);
  BOOST_TEST(unit_in_last_place(DType::f16, 0.0) == 0x1p-24);
  BOOST_TEST(unit_in_last_place(DType::f16, 1e-9) == 0x1p-24);
}

BOOST_AUTO_TEST_CASE(plain_kernel_of_the_same_type_is_reported_beside) {
  for (const char* type : {"f32", "bf16", "f16"}) {
    const Problem problem = parse_problem(std::string("hq2 sq20 skv50 d32 dv16 ") + type);
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 21);
    const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, test::Defect::none);
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
    const Verification result = verify(*oracle, problem, test::simulated_arithmetic(problem, {}), outputs.views(), {});
    const AccuracyFigures& out = result.accuracy.outputs.at(0);
    BOOST_TEST(out.output == "out");
    BOOST_TEST(out.plain_rmse > 0.0);
    // The simulated kernel is a textbook one but for its tiles, so the two err alike.
    BOOST_TEST(out.rmse < 2.0 * out.plain_rmse);
    BOOST_TEST(out.plain_rmse < 2.0 * out.rmse);
  }
}

BOOST_AUTO_TEST_CASE(figures_do_not_depend_on_the_number_of_threads) {
  const Problem problem = parse_problem("b2 hq2 sq70 skv50 d32 dv16");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 22);
  const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, test::Defect::none);
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
  const Arithmetic arithmetic = test::simulated_arithmetic(problem, {});
  const Verification one = verify(*oracle, problem, arithmetic, outputs.views(), {.threads = 1});
  const Verification four = verify(*oracle, problem, arithmetic, outputs.views(), {.threads = 4});
  BOOST_TEST(one.accuracy.outputs.at(0).rmse == four.accuracy.outputs.at(0).rmse);
  BOOST_TEST(one.accuracy.outputs.at(0).worst == four.accuracy.outputs.at(0).worst);
  BOOST_TEST(one.accuracy.outputs.at(0).ulp_p99 == four.accuracy.outputs.at(0).ulp_p99);
}

BOOST_AUTO_TEST_CASE(all_rows_are_checked_when_the_budget_allows) {
  const FixedOracle oracle({2, 3, 50}, 100.0);
  const auto places = as_tuples(rows_to_check(oracle, parse_problem("b2 hq3 sq50 skv100 d8"), {}));
  BOOST_TEST(places.size() == 300U);
  BOOST_TEST(std::is_sorted(places.begin(), places.end()));
}

BOOST_AUTO_TEST_CASE(sample_keeps_the_budget_and_holds_every_head_with_its_ends_and_edges) {
  const Problem problem = parse_problem("b2 hq4 sq4096 d64 causal window=300,0");
  const FixedOracle oracle({2, 4, 4096}, 4096.0);
  const auto places = as_tuples(rows_to_check(oracle, problem, {}));
  BOOST_TEST(std::is_sorted(places.begin(), places.end()));
  BOOST_TEST(std::set(places.begin(), places.end()).size() == places.size());
  BOOST_TEST(places.size() >= 64U);
  BOOST_TEST(static_cast<double>(places.size()) * 4096.0 * 128.0 <= 2e8);
  int tile_edges = 0;
  int window_edges = 0;
  for (const auto& [batch, head, row] : places) {
    tile_edges += (row + 1) % 32 <= 2 ? 1 : 0;
    window_edges += row >= 299 && row <= 301 ? 1 : 0;
  }
  BOOST_TEST(tile_edges >= 40);
  BOOST_TEST(window_edges >= 8);
  for (std::int64_t batch = 0; batch < 2; ++batch) {
    for (std::int64_t head = 0; head < 4; ++head) {
      BOOST_TEST(std::binary_search(places.begin(), places.end(), Place(batch, head, 0)));
      BOOST_TEST(std::binary_search(places.begin(), places.end(), Place(batch, head, 4095)));
    }
  }
}

BOOST_AUTO_TEST_CASE(sample_is_the_same_for_a_seed_and_another_for_another) {
  const Problem problem = parse_problem("hq2 sq8192 d64");
  const FixedOracle oracle({1, 2, 8192}, 8192.0);
  const auto first = as_tuples(rows_to_check(oracle, problem, {.seed = 1}));
  BOOST_TEST((first == as_tuples(rows_to_check(oracle, problem, {.seed = 1}))));
  BOOST_TEST((first != as_tuples(rows_to_check(oracle, problem, {.seed = 2}))));
}

BOOST_AUTO_TEST_CASE(few_rows_for_many_heads_still_give_each_head_one_and_together_hold_both_ends) {
  const Problem problem = parse_problem("b4 hq32 sq2048 skv65536 d128");
  const FixedOracle oracle({4, 32, 2048}, 65536.0);
  const auto places = as_tuples(rows_to_check(oracle, problem, {}));
  BOOST_TEST(places.size() == 128U);
  std::set<std::pair<std::int64_t, std::int64_t>> heads;
  std::set<std::int64_t> rows;
  for (const auto& [batch, head, row] : places) {
    heads.emplace(batch, head);
    rows.insert(row);
  }
  BOOST_TEST(heads.size() == 128U);
  BOOST_TEST(rows.contains(0));
  BOOST_TEST(rows.contains(2047));
}

BOOST_AUTO_TEST_CASE(row_that_was_never_written_is_found_outside_the_sample) {
  const Problem problem = parse_problem("hq4 sq1000 d2");
  const FixedOracle oracle({.batch = 1, .head = 4, .row = 1000}, 1e9);
  Tensor out(DType::f32, {1, 4, 1000, 2});
  for (std::int64_t line = 0; line < 4000; ++line) {
    store_element(out.view().data, DType::f32, 2 * line, 1.0);
    store_element(out.view().data, DType::f32, 2 * line + 1, -2.0);
  }
  TensorSet outputs;
  outputs.add("out", out.view());
  const Verification sampled = verify(oracle, problem, Arithmetic{}, outputs, {});
  BOOST_TEST(sampled.verdict.has_passed());
  BOOST_TEST(sampled.accuracy.rows_checked < 200);
  std::int64_t caught = 0;
  for (const std::int64_t row : {3, 333, 621, 998}) {
    test::set(out.view(), not_a_number, 0, 2, row, 1);
    const Verification verification = verify(oracle, problem, Arithmetic{}, outputs, {});
    caught += verification.verdict.has_passed() ? 0 : 1;
    test::set(out.view(), -2.0, 0, 2, row, 1);
  }
  BOOST_TEST(caught == 4);
}

BOOST_AUTO_TEST_CASE(wrong_nan_is_found_behind_more_right_ones_than_are_judged) {
  const NanHeads problem(std::nullopt);
  Tensor out = NanHeads::right_output();
  const Verification right = problem.judge(out);
  BOOST_TEST(right.verdict.has_passed());
  BOOST_TEST(right.verdict.reason == "of 3000 rows that hold NaN or infinity 64 were judged");
  for (std::int64_t row = 300; row < 400; ++row)
    test::set(out.view(), not_a_number, 0, 3, row, 0);
  BOOST_TEST(!problem.judge(out).verdict.has_passed());
}

BOOST_AUTO_TEST_CASE(one_wrong_nan_among_thousands_of_right_ones_is_found_where_its_row_sees_none) {
  const NanHeads problem(3);
  Tensor out = NanHeads::right_output();
  const Verification right = problem.judge(out);
  BOOST_TEST(right.verdict.has_passed());
  BOOST_TEST(right.verdict.reason ==
             "of 3000 rows that hold NaN or infinity 64 were judged, 2936 of the others see one in their inputs");
  for (const std::int64_t row : {301, 617}) {
    test::set(out.view(), not_a_number, 0, 3, row, 1);
    const Verification wrong = problem.judge(out);
    BOOST_TEST(!wrong.verdict.has_passed());
    BOOST_TEST(wrong.verdict.reason.find("out (b,h,i,c) = (0,3," + std::to_string(row) + ",1)") == 0U);
    test::set(out.view(), -2.0, 0, 3, row, 1);
  }
}

BOOST_AUTO_TEST_CASE(rows_that_overflow_are_unsupported_and_rows_without_proof_are_said) {
  class Flagged final : public FixedOracle {
   public:
    explicit Flagged(bool overflows) : FixedOracle({.batch = 1, .head = 1, .row = 3}, 1.0), overflows_(overflows) {}
    void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
      FixedOracle::row(place, arithmetic, rows);
      rows[0].may_overflow = overflows_ && place.row == 1;
      rows[0].proves_nothing = !overflows_ && place.row == 1;
    }

   private:
    bool overflows_;
  };
  const auto judge = [](const Oracle& oracle, double got) {
    Tensor out(DType::f64, {1, 1, 3, 2});
    for (std::int64_t row = 0; row < 3; ++row) {
      test::set(out.view(), row == 1 ? got : 1.0, 0, 0, row, 0);
      test::set(out.view(), -2.0, 0, 0, row, 1);
    }
    TensorSet outputs;
    outputs.add("out", out.view());
    return verify(oracle, parse_problem("sq3 d2"), Arithmetic{}, outputs, {}).verdict;
  };
  BOOST_TEST((judge(Flagged(true), not_a_number).outcome == Outcome::unsupported));
  BOOST_TEST(judge(Flagged(true), not_a_number).reason ==
             "scores exceed what the kernel's arithmetic holds in 1 of 3 rows");
  BOOST_TEST((judge(Flagged(true), 9.0).outcome == Outcome::failed));  // a number is judged all the same
  BOOST_TEST(judge(Flagged(true), 1.0).reason == "");
  BOOST_TEST((judge(Flagged(false), not_a_number).outcome == Outcome::failed));
  BOOST_TEST(judge(Flagged(false), 1.0).has_passed());
  BOOST_TEST(judge(Flagged(false), 1.0).reason.find("1 of 3 rows prove nothing") == 0U);
}

BOOST_AUTO_TEST_CASE(expected_values_are_compared_within_their_tolerances) {
  Tensor got(DType::f32, {2, 2});
  Tensor expected(DType::f64, {2, 2});
  for (std::int64_t index = 0; index < 4; ++index) {
    got.view().as<float>()[index] = 1.0f;
    expected.view().as<double>()[index] = 1.0;
  }
  expected.view().as<double>()[3] = 1.5;
  BOOST_TEST(compare_expected(got.view(), expected.view(), "out", 0.3, 0.06).verdict.has_passed());
  BOOST_TEST(!compare_expected(got.view(), expected.view(), "out", 0.3, 0.04).verdict.has_passed());
  expected.view().as<double>()[3] = infinity;
  BOOST_TEST(!compare_expected(got.view(), expected.view(), "out", 0.3, 0.06).verdict.has_passed());
  got.view().as<float>()[3] = HUGE_VALF;
  BOOST_TEST(compare_expected(got.view(), expected.view(), "out", 0.3, 0.06).verdict.has_passed());
  got.view().as<float>()[3] = NAN;
  BOOST_TEST(!compare_expected(got.view(), expected.view(), "out", 0.3, 0.06).verdict.has_passed());
  const Tensor other(DType::f32, {4});
  BOOST_TEST(compare_expected(other.view(), expected.view(), "out", 1.0, 1.0).verdict.reason ==
             "out is (4), expected (2, 2)");
}

BOOST_AUTO_TEST_CASE(hash_follows_the_values_and_not_the_layout) {
  Tensor dense(DType::f32, {2, 3});
  Tensor wide(DType::f32, {2, 5});
  for (std::int64_t row = 0; row < 2; ++row) {
    for (std::int64_t c = 0; c < 3; ++c) {
      test::set(dense.view(), static_cast<double>(row * 3 + c), row, c);
      test::set(wide.view(), static_cast<double>(row * 3 + c), row, c);
    }
  }
  TensorView narrowed = wide.view();
  narrowed.shape[1] = 3;
  const auto hash = [](const char* name, const TensorView& view) {
    TensorSet set;
    set.add(name, view);
    return hash_tensors(set);
  };
  const std::uint64_t first = hash("out", dense.view());
  BOOST_TEST(hash("out", narrowed) == first);
  test::set(wide.view(), 99.0, 0, 4);
  BOOST_TEST(hash("out", narrowed) == first);
  BOOST_TEST(hash("lse", dense.view()) != first);
  test::set(dense.view(), 7.0, 1, 2);
  BOOST_TEST(hash("out", dense.view()) != first);
}

BOOST_AUTO_TEST_SUITE_END()
