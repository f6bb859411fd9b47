#include "harness/core/variant.hpp"

#include <array>
#include <string>

#include "harness/core/error.hpp"
#include "variants/cross/kernels.hpp"
#include "variants/cross/spec.hpp"

namespace attest::cross {
namespace {

const CrossSpec spec;
const std::array kernels{cpu_tiled, cuda_mma};
constexpr std::array parameters{
    ParameterSpec{"buckets", "0", "rows of relative_bias (T5 has 32); an even number from 4 to 4096, 0 for no bias"},
    ParameterSpec{"max_distance", "128", "from which distance on all share the last bucket; buckets/2+1 to 1048576"},
};

void check(const Problem& problem) {
  const std::int64_t buckets = problem.parameter("buckets", 0);
  const std::int64_t reach = problem.parameter("max_distance", 128);
  if (buckets != 0 && (buckets < 4 || buckets > 4096 || buckets % 2 != 0)) {
    complain("buckets=" + std::to_string(buckets), "is out of range", "use an even number from 4 to 4096, or 0");
  }
  if (reach <= buckets / 2 || reach > 1048576) {
    complain("max_distance=" + std::to_string(reach), "is out of range",
             "use " + std::to_string(buckets / 2 + 1) + " to 1048576");
  }
}

std::vector<TensorSpec> tensors(const Problem& problem) {
  std::vector<TensorSpec> specs = standard_tensors(problem);
  if (const std::int64_t buckets = problem.parameter("buckets", 0); buckets > 0) {
    specs.insert(
        specs.begin() + 3,
        {.name = "relative_bias", .role = Role::weight, .dtype = DType::f32, .shape = {buckets, problem.heads_q}});
  }
  return specs;
}

/// The shapes of q, k and v, and the buckets from relative_bias where it is given.
void infer(const TensorSet& given, PartialProblem& partial) {
  infer_standard(given, partial);
  const TensorView* bias = given.find("relative_bias");
  if (bias == nullptr) return;
  if (bias->rank != 2) {
    complain("relative_bias", "has shape " + text_of(bias->shape_vector()), "give (buckets, hq)");
  }
  partial.parameters.try_emplace("buckets", std::to_string(bias->shape[0]));
}

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "cross",
    .title = "Cross-attention",
    .equation =
        "out_i = sum_j softmax_j(scale * q_i.k_j + relative_bias[bucket(j - i - offset)]) v_j, sq and skv unrelated",
    .source =
        "Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3; relative bias: Raffel et al. 2020, T5, "
        "arXiv:1910.10683, section 2.1",
    .is_softmax = true,
    .parameters = parameters,
    .check = check,
    .tensors = tensors,
    .infer = infer,
    .spec = &spec,
    .kernels = kernels,
};

}  // namespace attest::cross
