#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/common/cuda/plan.hpp"
#include "variants/common/cuda/tile_plan.hpp"
#include "variants/cross/cuda_mma.hpp"
#include "variants/cross/kernels.hpp"

namespace attest::cross {
namespace {

constexpr std::uint32_t bias_threads = 256;

bool has_relative_bias(const Problem& problem) {
  return problem.parameter("buckets", 0) > 0;
}

/// Farthest distance that the table tells apart: none is farther from a row that sees a key, or all beyond share a
/// bucket.
std::int64_t reach_of(const Problem& problem) {
  const std::int64_t longest = std::max(problem.seq_q, problem.seq_kv);
  const std::int64_t shift = problem.align.kind == Align::Kind::offset ? problem.align.value : 0;
  const std::int64_t reach = problem.parameter("max_distance", 128);
  if (shift > reach || shift < -reach) return reach;
  return std::min(reach, longest + std::abs(shift));
}

/// Where each bucket of a side begins, and one entry more: half of them are single distances; bucket half + n begins
/// where (back / half)^(side - half) reaches (max_distance / half)^n.
std::vector<std::int32_t> bucket_begins(const Problem& problem, std::int64_t side) {
  const std::int64_t half = side / 2;
  const auto exponent = static_cast<double>(side - half);
  const double ratio = static_cast<double>(problem.parameter("max_distance", 128)) / static_cast<double>(half);
  std::vector<std::int32_t> begins;
  for (std::int64_t bucket = 0; bucket < side; ++bucket) {
    double begin = static_cast<double>(bucket);
    if (bucket > half) {
      begin = static_cast<double>(half) * std::pow(ratio, static_cast<double>(bucket - half) / exponent);
      // A distance on the edge is in the upper bucket, whatever pow makes of the edge.
      begin = std::ceil(begin * (1.0 - 1e-12));
    }
    begins.push_back(static_cast<std::int32_t>(begin));
  }
  begins.push_back(std::numeric_limits<std::int32_t>::max());
  return begins;
}

Support supports(const Problem& problem, const Presence&) {
  return cuda::tile_supports(problem, 128);
}

/// The bias by head and distance.
std::size_t workspace_bytes(const Problem& problem, int) {
  if (!has_relative_bias(problem)) return 0;
  return Workspace::padded_for<float>(static_cast<std::size_t>(problem.heads_q * (2 * reach_of(problem) + 1)));
}

/// Launches that write the bias by head and distance, one for each group of buckets that fits the parameters.
void add_bias_launches(const Problem& problem, LaunchPlan& plan) {
  const std::int64_t side = problem.parameter("buckets", 0) / (problem.causal ? 1 : 2);
  const std::vector<std::int32_t> begins = bucket_begins(problem, side);
  const std::int64_t distances = 2 * reach_of(problem) + 1;
  for (std::int64_t first = 0; first < side; first += BucketRange::most) {
    BucketRange range{.reach = static_cast<std::int32_t>(reach_of(problem)),
                      .heads = static_cast<std::int32_t>(problem.heads_q),
                      .causal = problem.causal ? 1 : 0,
                      .side = static_cast<std::int32_t>(side),
                      .first = static_cast<std::int32_t>(first),
                      .count = static_cast<std::int32_t>(std::min<std::int64_t>(BucketRange::most, side - first)),
                      .begins = {}};
    std::copy_n(begins.begin() + first, range.count + 1, range.begins);
    plan.launches.push_back(
        {.entry = "cross_bias",
         .grid = {.x = static_cast<std::uint32_t>(cuda::ceil_div(distances, bias_threads)),
                  .y = static_cast<std::uint32_t>(problem.heads_q)},
         .block = {.x = bias_threads},
         .arguments = {TensorPointer{.tensor = "relative_bias"}, WorkspacePointer{}, by_value(range)}});
  }
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  LaunchPlan plan;
  const bool relative = has_relative_bias(problem);
  if (relative) add_bias_launches(problem, plan);
  Launch attend =
      cuda::tile_plan("cross_mma", problem, inputs, problem.heads_q, problem.seq_q, relative).launches.front();
  attend.arguments.push_back(relative ? Argument(WorkspacePointer{}) : by_value(std::uint64_t{0}));
  attend.arguments.push_back(by_value(relative ? static_cast<std::int32_t>(reach_of(problem)) : 0));
  plan.launches.push_back(std::move(attend));
  return plan;
}

}  // namespace

const Kernel cuda_mma{
    .name = "cuda_mma",
    .backend = "cuda",
    .summary = "64 query rows a block, tensor cores for bf16 and f16; T5's relative bias by head and distance",
    .supports = supports,
    .arithmetic = cuda::tile_arithmetic,
    .workspace_bytes = workspace_bytes,
    .plan = plan,
};

}  // namespace attest::cross
