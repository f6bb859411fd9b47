#include "variants/common/cuda/tile_plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "variants/common/cuda/mma_shape.hpp"
#include "variants/common/cuda/plan.hpp"
#include "variants/common/cuda/simt_shape.hpp"

namespace attest::cuda {

namespace {

template <class Shape>
constexpr TileSizes sizes_of() {
  return {Shape::width, Shape::rows, Shape::keys, Shape::threads, Shape::shared_bytes};
}

template <int Width>
TileSizes sizes_of_width(DType dtype) {
  return dtype == DType::f32 ? sizes_of<SimtShapeFor<Width>>() : sizes_of<MmaShapeFor<Width>>();
}

}  // namespace

TileSizes tile_sizes(const Problem& problem) {
  const std::int64_t widest = std::max(problem.head_dim, problem.head_dim_v);
  if (widest <= 32) return sizes_of_width<32>(problem.dtype);
  if (widest <= 64) return sizes_of_width<64>(problem.dtype);
  if (widest <= 128) return sizes_of_width<128>(problem.dtype);
  return sizes_of_width<256>(problem.dtype);
}

Support tile_supports(const Problem& problem, std::int64_t greatest) {
  if (problem.dtype == DType::f64) return Support::no("only f32, bf16 and f16");
  const Support dims = head_dims_support(problem, problem.dtype == DType::f32 ? 1 : 8, greatest);
  return dims ? grid_supports(problem) : dims;
}

Support mma_supports(const Problem& problem, const Presence&) {
  if (problem.dtype != DType::bf16 && problem.dtype != DType::f16) {
    return Support::no("tensor cores take bf16 and f16; cuda_tiled takes f32");
  }
  return tile_supports(problem, 256);
}

Support simt_supports(const Problem& problem, const Presence&) {
  if (problem.dtype != DType::f32) return Support::no("only f32; cuda_mma takes bf16 and f16");
  return tile_supports(problem, 256);
}

Arithmetic tile_arithmetic(const Problem& problem) {
  Arithmetic arithmetic = problem.dtype == DType::f32 ? scalar_arithmetic(problem) : tensor_arithmetic(problem);
  arithmetic.rescales = (problem.seq_kv - 1) / tile_sizes(problem).keys;
  return arithmetic;
}

std::size_t tile_workspace_bytes(const Problem&, int) {
  return 0;
}

std::string tile_entry(std::string_view prefix, const Problem& problem, const Presence& presence, bool own_pairs) {
  return fmt::format("{}_{}_d{}{}", prefix, entry_type(problem), tile_sizes(problem).width,
                     own_pairs || needs_pairs(problem, presence) ? "_pairs" : "");
}

LaunchPlan tile_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, std::int64_t slots,
                     std::int64_t rows, bool own_pairs) {
  const TileSizes sizes = tile_sizes(problem);
  return {{{.entry = tile_entry(prefix, problem, presence_of(inputs), own_pairs),
            .grid = {.x = static_cast<std::uint32_t>(ceil_div(rows, sizes.rows)),
                     .y = static_cast<std::uint32_t>(slots),
                     .z = static_cast<std::uint32_t>(problem.batch)},
            .block = {.x = static_cast<std::uint32_t>(sizes.threads)},
            .shared_bytes = static_cast<std::uint32_t>(sizes.shared_bytes),
            .arguments = attention_arguments(attention_params(problem, inputs, !own_pairs))}}};
}

}  // namespace attest::cuda
