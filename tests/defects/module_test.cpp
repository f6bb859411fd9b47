// The whole attention module with a defect in one of its stages: it must be rejected, and named with the stage.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "harness/backends/backend.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/verify/verify.hpp"

namespace {

using namespace attest;

const char* const id = "multihead/cpu";

std::unique_ptr<Execution> outputs_of(const Problem& problem, const TensorSet& inputs) {
  const KernelEntry entry = find_kernel(id);
  auto execution = find_backend("cpu").prepare(*entry.variant, *entry.kernel, problem, inputs, 1);
  execution->run();
  return execution;
}

std::string reason_of(const Problem& problem, const TensorSet& inputs, Execution& execution) {
  const KernelEntry entry = find_kernel(id);
  const auto oracle = make_oracle(*entry.variant, problem, inputs, execution.outputs());
  const Verification result = verify(*oracle, problem, entry.kernel->arithmetic(problem), execution.outputs(),
                                     {.nature = {.continuous = true, .exchangeable = true}});
  BOOST_TEST(!result.verdict.has_passed());
  return result.verdict.reason;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(module_defects)

BOOST_AUTO_TEST_CASE(a_defect_of_a_stage_is_named_with_the_stage) {
  // The kernel is right; what it is given is what a kernel with the defect would work with.
  const Problem problem = parse_problem("hq4 sq40 skv33 d_model=32");
  const TensorStorage storage = generate_inputs("normal", *find_kernel(id).variant, problem, 8);
  const auto at = [&](const std::string& name) { return storage.find(name)->view(); };
  const auto zeros = [](const TensorView& view) { return Tensor(view.dtype, view.shape_vector()); };
  const auto transposed = [](TensorView view) {
    std::swap(view.strides[0], view.strides[1]);
    return converted(view, view.dtype);
  };
  // Row h * 8 + c is row c * 4 + h.
  const auto split = [](const TensorView& view) {
    Tensor result = converted(view, view.dtype);
    const std::int64_t width = view.element_count() / 32;
    for (std::int64_t row = 0; row < 32; ++row)
      for (std::int64_t n = 0; n < width; ++n)
        store_element(result.view().data, view.dtype, row * width + n,
                      load_element(view.data, view.dtype, (row % 8 * 4 + row / 8) * width + n));
    return result;
  };
  const auto expect = [&](const Problem& computed, std::vector<std::pair<std::string, Tensor>> changed,
                          const std::string& said) {
    TensorSet wrong;
    for (const auto& [name, tensor] : storage.entries()) {
      const auto other =
          std::find_if(changed.begin(), changed.end(), [&name = name](const auto& one) { return one.first == name; });
      wrong.add(name, other == changed.end() ? tensor.view() : other->second.view());
    }
    const std::string reason = reason_of(problem, storage.views(), *outputs_of(computed, wrong));
    BOOST_TEST(reason.find("; looks like: " + said) != std::string::npos, said << ": " << reason);
  };
  const auto expect_one = [&](const std::string& name, Tensor tensor, const std::string& said) {
    std::vector<std::pair<std::string, Tensor>> changed;
    changed.emplace_back(name, std::move(tensor));
    expect(problem, std::move(changed), said);
  };
  for (const std::string which : {"q", "k", "v", "o"}) {
    const std::string output = which == "o" ? "out" : "heads_" + which;
    expect_one("b_" + which, zeros(at("b_" + which)), "b_" + which + " not added (c = 1.00) in " + output);
    expect_one("w_" + which, transposed(at("w_" + which)), "W_" + which + " transposed (c = 1.00) in " + output);
    if (which == "o") continue;
    std::vector<std::pair<std::string, Tensor>> changed;
    changed.emplace_back("b_" + which, split(at("b_" + which)));
    changed.emplace_back("w_" + which, split(at("w_" + which)));
    expect(problem, std::move(changed), "heads of " + which + " split as (d,h) (c = 1.00) in " + output);
  }
  for (const auto& [to, from] : {std::pair{"k", "v"}, std::pair{"v", "k"}}) {
    std::vector<std::pair<std::string, Tensor>> changed;
    for (const std::string kind : {"w_", "b_"})
      changed.emplace_back(kind + to, converted(at(kind + from), DType::f32));
    expect(problem, std::move(changed), std::string("W_") + from + " for W_" + to + " (c = 1.00) in heads_" + to);
  }
  Problem steeper = problem;
  steeper.scale = 1.01 * problem.effective_scale();
  expect(steeper, {}, "scale +1% (c = 1.00) in context");

  const std::unique_ptr<Execution> execution = outputs_of(problem, storage.views());
  const TensorView& context = execution->outputs().at("context");
  const Tensor kept = converted(context, DType::f32);
  for (std::int64_t row = 0; row < 40; ++row)
    for (std::int64_t c = 0; c < 32; ++c)
      context.as<float>()[context.offset(0, row, c % 8 * 4 + c / 8)] = static_cast<float>(kept.view().load(0, row, c));
  const std::string reason = reason_of(problem, storage.views(), *execution);
  BOOST_TEST(reason.find("; looks like: heads merged as (d,h) (c = 1.00) in context") != std::string::npos, reason);
}

BOOST_AUTO_TEST_SUITE_END()
