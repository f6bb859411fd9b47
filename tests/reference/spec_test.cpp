// What a variant's spec adds, against the tensors that say the same, and the judgement of kernels in double.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;

// Every third key, and a bias that falls with the distance, another slope a head.
class ToySpec final : public Spec {
 public:
  bool visible(const Problem&, std::int64_t row, std::int64_t key, std::int64_t offset) const override {
    return (row + offset + key) % 3 != 0;
  }
  double bias(const Problem&, const TensorSet& inputs, std::int64_t head, std::int64_t row, std::int64_t key,
              std::int64_t offset) const override {
    return inputs.at("slopes").load(head) * static_cast<double>(key - row - offset);
  }
  bool has_bias(const Problem&) const override { return true; }
};

const Problem problem = parse_problem("b2 hq3 sq11 skv17 d16 dv8");

// The textbook in double, in the plainest order.
TensorStorage textbook(const Problem& p, const TensorSet& inputs) {
  TensorStorage outputs;
  const TensorView out = outputs.add("out", p.dtype, {p.batch, p.heads_q, p.seq_q, p.head_dim_v}).view();
  const TensorView lse = outputs.add("lse", DType::f32, {p.batch, p.heads_q, p.seq_q}).view();
  test::for_each_row(p, [&](const RowPlace& at) {
    std::vector<double> score;
    double greatest = -HUGE_VAL;
    for (std::int64_t key = 0; key < p.seq_kv; ++key) {
      double sum = 0.0;
      for (std::int64_t c = 0; c < p.head_dim; ++c)
        sum += inputs.at("q").load(at.batch, at.head, at.row, c) * inputs.at("k").load(at.batch, at.head, key, c);
      score.push_back(sum * p.effective_scale());
      greatest = std::max(greatest, score.back());
    }
    double total = 0.0;
    for (double& entry : score)
      total += entry = std::exp(entry - greatest);
    for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
      double sum = 0.0;
      for (std::int64_t key = 0; key < p.seq_kv; ++key)
        sum += score[static_cast<std::size_t>(key)] * inputs.at("v").load(at.batch, at.head, key, c);
      test::set(out, sum / total, at.batch, at.head, at.row, c);
    }
    test::set(lse, greatest + std::log(total), at.batch, at.head, at.row);
  });
  return outputs;
}

Verification judge(const Problem& p, const TensorSet& inputs, const TensorSet& outputs, const Arithmetic& arithmetic) {
  const Spec spec;
  return verify(*make_softmax_oracle(spec, p, inputs), p, arithmetic, outputs, {});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spec)

BOOST_AUTO_TEST_CASE(visibility_and_bias_of_a_spec_equal_a_mask_and_a_bias_tensor_of_the_same) {
  TensorStorage by_spec = test::random_inputs(problem, "normal", {}, 1);
  TensorStorage by_tensors = test::random_inputs(problem, "normal", {}, 1);
  const TensorView slopes = by_spec.add("slopes", DType::f32, {3}).view();
  for (std::int64_t head = 0; head < 3; ++head)
    test::set(slopes, -0.125 * static_cast<double>(head + 1), head);
  Tensor mask(DType::boolean, {11, 17});
  Tensor bias(DType::f64, {1, 3, 11, 17});
  const ToySpec toy;
  for (std::int64_t row = 0; row < 11; ++row) {
    for (std::int64_t key = 0; key < 17; ++key) {
      test::set(mask.view(), toy.visible(problem, row, key, 6) ? 1.0 : 0.0, row, key);
      for (std::int64_t head = 0; head < 3; ++head)
        test::set(bias.view(), toy.bias(problem, by_spec.views(), head, row, key, 6), 0, head, row, key);
    }
  }
  by_tensors.add("mask", std::move(mask));
  by_tensors.add("bias", std::move(bias));
  const Spec common;
  const auto first = make_softmax_oracle(toy, problem, by_spec.views());
  const auto second = make_softmax_oracle(common, problem, by_tensors.views());
  test::for_each_row(problem, [&](const RowPlace& at) {
    std::vector<OutputRow> a, b;
    first->row(at, Arithmetic{}, a);
    second->row(at, Arithmetic{}, b);
    for (std::size_t line = 0; line < 2; ++line) {
      BOOST_TEST(a[line].value == b[line].value);
      BOOST_TEST(a[line].bound == b[line].bound);
      BOOST_TEST(a[line].plain == b[line].plain);
    }
  });
}

BOOST_AUTO_TEST_CASE(make_oracle_takes_the_variants_own_oracle_before_its_spec) {
  static bool was_asked = false;
  const Spec common;
  Variant variant;
  variant.spec = &common;
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 2);
  BOOST_TEST(make_oracle(variant, problem, inputs.views(), {})->extent().row == 11);
  variant.make_oracle = [](const Problem& p, const TensorSet& tensors, const TensorSet&) {
    was_asked = true;
    static const ToySpec toy;
    return make_softmax_oracle(toy, p, tensors);
  };
  make_oracle(variant, problem, inputs.views(), {});
  BOOST_TEST(was_asked);
}

BOOST_AUTO_TEST_CASE(kernel_in_double_is_judged_by_double_and_one_in_f32_fails_there) {
  constexpr Arithmetic in_double{.accumulate = 0x1p-53, .output = 0x1p-53, .exponential = 0x1p-52};
  const Problem p = parse_problem("b2 hq3 sq11 skv17 d16 dv8 f64");
  for (const char* kind : {"normal", "large_logits"}) {
    const TensorStorage inputs = test::random_inputs(p, kind, {}, 3);
    TensorStorage outputs = textbook(p, inputs.views());
    const Verification right = judge(p, inputs.views(), outputs.views(), in_double);
    BOOST_TEST(right.verdict.reason == "");
    BOOST_TEST(right.accuracy.outputs.at(0).error_over_bound < 1.0);
    const TensorView out = outputs.find("out")->view();
    for (std::int64_t index = 0; index < out.element_count(); ++index)
      out.as<double>()[index] = static_cast<float>(out.as<double>()[index]);
    BOOST_TEST(!judge(p, inputs.views(), outputs.views(), in_double).verdict.has_passed());
  }
}

BOOST_AUTO_TEST_CASE(kernel_that_rounds_more_than_it_declares_fails) {
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 4);
  TensorStorage outputs = textbook(problem, inputs.views());
  BOOST_TEST(judge(problem, inputs.views(), outputs.views(), Arithmetic{}).verdict.has_passed());
  const TensorView out = outputs.find("out")->view();
  for (std::int64_t index = 0; index < out.element_count(); ++index)
    out.as<float>()[index] = bf16_value(bf16_bits(out.as<float>()[index]));
  BOOST_TEST(!judge(problem, inputs.views(), outputs.views(), Arithmetic{}).verdict.has_passed());
  BOOST_TEST(judge(problem, inputs.views(), outputs.views(), Arithmetic{.output = 0x1p-8}).verdict.has_passed());
}

BOOST_AUTO_TEST_SUITE_END()
