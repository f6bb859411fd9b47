#include "variants/common/cuda/tile_plan.hpp"
#include "variants/flash2/kernels.hpp"

namespace attest::flash2 {
namespace {

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  return cuda::tile_plan("flash2_tiled", problem, inputs, problem.heads_q, problem.seq_q);
}

}  // namespace

const Kernel cuda_tiled{
    .name = "cuda_tiled",
    .backend = "cuda",
    .summary = "64 query rows a block in f32; tiles of K and V arrive asynchronously, two deep",
    .supports = cuda::simt_supports,
    .arithmetic = cuda::tile_arithmetic,
    .workspace_bytes = cuda::tile_workspace_bytes,
    .plan = plan,
};

}  // namespace attest::flash2
