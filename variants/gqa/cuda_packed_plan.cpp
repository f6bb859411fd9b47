#include "variants/common/cuda/tile_plan.hpp"
#include "variants/gqa/kernels.hpp"

namespace attest::gqa {
namespace {

Support supports(const Problem& problem, const Presence&) {
  if (problem.group() * problem.seq_q > INT32_MAX / 2) return Support::no("sq * hq / hkv below 2^30");
  return cuda::tile_supports(problem, 128);
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  return cuda::tile_plan("gqa_packed", problem, inputs, problem.heads_kv, problem.group() * problem.seq_q);
}

}  // namespace

const Kernel cuda_packed{
    .name = "cuda_packed",
    .backend = "cuda",
    .summary = "neighbouring rows of all heads of a group in one block, so that a tile of keys serves them all",
    .supports = supports,
    .arithmetic = cuda::tile_arithmetic,
    .workspace_bytes = cuda::tile_workspace_bytes,
    .plan = plan,
};

}  // namespace attest::gqa
