#include <algorithm>
#include <string>
#include <vector>

#include "variants/common/cuda/plan.hpp"
#include "variants/common/cuda/tile_plan.hpp"
#include "variants/multihead/cuda.hpp"
#include "variants/multihead/kernels.hpp"
#include "variants/multihead/shapes.hpp"

namespace attest::multihead {
namespace {

using cuda::ceil_div;

bool is_low(const Problem& problem) {
  return problem.dtype != DType::f32;
}

/// What a stage leaves for the next, by offsets into the workspace. In f32 the stage results are read themselves.
struct Layout {
  std::int64_t queries = 0, keys = 0, values = 0;  ///< heads as stored, (b, h, s, d); bf16 and f16 alone
  std::int64_t context = 0;                        ///< (b, h, sq, d)
  std::int64_t merged = 0;                         ///< (b, sq, d_model); bf16 and f16 alone
  std::int64_t lse = 0;                            ///< f32 (b, h, sq)
  std::int64_t total = 0;

  explicit Layout(const Problem& problem) {
    const auto take = [this](std::int64_t elements, std::size_t size) {
      const std::int64_t offset = total;
      total += static_cast<std::int64_t>(Workspace::padded(static_cast<std::size_t>(elements) * size));
      return offset;
    };
    const std::size_t size = size_of(problem.dtype);
    const std::int64_t query_numbers = problem.batch * problem.seq_q * model_width(problem);
    const std::int64_t key_numbers = problem.batch * problem.seq_kv * model_width(problem);
    if (is_low(problem)) {
      queries = take(query_numbers, size);
      keys = take(key_numbers, size);
      values = take(key_numbers, size);
      merged = take(query_numbers, size);
    }
    context = take(query_numbers, size);
    lse = take(problem.batch * problem.heads_q * problem.seq_q, sizeof(float));
  }
};

Support supports(const Problem& problem, const Presence& presence) {
  if (problem.dtype == DType::f64) return Support::no("only f32, bf16 and f16");
  if (problem.softcap > 0.0) return Support::no("the module has no softcap");
  if (presence.bias) return Support::no("the module has no bias on the scores");
  if (Support dims = cuda::head_dims_support(problem, 8, 128); !dims) return dims;
  if (problem.batch * std::max(problem.seq_q, problem.seq_kv) > (std::int64_t{1} << 30)) {
    return Support::no("tokens of all batch entries to 2^30");
  }
  if (model_width(problem) > 65535 * projection_tile) return Support::no("d_model to 64 * 65535, the limit of a grid");
  return cuda::grid_supports(problem);
}

/// Of the whole; stages are judged on what they read, which is what the stage before wrote.
Arithmetic arithmetic(const Problem& problem) {
  return cuda::tile_arithmetic(problem);
}

std::size_t workspace_bytes(const Problem& problem, int) {
  return static_cast<std::size_t>(Layout(problem).total);
}

Argument tensor(const char* name) {
  return TensorPointer{.tensor = name};
}

Argument at(std::int64_t offset) {
  return WorkspacePointer{.byte_offset = offset};
}

Argument nothing() {
  return by_value(std::uint64_t{0});
}

/// x W^T + b for all tokens of the sequence of length `rows`.
Launch projection(const Problem& problem, const char* entry, std::int64_t rows, std::vector<Argument> arguments) {
  const std::int64_t width = model_width(problem);
  arguments.push_back(by_value(ProjectionShape{.tokens = static_cast<std::int32_t>(problem.batch * rows),
                                               .rows = static_cast<std::int32_t>(rows),
                                               .width = static_cast<std::int32_t>(width),
                                               .head_dim = static_cast<std::int32_t>(problem.head_dim)}));
  return {.entry = std::string(entry) + "_" + cuda::entry_type(problem),
          .grid = {.x = static_cast<std::uint32_t>(ceil_div(problem.batch * rows, projection_tile)),
                   .y = static_cast<std::uint32_t>(ceil_div(width, projection_tile))},
          .block = {.x = static_cast<std::uint32_t>(is_low(problem) ? tensor_projection_threads
                                                                    : scalar_projection_threads)},
          .arguments = std::move(arguments)};
}

LaunchPlan plan(const Problem& problem, const TensorSet& inputs) {
  const Layout layout(problem);
  const bool low = is_low(problem);
  const Argument x = tensor("x");
  const Argument x_kv = is_cross(problem) ? tensor("x_kv") : x;
  const Argument queries = low ? at(layout.queries) : tensor("heads_q");
  const Argument keys = low ? at(layout.keys) : tensor("heads_k");
  const Argument values = low ? at(layout.values) : tensor("heads_v");
  const auto copy = [low](const Argument& heads) { return low ? heads : nothing(); };

  const cuda::TileSizes sizes = cuda::tile_sizes(problem);
  const Argument params = by_value(cuda::attention_params(problem, inputs, false));
  const std::string suffix = "_" + cuda::entry_type(problem) + "_d" + std::to_string(sizes.width);
  Launch attend{.entry = "module_attend" + suffix,
                .grid = {.x = static_cast<std::uint32_t>(ceil_div(problem.seq_q, sizes.rows)),
                         .y = static_cast<std::uint32_t>(problem.heads_q),
                         .z = static_cast<std::uint32_t>(problem.batch)},
                .block = {.x = static_cast<std::uint32_t>(sizes.threads)},
                .shared_bytes = static_cast<std::uint32_t>(sizes.shared_bytes),
                .arguments = {params, queries, keys, values, tensor("mask"), tensor("kv_lengths"), at(layout.context),
                              at(layout.lse)}};
  Launch weights = attend;
  weights.entry = "module_weights" + suffix;
  if (low) weights.shared_bytes += weight_bytes;
  weights.arguments = {params,
                       queries,
                       keys,
                       tensor("mask"),
                       tensor("kv_lengths"),
                       at(layout.lse),
                       tensor("weights"),
                       at(layout.context),
                       tensor("context"),
                       low ? at(layout.merged) : nothing()};
  return {{projection(problem, "module_project", problem.seq_q,
                      {x, tensor("w_q"), tensor("b_q"), tensor("heads_q"), copy(queries)}),
           projection(problem, "module_project", problem.seq_kv,
                      {x_kv, tensor("w_k"), tensor("b_k"), tensor("heads_k"), copy(keys)}),
           projection(problem, "module_project", problem.seq_kv,
                      {x_kv, tensor("w_v"), tensor("b_v"), tensor("heads_v"), copy(values)}),
           std::move(attend), std::move(weights),
           projection(problem, "module_output", problem.seq_q,
                      {low ? at(layout.merged) : tensor("context"), tensor("w_o"), tensor("b_o"), tensor("out")})}};
}

}  // namespace

const Kernel cuda{
    .name = "cuda",
    .backend = "cuda",
    .summary = "products in tiles of 64, tensor cores for bf16 and f16; attention in one pass, its weights in another",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .plan = plan,
};

}  // namespace attest::multihead
