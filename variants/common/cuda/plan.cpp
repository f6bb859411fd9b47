#include "variants/common/cuda/plan.hpp"

#include <cmath>
#include <fmt/format.h>

namespace attest::cuda {

namespace {

constexpr double log2_e = 1.4426950408889634;
constexpr std::int64_t greatest_length = std::int64_t{1} << 30;
constexpr std::int64_t greatest_grid_yz = 65535;

PairStrides strides_of(const TensorSet& inputs, const Problem& problem, std::string_view name) {
  const TensorView* view = inputs.find(name);
  if (view == nullptr) return {};
  // On the device the tensor is dense, whatever it is here.
  const TensorView dense = TensorView::dense(nullptr, view->dtype, view->shape_vector());
  const TensorView all = dense.broadcast_to({problem.batch, problem.heads_q, problem.seq_q, problem.seq_kv}, name);
  return {all.strides[0], all.strides[1], all.strides[2], all.strides[3]};
}

}  // namespace

AttentionParams attention_params(const Problem& problem, const TensorSet& inputs, bool may_be_raw) {
  const double scale = problem.effective_scale();
  AttentionParams params;
  params.batch = static_cast<std::int32_t>(problem.batch);
  params.heads_q = static_cast<std::int32_t>(problem.heads_q);
  params.heads_kv = static_cast<std::int32_t>(problem.heads_kv);
  params.group = static_cast<std::int32_t>(problem.group());
  params.seq_q = static_cast<std::int32_t>(problem.seq_q);
  params.seq_kv = static_cast<std::int32_t>(problem.seq_kv);
  params.head_dim = static_cast<std::int32_t>(problem.head_dim);
  params.head_dim_v = static_cast<std::int32_t>(problem.head_dim_v);
  params.bottom_right = problem.align.kind == Align::Kind::bottom_right ? 1 : 0;
  params.offset = problem.align.kind == Align::Kind::offset ? problem.align.value : 0;
  params.causal = problem.causal ? 1 : 0;
  params.window_left = problem.window.left;
  params.window_right = problem.window.right;
  params.raw_scores = may_be_raw && !needs_pairs(problem, presence_of(inputs)) ? 1 : 0;
  params.scale = static_cast<float>(scale);
  params.exponent_scale = static_cast<float>(params.raw_scores != 0 ? scale * log2_e : log2_e);
  params.softcap = static_cast<float>(problem.softcap);
  params.scale_over_cap = problem.softcap != 0.0 ? static_cast<float>(scale / problem.softcap) : 0.0f;
  params.has_dropout = problem.dropout > 0.0 ? 1 : 0;
  params.dropout_threshold = static_cast<std::uint32_t>(std::floor(problem.dropout * 0x1p32));
  params.seed_low = static_cast<std::uint32_t>(problem.seed);
  params.seed_high = static_cast<std::uint32_t>(problem.seed >> 32);
  params.kept_multiplier = static_cast<float>(1.0 / (1.0 - problem.dropout));
  params.mask = strides_of(inputs, problem, "mask");
  params.bias = strides_of(inputs, problem, "bias");
  return params;
}

std::vector<Argument> attention_arguments(const AttentionParams& params) {
  std::vector<Argument> arguments{by_value(params)};
  for (const char* name : {"q", "k", "v", "mask", "bias", "kv_lengths", "out", "lse"})
    arguments.emplace_back(TensorPointer{.tensor = name});
  return arguments;
}

std::string entry_type(const Problem& problem) {
  return std::string(name_of(problem.dtype));
}

bool needs_pairs(const Problem& problem, const Presence& presence) {
  return presence.mask || presence.bias || problem.softcap != 0.0 || problem.dropout > 0.0 ||
         !(static_cast<float>(problem.effective_scale()) > 0.0f);
}

Support grid_supports(const Problem& problem) {
  if (problem.seq_q > greatest_length || problem.seq_kv > greatest_length) {
    return Support::no("sequence lengths to 2^30: device code indexes rows in 32 bits");
  }
  if (problem.heads_q > greatest_grid_yz || problem.batch > greatest_grid_yz) {
    return Support::no("65535 heads and batch entries, the limit of a grid");
  }
  return Support::yes();
}

Support head_dims_support(const Problem& problem, std::int64_t multiple, std::int64_t greatest) {
  for (const std::int64_t width : {problem.head_dim, problem.head_dim_v}) {
    if (width % multiple != 0 || width > greatest) {
      return Support::no(multiple == 1 ? fmt::format("head dims to {}", greatest)
                                       : fmt::format("head dims that are multiples of {}, to {}", multiple, greatest));
    }
  }
  return Support::yes();
}

Arithmetic scalar_arithmetic(const Problem& problem) {
  return {.output = unit_roundoff(problem.dtype),
          .output_floor = half_smallest_subnormal(problem.dtype),
          .exponential = 0x1p-22};
}

Arithmetic tensor_arithmetic(const Problem& problem) {
  Arithmetic arithmetic = scalar_arithmetic(problem);
  arithmetic.accumulate = 0x1p-23;
  arithmetic.truncated_chunk = 8;
  arithmetic.weight = unit_roundoff(problem.dtype);
  arithmetic.weight_floor = half_smallest_subnormal(problem.dtype);
  return arithmetic;
}

}  // namespace attest::cuda
