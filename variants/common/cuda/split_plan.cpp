#include "variants/common/cuda/split_plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "variants/common/cuda/plan.hpp"
#include "variants/common/cuda/split_shape.hpp"

namespace attest::cuda {

namespace {

/// Blocks that fill a device of a hundred multiprocessors twice over.
constexpr std::int64_t wanted_blocks = 216;
constexpr std::int64_t granule_keys = 256;
constexpr std::size_t partial_bytes = 2 * sizeof(float);
constexpr std::int64_t greatest_grid_y = 65535;

std::int64_t lines_of(const Problem& problem) {
  return problem.batch * problem.heads_q * problem.seq_q;
}

std::size_t partials_bytes(const Problem& problem, const SplitCut& cut) {
  return Workspace::padded(static_cast<std::size_t>(lines_of(problem) * cut.chunks) * partial_bytes);
}

/// Keys that a block takes at a time.
template <int Width>
std::int64_t step_of(DType dtype, int rows) {
  constexpr int wide = SplitShape<4, Width, 1>::groups;
  constexpr int narrow = SplitShape<2, Width, 1>::groups;
  const int batch = rows == 1 ? SplitShape<4, Width, 1>::batch : SplitShape<4, Width, 4>::batch;
  return std::int64_t{dtype == DType::f32 ? wide : narrow} * batch;
}

std::int64_t step_of(const Problem& problem, const SplitCut& cut) {
  if (cut.width == 64) return step_of<64>(problem.dtype, cut.rows);
  if (cut.width == 128) return step_of<128>(problem.dtype, cut.rows);
  return step_of<256>(problem.dtype, cut.rows);
}

}  // namespace

SplitCut split_cut(const Problem& problem, std::int64_t slots, std::int64_t slot_rows, int shared_rows) {
  const std::int64_t widest = std::max(problem.head_dim, problem.head_dim_v);
  SplitCut cut;
  cut.width = widest <= 64 ? 64 : widest <= 128 ? 128 : 256;
  cut.rows = slot_rows == 1 ? 1 : shared_rows;
  cut.row_tiles = ceil_div(slot_rows, cut.rows);
  cut.slots = slots;
  const std::int64_t granules = ceil_div(problem.seq_kv, granule_keys);
  const std::int64_t wanted =
      std::clamp<std::int64_t>(ceil_div(wanted_blocks, problem.batch * slots * cut.row_tiles), 1, granules);
  cut.chunk_keys = ceil_div(granules, wanted) * granule_keys;
  cut.chunks = ceil_div(problem.seq_kv, cut.chunk_keys);
  return cut;
}

Support split_supports(const Problem& problem) {
  if (problem.dtype == DType::f64) return Support::no("only f32, bf16 and f16");
  if (Support dims = head_dims_support(problem, 1, 256); !dims) return dims;
  if (lines_of(problem) > INT32_MAX) return Support::no("a block merges a query row: b * hq * sq below 2^31");
  if (problem.heads_q * problem.seq_q > greatest_grid_y) return Support::no("hq * sq to 65535, the limit of a grid");
  return grid_supports(problem);
}

Arithmetic split_arithmetic(const Problem& problem, const SplitCut& cut) {
  Arithmetic arithmetic = scalar_arithmetic(problem);
  // Steps of a chunk less 1; then the groups of a block, and the chunks of a row, each meet at once.
  arithmetic.rescales = ceil_div(cut.chunk_keys, step_of(problem, cut)) - 1 + 2;
  return arithmetic;
}

std::size_t split_workspace_bytes(const Problem& problem, const SplitCut& cut) {
  const std::int64_t sums = lines_of(problem) * cut.chunks * problem.head_dim_v;
  return partials_bytes(problem, cut) + Workspace::padded_for<float>(static_cast<std::size_t>(sums));
}

LaunchPlan split_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, const SplitCut& cut) {
  const Argument params = by_value(attention_params(problem, inputs, false));
  const auto tensor = [](const char* name) { return Argument(TensorPointer{.tensor = name}); };
  const Argument partials = WorkspacePointer{};
  const Argument sums = WorkspacePointer{static_cast<std::int64_t>(partials_bytes(problem, cut))};
  const std::string type = entry_type(problem);
  const Extent3 block{.x = static_cast<std::uint32_t>(SplitShape<4, 64, 1>::threads)};
  return {{
      {.entry = fmt::format("{}_{}_d{}_rows{}", prefix, type, cut.width, cut.rows),
       .grid = {.x = static_cast<std::uint32_t>(cut.chunks),
                .y = static_cast<std::uint32_t>(cut.slots * cut.row_tiles),
                .z = static_cast<std::uint32_t>(problem.batch)},
       .block = block,
       .arguments = {params, tensor("q"), tensor("k"), tensor("v"), tensor("mask"), tensor("bias"),
                     tensor("kv_lengths"), partials, sums, by_value(static_cast<std::int32_t>(cut.row_tiles)),
                     by_value(static_cast<std::int32_t>(cut.chunk_keys))}},
      {.entry = fmt::format("{}_merge_{}", prefix, type),
       .grid = {.x = static_cast<std::uint32_t>(lines_of(problem))},
       .block = block,
       .arguments = {params, by_value(static_cast<std::int32_t>(cut.chunks)), partials, sums, tensor("out"),
                     tensor("lse")}},
  }};
}

}  // namespace attest::cuda
