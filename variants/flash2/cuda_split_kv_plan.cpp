#include "variants/common/cuda/split_plan.hpp"
#include "variants/flash2/kernels.hpp"

namespace attest::flash2 {
namespace {

constexpr std::int64_t most_queries = 64;

cuda::SplitCut cut_of(const Problem& problem) {
  return cuda::split_cut(problem, problem.heads_q, problem.seq_q, 4);
}

Support supports(const Problem& problem, const Presence&) {
  if (problem.seq_q > most_queries) return Support::no("sq to 64; cuda_mma and cuda_tiled take longer ones");
  return cuda::split_supports(problem);
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  return cuda::split_plan("flash2_split", problem, inputs, cut_of(problem));
}

}  // namespace

const Kernel cuda_split_kv{
    .name = "cuda_split_kv",
    .backend = "cuda",
    .summary = "few queries: chunks of keys on blocks of their own, merged by a second launch",
    .supports = supports,
    .arithmetic = cuda::SplitBy<cut_of>::arithmetic,
    .workspace_bytes = cuda::SplitBy<cut_of>::workspace_bytes,
    .plan = plan,
    .invariance = {.batch = false},
};

}  // namespace attest::flash2
