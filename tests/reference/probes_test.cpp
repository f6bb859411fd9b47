// The reference on inputs whose result is known without arithmetic (NUMERICS.md 3), and its properties.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

struct Truth {
  Truth(const Problem& problem, const TensorSet& inputs) {
    const Spec spec;
    const auto oracle = make_softmax_oracle(spec, problem, inputs);
    out = reference_output(*oracle, "out", {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v});
    lse = reference_output(*oracle, "lse", {problem.batch, problem.heads_q, problem.seq_q});
  }
  Tensor out, lse;
};

double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0.0;
  for (std::int64_t index = 0; index < a.view().element_count(); ++index)
    largest = std::max(largest, std::fabs(a.view().as<double>()[index] - b.view().as<double>()[index]));
  return largest;
}

// Written apart from the product's geometry on purpose.
bool sees(const Problem& p, std::int64_t row, std::int64_t key) {
  std::int64_t shift = p.align.value;
  if (p.align.kind == Align::Kind::bottom_right) shift = p.seq_kv - p.seq_q;
  const std::int64_t ahead = key - row - shift;
  return !(p.causal && ahead > 0) && !(p.window.left >= 0 && -ahead > p.window.left) &&
         !(p.window.right >= 0 && ahead > p.window.right);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(probes)

BOOST_AUTO_TEST_CASE(zero_queries_and_one_hot_values_count_the_keys_that_each_row_sees) {
  for (const char* text :
       {"hq2 sq20 skv20 d8 dv20 causal", "hq2 sq9 skv20 d8 dv20 causal window=5,0", "hq2 sq20 skv9 d8 dv9 causal",
        "sq20 skv30 d8 dv30 window=4,2", "sq20 skv30 d8 dv30 causal align=top_left",
        "sq20 skv30 d8 dv30 causal align=-5", "sq12 skv30 d8 dv30 window=-1,3 align=7"}) {
    const Problem problem = parse_problem(text);
    TensorStorage inputs = test::random_inputs(problem, "normal", {}, 3);
    const TensorView q = inputs.find("q")->view();
    const TensorView v = inputs.find("v")->view();
    std::fill_n(q.as<float>(), q.element_count(), 0.0f);
    std::fill_n(v.as<float>(), v.element_count(), 0.0f);
    for (std::int64_t head = 0; head < problem.heads_kv; ++head)
      for (std::int64_t key = 0; key < problem.seq_kv; ++key)
        test::set(v, 1.0, 0, head, key, key);
    const Truth truth(problem, inputs.views());
    test::for_each_row(problem, [&](const RowPlace& at) {
      double count = 0.0;
      for (std::int64_t key = 0; key < problem.seq_kv; ++key)
        count += sees(problem, at.row, key) ? 1.0 : 0.0;
      for (std::int64_t key = 0; key < problem.seq_kv; ++key) {
        const double expected = sees(problem, at.row, key) ? 1.0 / count : 0.0;
        BOOST_REQUIRE_EQUAL(truth.out.view().load(at.batch, at.head, at.row, key), expected);
      }
      BOOST_REQUIRE_EQUAL(truth.lse.view().load(at.batch, at.head, at.row), std::log(count));
    });
  }
}

BOOST_AUTO_TEST_CASE(codes_of_signs_return_the_selected_value_bit_for_bit) {
  const Problem problem = parse_problem("hq4 hkv2 sq50 skv70 d128 dv24 scale=1 bf16");
  TensorStorage inputs = test::random_inputs(problem, "normal", {}, 4);
  const TensorView q = inputs.find("q")->view();
  const TensorView k = inputs.find("k")->view();
  const TensorView v = inputs.find("v")->view();
  test::Random random(5);
  for (std::int64_t index = 0; index < k.element_count(); ++index)
    store_element(k.data, k.dtype, index, random.chance(0.5) ? 1.0 : -1.0);
  const auto selected = [](std::int64_t row) { return (17 * row + 5) % 70; };
  test::for_each_row(problem, [&](const RowPlace& at) {
    for (std::int64_t c = 0; c < 128; ++c)
      test::set(q, 8.0 * k.load(0, at.head / 2, selected(at.row), c), 0, at.head, at.row, c);
  });
  const Truth truth(problem, inputs.views());
  test::for_each_row(problem, [&](const RowPlace& at) {
    for (std::int64_t c = 0; c < 24; ++c) {
      BOOST_REQUIRE_EQUAL(truth.out.view().load(0, at.head, at.row, c), v.load(0, at.head / 2, selected(at.row), c));
    }
  });
}

BOOST_AUTO_TEST_CASE(small_integers_sum_without_rounding) {
  // Equal scores of a power of two of keys: out is the integers' mean, exactly.
  const Problem problem = parse_problem("hq2 sq5 skv64 d16 dv8 f64");
  TensorStorage inputs = test::random_inputs(problem, "normal", {}, 6);
  const TensorView k = inputs.find("k")->view();
  const TensorView v = inputs.find("v")->view();
  std::fill_n(k.as<double>(), k.element_count(), 1.0);
  test::Random random(7);
  for (std::int64_t index = 0; index < v.element_count(); ++index)
    v.as<double>()[index] = static_cast<double>(random.between(-1000, 1000));
  const Truth truth(problem, inputs.views());
  test::for_each_row(problem, [&](const RowPlace& at) {
    for (std::int64_t c = 0; c < 8; ++c) {
      double sum = 0.0;
      for (std::int64_t key = 0; key < 64; ++key)
        sum += v.load(0, at.head, key, c);
      BOOST_REQUIRE_EQUAL(truth.out.view().load(0, at.head, at.row, c), sum / 64.0);
    }
  });
}

BOOST_AUTO_TEST_CASE(output_is_linear_in_the_values) {
  const Problem problem = parse_problem("b2 hq2 sq9 skv15 d16 dv8 causal softcap=5 f64");
  const TensorStorage first = test::random_inputs(problem, "normal", {}, 8);
  TensorStorage second = test::random_inputs(problem, "normal", {}, 8);
  TensorStorage mixed = test::random_inputs(problem, "normal", {}, 8);
  test::Random random(9);
  test::fill_normal(second.find("v")->view(), random);
  const TensorView v = mixed.find("v")->view();
  for (std::int64_t index = 0; index < v.element_count(); ++index) {
    v.as<double>()[index] =
        2.0 * first.find("v")->view().as<double>()[index] - 0.5 * second.find("v")->view().as<double>()[index];
  }
  const Truth a(problem, first.views()), b(problem, second.views()), both(problem, mixed.views());
  for (std::int64_t index = 0; index < both.out.view().element_count(); ++index) {
    const double expected = 2.0 * a.out.view().as<double>()[index] - 0.5 * b.out.view().as<double>()[index];
    BOOST_TEST(std::fabs(both.out.view().as<double>()[index] - expected) <= 1e-15);
  }
}

BOOST_AUTO_TEST_CASE(order_of_the_keys_does_not_matter) {
  const Problem problem = parse_problem("hq2 sq9 skv33 d16 dv8");
  const TensorStorage inputs = test::random_inputs(problem, "outliers", {}, 10);
  TensorStorage shuffled = test::random_inputs(problem, "outliers", {}, 10);
  for (const char* name : {"k", "v"}) {
    const TensorView from = inputs.find(name)->view();
    const TensorView to = shuffled.find(name)->view();
    for (std::int64_t head = 0; head < 2; ++head)
      for (std::int64_t key = 0; key < 33; ++key)
        for (std::int64_t c = 0; c < from.shape[3]; ++c)
          test::set(to, from.load(0, head, key, c), 0, head, (key * 7 + 3) % 33, c);
  }
  const Truth a(problem, inputs.views()), b(problem, shuffled.views());
  BOOST_TEST(largest_difference(a.out, b.out) <= 2e-15);
  BOOST_TEST(largest_difference(a.lse, b.lse) <= 2e-15);
}

BOOST_AUTO_TEST_CASE(constant_values_come_back_as_they_are) {
  const Problem problem = parse_problem("hq2 sq9 skv33 d16 dv8 causal");
  TensorStorage inputs = test::random_inputs(problem, "large_logits", {}, 11);
  const TensorView v = inputs.find("v")->view();
  std::fill_n(v.as<float>(), v.element_count(), 0.7f);
  const Truth truth(problem, inputs.views());
  for (std::int64_t index = 0; index < truth.out.view().element_count(); ++index)
    BOOST_TEST(std::fabs(truth.out.view().as<double>()[index] / 0.7f - 1.0) <= 0x1p-52);
}

BOOST_AUTO_TEST_CASE(parts_of_the_keys_merge_by_lse_to_the_whole) {
  const Problem whole = parse_problem("hq2 sq9 skv40 d16 dv8");
  const Problem left = parse_problem("hq2 sq9 skv13 d16 dv8");
  const Problem right = parse_problem("hq2 sq9 skv27 d16 dv8");
  const TensorStorage inputs = test::random_inputs(whole, "normal", {}, 12);
  const auto part = [&](std::int64_t first, std::int64_t count) {
    TensorSet set;
    set.add("q", inputs.find("q")->view());
    for (const char* name : {"k", "v"}) {
      TensorView view = inputs.find(name)->view();
      view.data = view.as<float>() + view.offset(0, 0, first);
      view.shape[2] = count;
      set.add(name, view);
    }
    return set;
  };
  const Truth all(whole, inputs.views()), a(left, part(0, 13)), b(right, part(13, 27));
  test::for_each_row(whole, [&](const RowPlace& at) {
    const double lse_a = a.lse.view().load(0, at.head, at.row);
    const double lse_b = b.lse.view().load(0, at.head, at.row);
    const double lse = lse_a + std::log1p(std::exp(lse_b - lse_a));
    BOOST_TEST(std::fabs(all.lse.view().load(0, at.head, at.row) - lse) <= 4e-15);
    for (std::int64_t c = 0; c < 8; ++c) {
      const double merged = std::exp(lse_a - lse) * a.out.view().load(0, at.head, at.row, c) +
                            std::exp(lse_b - lse) * b.out.view().load(0, at.head, at.row, c);
      BOOST_TEST(std::fabs(all.out.view().load(0, at.head, at.row, c) - merged) <= 4e-15);
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
