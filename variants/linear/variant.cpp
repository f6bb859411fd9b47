#include "harness/core/variant.hpp"

#include <array>
#include <fmt/format.h>

#include "harness/core/error.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

constexpr std::array parameters{
    ParameterSpec{"feature", "elu1", "feature map: elu1 is elu(x) + 1"},
    ParameterSpec{"eps", "0", "added to the denominator, 0 or more (fast-transformers has 1e-6)"},
};

void check(const Problem& problem) {
  const std::string feature = problem.text_parameter("feature", "elu1");
  if (feature != "elu1") complain("feature", fmt::format("'{}' is unknown", feature), "elu1 is the one there is");
  const double eps = problem.real_parameter("eps", 0.0);
  if (!(eps >= 0.0)) complain("eps", fmt::format("{} is out of range", eps), "0 or more");
}

/// q, k, v, [kv_lengths] and out: the normaliser is no log of a sum of exponentials, so there is no lse. mask and bias
/// are named so that a problem that brings them is refused with a reason.
std::vector<TensorSpec> tensors(const Problem& problem) {
  std::vector<TensorSpec> specs = standard_tensors(problem);
  std::erase_if(specs, [](const TensorSpec& spec) { return spec.name == "lse"; });
  return specs;
}

/// Each key token is added to a d x dv state once, each query row reads it once: 2*d*dv flops each.
double flops(const Problem& problem) {
  const auto tokens = static_cast<double>(problem.heads_kv * problem.seq_kv + problem.heads_q * problem.seq_q);
  return 2.0 * static_cast<double>(problem.batch) * tokens * static_cast<double>(problem.head_dim) *
         static_cast<double>(problem.head_dim_v);
}

const std::array kernels{cpu_full, cpu_chunked, cpu_recurrent, cuda_chunked};

}  // namespace

Support supports_linear(const Problem& problem, const Presence& presence) {
  if (presence.mask) return Support::no("linear attention sums keys before it sees a query: no mask by pairs");
  if (presence.bias) return Support::no("linear attention has no scores to add a bias to");
  if (problem.has_window()) return Support::no("linear attention's state cannot forget a key: no window");
  if (problem.softcap > 0.0) return Support::no("linear attention has no scores to cap");
  if (problem.dropout > 0.0) return Support::no("linear attention has no weights to drop");
  if (problem.scale) return Support::no("linear attention has no scores to scale");
  if (problem.dtype == DType::f64) return Support::no("linear attention computes in f32; f64 is not supported");
  return Support::yes();
}

extern const Variant variant;
const Variant variant{
    .name = "linear",
    .title = "Linear attention",
    .equation = "out_i = phi(q_i) (sum_j phi(k_j) v_j^T) / (phi(q_i).(sum_j phi(k_j)) + eps), phi(x) = elu(x) + 1",
    .source = "Katharopoulos et al. 2020, Transformers are RNNs, arXiv:2006.16236, equations 5 to 12",
    .is_softmax = false,
    .parameters = parameters,
    .check = check,
    .tensors = tensors,
    .make_oracle = make_linear_oracle,
    .approximated = make_softmax_attention,
    .flops = flops,
    .kernels = kernels,
};

}  // namespace attest::linear
