#include "variants/common/cuda/split_plan.hpp"
#include "variants/gqa/kernels.hpp"

namespace attest::gqa {
namespace {

constexpr std::int64_t largest_group = 64;

cuda::SplitCut cut_of(const Problem& problem) {
  return cuda::split_cut(problem, problem.heads_kv, problem.group(), 8);
}

Support supports(const Problem& problem, const Presence&) {
  if (problem.seq_q != 1) return Support::no("decoding is for sq1; cuda_packed takes longer ones");
  if (problem.group() > largest_group) return Support::no("groups to 64 query heads");
  if (problem.dropout > 0.0) return Support::no("decoding has no dropout");
  return cuda::split_supports(problem);
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  return cuda::split_plan("gqa_decode", problem, inputs, cut_of(problem));
}

}  // namespace

const Kernel cuda_decode{
    .name = "cuda_decode",
    .backend = "cuda",
    .summary = "one query row a head against a KV cache, read once for up to 8 heads of the group",
    .supports = supports,
    .arithmetic = cuda::SplitBy<cut_of>::arithmetic,
    .workspace_bytes = cuda::SplitBy<cut_of>::workspace_bytes,
    .plan = plan,
    .invariance = {.batch = false},
};

}  // namespace attest::gqa
