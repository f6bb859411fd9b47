#include <cstddef>
#include <cstdint>

#include "variants/common/cuda/plan.hpp"
#include "variants/standard/kernels.hpp"

namespace attest::standard {
namespace {

using cuda::ceil_div;

constexpr std::uint32_t block_threads = 128;
constexpr std::int64_t rows_a_block = block_threads / 32;

std::int64_t rows_of(const Problem& problem) {
  return problem.batch * problem.heads_q * problem.seq_q;
}

Support supports(const Problem& problem, const Presence&) {
  if (problem.dtype == DType::f64) return Support::no("cuda_naive computes in f32; f64 is not supported");
  if (rows_of(problem) > INT32_MAX) return Support::no("a block a query row: b * hq * sq below 2^31");
  return cuda::grid_supports(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  Arithmetic arithmetic = cuda::scalar_arithmetic(problem);
  arithmetic.weights_normalised = true;
  return arithmetic;
}

/// The scores of all pairs.
std::size_t workspace_bytes(const Problem& problem, int) {
  return Workspace::padded_for<float>(static_cast<std::size_t>(rows_of(problem) * problem.seq_kv));
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  const Argument params = by_value(cuda::attention_params(problem, inputs, false));
  const auto tensor = [](const char* name) { return Argument(TensorPointer{.tensor = name}); };
  const Argument scores = WorkspacePointer{};
  const std::string type = cuda::entry_type(problem);
  const Extent3 row_each{.x = static_cast<std::uint32_t>(rows_of(problem))};
  const Extent3 rows_each{.x = static_cast<std::uint32_t>(ceil_div(rows_of(problem), rows_a_block))};
  const Extent3 block{.x = block_threads};
  return {{
      {.entry = "standard_naive_scores_" + type,
       .grid = row_each,
       .block = block,
       .arguments = {params, tensor("q"), tensor("k"), tensor("mask"), tensor("bias"), tensor("kv_lengths"), scores}},
      {.entry = "standard_naive_softmax",
       .grid = rows_each,
       .block = block,
       .arguments = {params, scores, tensor("lse")}},
      {.entry = "standard_naive_values_" + type,
       .grid = row_each,
       .block = block,
       .arguments = {params, scores, tensor("v"), tensor("out")}},
  }};
}

}  // namespace

const Kernel cuda_naive{
    .name = "cuda_naive",
    .backend = "cuda",
    .summary = "the textbook in three launches, the scores of all pairs in memory",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .plan = plan,
};

}  // namespace attest::standard
