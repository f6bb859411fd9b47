// What absent keys hide, what infinities and NaN in present keys do, and which inputs are refused.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

struct Row {
  Row(const Problem& problem, const TensorStorage& inputs, const RowPlace& place) {
    const Spec spec;
    make_softmax_oracle(spec, problem, inputs.views())->row(place, Arithmetic{}, lines);
  }
  const OutputRow& out() const { return lines.at(0); }
  const OutputRow& lse() const { return lines.at(1); }
  std::vector<OutputRow> lines;
};

void poison_key(const TensorStorage& inputs, std::int64_t key, double value) {
  for (const char* name : {"k", "v"}) {
    const TensorView& view = inputs.find(name)->view();
    for (std::int64_t c = 0; c < view.shape[3]; ++c)
      test::set(view, value, 0, 0, key, c);
  }
}

bool says(const Error& error, std::string_view part) {
  return std::string_view(error.what()).find(part) != std::string_view::npos;
}

const Problem problem = parse_problem("sq6 skv10 d8 dv4 causal");

}  // namespace

BOOST_AUTO_TEST_SUITE(propagation)

BOOST_AUTO_TEST_CASE(absent_keys_never_matter_however_they_are_hidden) {
  const Row clean(problem, test::random_inputs(problem, "normal", {}, 1), {0, 0, 2});
  for (const double poison : {not_a_number, infinity, -infinity, 1e30}) {
    // Row 2 sees keys 0 to 6; key 8 is hidden by causality.
    const TensorStorage by_causality = test::random_inputs(problem, "normal", {}, 1);
    poison_key(by_causality, 8, poison);
    BOOST_TEST(Row(problem, by_causality, {0, 0, 2}).out().value == clean.out().value);

    for (const bool by_bias : {false, true}) {
      TensorStorage masked = test::random_inputs(problem, "normal", {}, 1);
      const TensorView view = masked.add(by_bias ? "bias" : "mask", by_bias ? DType::f32 : DType::boolean, {10}).view();
      for (std::int64_t key = 0; key < 10; ++key)
        test::set(view, by_bias ? 0.0 : 1.0, key);
      test::set(view, by_bias ? -infinity : 0.0, 3);
      const Row hidden(problem, masked, {0, 0, 2});
      poison_key(masked, 3, poison);
      const Row poisoned(problem, masked, {0, 0, 2});
      BOOST_TEST(poisoned.out().value == hidden.out().value);
      BOOST_TEST(poisoned.lse().value == hidden.lse().value);
      BOOST_TEST(poisoned.out().bound == hidden.out().bound);
      BOOST_TEST(hidden.out().value != clean.out().value);
    }
  }
}

BOOST_AUTO_TEST_CASE(row_without_keys_gives_zero_and_minus_infinity_exactly) {
  const Problem top = parse_problem("sq12 skv5 d8 dv4 causal");
  const Row by_causality(top, test::random_inputs(top, "normal", {}, 2), {0, 0, 6});
  TensorStorage inputs = test::random_inputs(problem, "normal", {}, 2);
  const TensorView bias = inputs.add("bias", DType::f32, {10}).view();
  for (std::int64_t key = 0; key < 10; ++key)
    test::set(bias, -infinity, key);
  const Row by_bias(problem, inputs, {0, 0, 5});
  for (const Row* row : {&by_causality, &by_bias}) {
    for (std::size_t c = 0; c < 4; ++c) {
      BOOST_TEST(row->out().value[c] == 0.0);
      BOOST_TEST(row->out().bound[c] == 0.0);
    }
    BOOST_TEST(row->lse().value[0] == -infinity);
  }
}

BOOST_AUTO_TEST_CASE(score_that_is_not_finite_makes_the_row_nan) {
  for (const double value : {not_a_number, infinity}) {
    const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 3);
    test::set(inputs.find("q")->view(), value, 0, 0, 2, 1);
    test::set(inputs.find("k")->view(), 1.0, 0, 0, 0, 1);
    const Row row(problem, inputs, {0, 0, 2});
    BOOST_TEST(std::isnan(row.out().value[0]));
    BOOST_TEST(row.out().bound[0] == 0.0);
    BOOST_TEST(std::isnan(row.lse().value[0]));
    BOOST_TEST(std::isfinite(Row(problem, inputs, {0, 0, 3}).out().value[0]));
  }
}

BOOST_AUTO_TEST_CASE(value_that_is_not_finite_spoils_its_column_alone) {
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 4);
  const TensorView& v = inputs.find("v")->view();
  test::set(v, infinity, 0, 0, 1, 0);
  test::set(v, not_a_number, 0, 0, 2, 1);
  test::set(v, infinity, 0, 0, 1, 2);
  test::set(v, -infinity, 0, 0, 3, 2);
  const Row row(problem, inputs, {0, 0, 2});
  BOOST_TEST(row.out().value[0] == infinity);
  BOOST_TEST(row.out().bound[0] == 0.0);
  BOOST_TEST(std::isnan(row.out().value[1]));
  BOOST_TEST(std::isnan(row.out().value[2]));
  BOOST_TEST(std::isfinite(row.out().value[3]));
  BOOST_TEST(std::isfinite(row.out().bound[3]));
}

BOOST_AUTO_TEST_CASE(infinite_value_under_a_vanishing_weight_may_be_infinite_or_nan) {
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 5);
  for (std::int64_t c = 0; c < 8; ++c) {
    test::set(inputs.find("q")->view(), 10.0, 0, 0, 2, c);
    for (std::int64_t key = 0; key < 10; ++key)
      test::set(inputs.find("k")->view(), key == 1 ? -2.0 : 2.0, 0, 0, key, c);
  }
  test::set(inputs.find("v")->view(), infinity, 0, 0, 1, 0);
  const Row row(problem, inputs, {0, 0, 2});
  BOOST_TEST(row.out().value[0] == infinity);
  BOOST_TEST(row.out().bound[0] == infinity);
}

// A row that sees no NaN has a finite truth, and keys that are hidden in any way are not seen.
BOOST_AUTO_TEST_CASE(rows_that_see_nan_are_told_without_working_them_out) {
  const Problem several = parse_problem("b2 hq4 hkv2 sq30 skv40 d8 dv4 causal window=11,0");
  for (const double poison : {not_a_number, infinity}) {
    TensorStorage inputs = test::random_inputs(several, "normal", {.mask = true, .bias = true, .kv_lengths = true}, 7);
    const Spec spec;
    const auto clean = make_softmax_oracle(spec, several, inputs.views());
    test::for_each_row(several, [&](const RowPlace& place) { BOOST_TEST(!clean->sees_not_finite(place).value()); });
    test::set(inputs.find("q")->view(), poison, 0, 1, 4, 3);
    test::set(inputs.find("k")->view(), poison, 0, 1, 12, 0);
    test::set(inputs.find("v")->view(), poison, 1, 0, 20, 2);
    const auto oracle = make_softmax_oracle(spec, several, inputs.views());
    int seen = 0, right = 0;
    test::for_each_row(several, [&](const RowPlace& place) {
      std::vector<OutputRow> lines;
      oracle->row(place, Arithmetic{}, lines);
      bool is_finite = true;
      for (const double value : lines[0].value)
        is_finite = is_finite && std::isfinite(value);
      seen += oracle->sees_not_finite(place).value() ? 1 : 0;
      right += is_finite ? 0 : 1;
      BOOST_TEST((is_finite || oracle->sees_not_finite(place).value()));
    });
    BOOST_TEST(right > 10);
    // An infinite score of -inf is a key less: more rows see a number that is not finite than have one in their result.
    BOOST_TEST(seen >= right);
    BOOST_TEST(seen < 100);
    if (std::isnan(poison)) BOOST_TEST(seen == right);
  }
}

BOOST_AUTO_TEST_CASE(scores_may_overflow_where_a_partial_sum_in_some_order_may) {
  const Problem pair = parse_problem("sq1 skv1 d2 dv1 scale=1");
  const auto may_overflow = [&](double one, double other, const Arithmetic& arithmetic) {
    const TensorStorage inputs = test::random_inputs(pair, "normal", {}, 8);
    for (std::int64_t c = 0; c < 2; ++c) {
      const double term = c == 0 ? one : other;
      test::set(inputs.find("q")->view(), std::sqrt(std::fabs(term)), 0, 0, 0, c);
      test::set(inputs.find("k")->view(), std::copysign(std::sqrt(std::fabs(term)), term), 0, 0, 0, c);
    }
    const Spec spec;
    std::vector<OutputRow> lines;
    make_softmax_oracle(spec, pair, inputs.views())->row({}, arithmetic, lines);
    BOOST_TEST(lines[0].may_overflow == lines[1].may_overflow);
    return lines[0].may_overflow;
  };
  constexpr Arithmetic plain{};
  BOOST_TEST(may_overflow(2e38, 2e38, plain));
  BOOST_TEST(!may_overflow(2e38, -2e38, plain));     // no order of the two goes beyond 2e38
  BOOST_TEST(may_overflow(3.3e38, -3.3e38, plain));  // 3.3e38 log2 e
  BOOST_TEST(may_overflow(2.5e38, 1.0, plain));
  BOOST_TEST(!may_overflow(2.2e38, 1.0, plain));
  constexpr Arithmetic stored{.score = 0x1p-11};
  BOOST_TEST(may_overflow(40000.0, 30000.0, stored));
  BOOST_TEST(!may_overflow(50000.0, -50000.0, stored));  // what is stored is their sum
  BOOST_TEST(!may_overflow(40000.0, 30000.0, plain));
}

BOOST_AUTO_TEST_CASE(tensors_that_disagree_with_the_problem_are_refused_by_name) {
  const Spec spec;
  TensorStorage inputs = test::random_inputs(problem, "normal", {}, 6);
  const Problem other = parse_problem("sq6 skv11 d8 dv4 causal");
  BOOST_CHECK_EXCEPTION(make_softmax_oracle(spec, other, inputs.views()), Error,
                        [](const Error& error) { return says(error, "k: (1, 1, 10, 8) disagrees"); });
  inputs.add("mask", DType::boolean, {7, 10});
  BOOST_CHECK_EXCEPTION(make_softmax_oracle(spec, problem, inputs.views()), Error,
                        [](const Error& error) { return says(error, "mask: (7, 10) does not broadcast"); });
  TensorSet whole_numbers;
  const Tensor keys(DType::i64, {1, 1, 10, 8});
  for (const char* name : {"q", "v"})
    whole_numbers.add(name, inputs.find(name)->view());
  whole_numbers.add("k", keys.view());
  BOOST_CHECK_EXCEPTION(make_softmax_oracle(spec, problem, whole_numbers), Error,
                        [](const Error& error) { return says(error, "k: has type i64"); });
  for (const double length : {-1.0, 11.0}) {
    TensorStorage padded = test::random_inputs(problem, "normal", {}, 6);
    test::set(padded.add("kv_lengths", DType::i64, {1}).view(), length, 0);
    BOOST_CHECK_EXCEPTION(make_softmax_oracle(spec, problem, padded.views()), Error,
                          [](const Error& error) { return says(error, "kv_lengths[0]") && says(error, "0 to skv"); });
  }
}

BOOST_AUTO_TEST_SUITE_END()
