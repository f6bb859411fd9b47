#include "variants/common/cuda/tile_plan.hpp"
#include "variants/flash2/kernels.hpp"

namespace attest::flash2 {
namespace {

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  return cuda::tile_plan("flash2_mma", problem, inputs, problem.heads_q, problem.seq_q);
}

}  // namespace

const Kernel cuda_mma{
    .name = "cuda_mma",
    .backend = "cuda",
    .summary = "64 query rows a block on the tensor cores; tiles of K and V arrive asynchronously, two deep",
    .supports = cuda::mma_supports,
    .arithmetic = cuda::tile_arithmetic,
    .workspace_bytes = cuda::tile_workspace_bytes,
    .plan = plan,
};

}  // namespace attest::flash2
