#include <algorithm>

#include "variants/common/cuda/plan.hpp"
#include "variants/common/cuda/tile_plan.hpp"
#include "variants/sliding_window/kernels.hpp"

namespace attest::sliding_window {
namespace {

Support supports(const Problem& problem, const Presence&) {
  if (!problem.has_window()) return Support::no("the problem has no window");
  return cuda::tile_supports(problem, 128);
}

Arithmetic arithmetic(const Problem& problem) {
  Arithmetic arithmetic = cuda::tile_arithmetic(problem);
  const cuda::TileSizes sizes = cuda::tile_sizes(problem);
  const std::int64_t global = problem.parameter("global", 0);
  const bool bounded = problem.window.left >= 0 && (problem.window.right >= 0 || problem.causal);
  std::int64_t band = problem.seq_kv;
  if (bounded && global == 0) {
    // The rows of a block see a band together that is as much longer as there are rows.
    const std::int64_t right = problem.causal ? 0 : problem.window.right;
    if (problem.window.left < band && right < band) {
      band = std::min(band, problem.window.left + right + sizes.rows);
    }
  }
  arithmetic.rescales = cuda::ceil_div(band, sizes.keys) + cuda::ceil_div(global, sizes.keys) - 1;
  return arithmetic;
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  LaunchPlan plan = cuda::tile_plan("sliding_banded", problem, inputs, problem.heads_q, problem.seq_q);
  plan.launches[0].arguments.push_back(by_value(static_cast<std::int32_t>(problem.parameter("global", 0))));
  return plan;
}

}  // namespace

const Kernel cuda_banded{
    .name = "cuda_banded",
    .backend = "cuda",
    .summary = "blocks of 64 query rows stream the tiles of their bands, and the global keys; work O(n*w)",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = cuda::tile_workspace_bytes,
    .plan = plan,
};

}  // namespace attest::sliding_window
