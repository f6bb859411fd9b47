// What a tally counts: lines of one truth err together and count once, lines that no rule scores do not count, and
// parts merge to what one tally of all would be. The limit of rule S follows from the count, and is worked out here
// again.
#include "harness/verify/chance_tally.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/verify/figures.hpp"
#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

// Laurent and Massart's bound of chi-square at e^-21, for 16 bits.
double limit_of(double lines) {
  return std::max(1.5, std::sqrt(1.0 + 2.0 * std::sqrt(21.0 / lines) + 2.0 * 21.0 / lines));
}

// A line of 8 elements, each `z` standard deviations wrong; deviation 0: not scored.
void add_line(ChanceTally& tally, std::uint64_t signature, double z, double deviation = 0.5) {
  const std::vector<std::int64_t> index{0, 0, 0};
  tally.add_line(signature);
  for (std::int64_t c = 0; c < 8; ++c)
    tally.add({.index = index, .column = c, .probable = 100.0, .deviation = deviation}, z * 0.5);
}

// The lines that a tally of elements with that z counted, from the ratio of its root mean square to the limit.
void check_lines(const ChanceTally& tally, double z, double lines) {
  BOOST_REQUIRE(tally.statistic().has_value());
  BOOST_TEST(tally.statistic()->ratio == z / limit_of(lines), boost::test_tools::tolerance(1e-9));
  BOOST_TEST(tally.statistic()->passed == (z <= limit_of(lines)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chance_tally)

BOOST_AUTO_TEST_CASE(lines_of_different_truths_count_each) {
  ChanceTally tally("out", DType::bf16);
  for (std::uint64_t line = 0; line < 60; ++line)
    add_line(tally, line, 2.0);
  check_lines(tally, 2.0, 60);
  BOOST_TEST(!tally.statistic()->passed);
}

BOOST_AUTO_TEST_CASE(lines_of_one_truth_count_once) {
  ChanceTally tally("out", DType::bf16);
  for (std::uint64_t line = 0; line < 60; ++line)
    add_line(tally, line % 3, 2.0);
  check_lines(tally, 2.0, 3);
  BOOST_TEST(tally.statistic()->passed);
}

BOOST_AUTO_TEST_CASE(lines_without_a_scored_element_do_not_count) {
  ChanceTally tally("out", DType::bf16);
  for (std::uint64_t line = 0; line < 60; ++line)
    add_line(tally, line, 2.0, line < 5 ? 0.5 : 0.0);
  check_lines(tally, 2.0, 5);
  ChanceTally none("out", DType::bf16);
  add_line(none, 1, 2.0, 0.0);
  BOOST_TEST(!none.statistic().has_value());
  BOOST_TEST(none.probable().has_value());
}

BOOST_AUTO_TEST_CASE(a_line_that_two_parts_hold_counts_once_when_they_merge) {
  ChanceTally whole("out", DType::bf16);
  for (std::uint64_t part = 0; part < 4; ++part) {
    ChanceTally tally("out", DType::bf16);
    for (std::uint64_t line = 0; line < 10; ++line)
      add_line(tally, part % 2 == 0 ? line : 10 + line, 2.0);  // parts 0 and 2 see the same truths
    whole.merge(tally);
  }
  check_lines(whole, 2.0, 20);
}

BOOST_AUTO_TEST_CASE(elements_beyond_their_bound_are_all_counted_also_over_parts) {
  const std::vector<std::int64_t> index{1, 2, 3};
  ChanceTally whole("out", DType::f32);
  for (std::int64_t part = 0; part < 3; ++part) {
    ChanceTally tally("out", DType::f32);
    tally.add({.index = index, .column = 0, .probable = 1.0}, 0.5);
    tally.add({.index = index, .column = 1, .probable = 1.0}, part == 1 ? 4.0 : 2.0);
    tally.add({.index = index, .column = 2, .probable = 1.0}, std::nan(""));
    tally.add({.index = index, .column = 3}, 9.0);  // no bound of this rule
    whole.merge(tally);
  }
  BOOST_TEST(whole.probable_failures() == 6);
  BOOST_TEST(!whole.probable()->passed);
  BOOST_TEST(whole.probable()->reason.find("(6 of 9 elements wrong)") != std::string::npos);
  BOOST_TEST(std::isinf(whole.probable()->ratio));  // NaN
}

// A hundred queries are two: their rows have two truths, and the limit of as few.
BOOST_AUTO_TEST_CASE(repeated_queries_of_a_whole_output_count_once) {
  const Problem problem = parse_problem("sq100 skv80 d32 bf16");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 51);
  const TensorView& q = inputs.find("q")->view();
  for (std::int64_t i = 2; i < problem.seq_q; ++i)
    for (std::int64_t c = 0; c < problem.head_dim; ++c)
      test::set(q, q.load(0, 0, i % 2, c), 0, 0, i, c);
  const TensorStorage outputs = test::run_simulated(problem, inputs.views(), {}, test::Defect::none);
  const TensorView& out = outputs.find("out")->view();
  for (std::int64_t i = 0; i < problem.seq_q; ++i)
    for (std::int64_t c = 0; c < problem.head_dim; ++c)
      test::set(out, out.load(0, 0, i, c) * 1.2, 0, 0, i, c);  // so that rule S fails and says its limit
  TensorSet judged;
  judged.add("out", out);
  const Spec spec;
  const Verification result =
      verify(*make_softmax_oracle(spec, problem, inputs.views()), problem, test::simulated_arithmetic(problem, {}),
             judged, {.matches_defects = false, .nature = {.continuous = true, .exchangeable = true}});
  const auto& rules = result.accuracy.rules;
  const auto statistic =
      std::find_if(rules.begin(), rules.end(), [](const RuleResult& rule) { return rule.rule == "S"; });
  BOOST_REQUIRE(statistic != rules.end());

  // Root mean square and largest z from the oracle's own lines; which of the two the ratio is, and so the limit.
  std::vector<OutputRow> lines;
  double squares = 0.0, greatest = 0.0, count = 0.0;
  const auto oracle = make_softmax_oracle(spec, problem, inputs.views());
  test::for_each_row(problem, [&](const RowPlace& at) {
    oracle->row(at, test::simulated_arithmetic(problem, {}), lines);
    for (std::size_t c = 0; c < lines[0].value.size(); ++c) {
      const double z =
          std::fabs(out.load(0, 0, at.row, static_cast<std::int64_t>(c)) - lines[0].value[c]) / lines[0].deviation[c];
      squares += z * z;
      greatest = std::max(greatest, z);
      count += 1.0;
    }
  });
  BOOST_TEST(statistic->ratio == std::max(std::sqrt(squares / count) / limit_of(2.0), greatest / 10.0),
             boost::test_tools::tolerance(1e-9));
  BOOST_TEST(std::sqrt(squares / count) / limit_of(2.0) > greatest / 10.0);
}

BOOST_AUTO_TEST_CASE(an_element_is_named_by_its_tensors_own_axes) {
  const auto text = [](std::string_view output, const std::vector<std::int64_t>& index, std::int64_t column) {
    return text_of_element(output, {.index = index, .column = column});
  };
  BOOST_TEST(text("out", {0, 1, 2}, 3) == "out (b,h,i,c) = (0,1,2,3)");
  BOOST_TEST(text("out", {0, 1, 2, 3}, -1) == "out (b,h,i,c) = (0,1,2,3)");
  BOOST_TEST(text("lse", {0, 1, 2}, -1) == "lse (b,h,i) = (0,1,2)");
  // The module's.
  BOOST_TEST(text("out", {0, 2}, 3) == "out (b,i,c) = (0,2,3)");
  BOOST_TEST(text("out", {0, 2, 3}, -1) == "out (b,i,c) = (0,2,3)");
  BOOST_TEST(text("context", {0, 2}, 3) == "context (b,i,c) = (0,2,3)");
  BOOST_TEST(text("weights", {0, 1, 2}, 3) == "weights (b,h,i,j) = (0,1,2,3)");
  BOOST_TEST(text("heads_q", {0, 1, 2}, 3) == "heads_q (b,h,i,c) = (0,1,2,3)");
  BOOST_TEST(text("heads_k", {0, 1, 2}, 3) == "heads_k (b,h,j,c) = (0,1,2,3)");
  BOOST_TEST(text("heads_v", {0, 1, 2}, 3) == "heads_v (b,h,j,c) = (0,1,2,3)");
  BOOST_TEST(text("state", {0, 1, 2}, 3) == "state (0,1,2,3)");
}

BOOST_AUTO_TEST_SUITE_END()
