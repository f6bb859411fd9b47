// Inputs with values that are not finite: what they hold, and that most rows are free of it, so that a kernel which
// lets them spread is seen.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/verify/verify.hpp"

namespace {

using namespace attest;

struct Rows {
  int finite = 0, empty = 0, not_a_number = 0, infinite = 0;
};

// What the reference makes of each row of `out`.
Rows rows_of(const Problem& problem, std::string_view kind) {
  const Variant& variant = *find_kernel("flash2/cpu_tiled").variant;
  const TensorStorage storage = generate_inputs(kind, variant, problem, 1);
  const TensorSet inputs = storage.views();
  const auto oracle = make_oracle(variant, problem, inputs, {});
  Rows rows;
  std::vector<OutputRow> lines;
  for (std::int64_t b = 0; b < problem.batch; ++b) {
    for (std::int64_t h = 0; h < problem.heads_q; ++h) {
      for (std::int64_t i = 0; i < problem.seq_q; ++i) {
        oracle->row({b, h, i}, Arithmetic{}, lines);
        const std::vector<double>& out = lines.at(0).value;
        bool all_nan = true, any_infinite = false, finite = true;
        for (const double value : out) {
          all_nan = all_nan && std::isnan(value);
          any_infinite = any_infinite || std::isinf(value);
          finite = finite && std::isfinite(value);
        }
        rows.not_a_number += all_nan ? 1 : 0;
        rows.infinite += any_infinite ? 1 : 0;
        rows.finite += finite ? 1 : 0;
        rows.empty += std::isinf(lines.at(1).value.at(0)) && finite ? 1 : 0;
      }
    }
  }
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(inputs_not_finite)

BOOST_AUTO_TEST_CASE(nan_in_sight_reaches_some_rows_whole_some_in_a_column_and_most_not_at_all) {
  const Problem problem = parse_problem("b2 hq4 hkv2 sq60 skv80 d32 causal");
  const Rows rows = rows_of(problem, "nan_in_sight");
  BOOST_TEST(rows.not_a_number > 20);
  BOOST_TEST(rows.infinite > 60);
  BOOST_TEST(rows.finite > 240);
  BOOST_TEST(rows.empty == 0);
}

BOOST_AUTO_TEST_CASE(infinite_bias_leaves_rows_without_keys_and_lets_no_nan_through) {
  const Problem problem = parse_problem("hq2 sq40 skv50 d32");
  const Rows rows = rows_of(problem, "infinite_bias");
  BOOST_TEST(rows.empty > 5);
  BOOST_TEST(rows.empty < 40);
  BOOST_TEST(rows.finite == 80);
}

BOOST_AUTO_TEST_CASE(huge_logits_have_scores_of_thousands) {
  const Problem problem = parse_problem("sq20 skv30 d64");
  const TensorStorage inputs = generate_inputs("huge_logits", *find_kernel("flash2/cpu_tiled").variant, problem, 1);
  double largest = 0.0;
  for (std::int64_t i = 0; i < 20; ++i) {
    for (std::int64_t j = 0; j < 30; ++j) {
      double score = 0.0;
      for (std::int64_t c = 0; c < 64; ++c)
        score += inputs.find("q")->view().load(0, 0, i, c) * inputs.find("k")->view().load(0, 0, j, c) / 8.0;
      largest = std::max(largest, std::fabs(score));
    }
  }
  BOOST_TEST(largest > 8000.0);
  BOOST_TEST(largest < 40000.0);
}

BOOST_AUTO_TEST_SUITE_END()
