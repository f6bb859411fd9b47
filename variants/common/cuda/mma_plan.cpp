#include "variants/common/cuda/mma_plan.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "variants/common/cuda/mma_shape.hpp"
#include "variants/common/cuda/plan.hpp"

namespace attest::cuda {

namespace {

template <int Width>
constexpr MmaSizes sizes_of() {
  using Shape = MmaShapeFor<Width>;
  return {Shape::width, Shape::rows, Shape::keys, Shape::threads, Shape::shared_bytes};
}

}  // namespace

MmaSizes mma_sizes(const Problem& problem) {
  const std::int64_t widest = std::max(problem.head_dim, problem.head_dim_v);
  if (widest <= 32) return sizes_of<32>();
  if (widest <= 64) return sizes_of<64>();
  if (widest <= 128) return sizes_of<128>();
  return sizes_of<256>();
}

Support mma_supports(const Problem& problem) {
  if (problem.dtype != DType::bf16 && problem.dtype != DType::f16) {
    return Support::no("tensor cores take bf16 and f16; other kernels take f32");
  }
  if (Support dims = head_dims_support(problem, 8, 256); !dims) return dims;
  return grid_supports(problem);
}

Arithmetic mma_arithmetic(const Problem& problem) {
  Arithmetic arithmetic = tensor_arithmetic(problem);
  arithmetic.rescales = (problem.seq_kv - 1) / mma_sizes(problem).keys;
  return arithmetic;
}

std::string mma_entry(std::string_view prefix, const Problem& problem, const Presence& presence) {
  return fmt::format("{}_{}_d{}{}", prefix, entry_type(problem), mma_sizes(problem).width,
                     needs_pairs(problem, presence) ? "_pairs" : "");
}

LaunchPlan mma_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, std::int64_t slots,
                    std::int64_t rows) {
  const MmaSizes sizes = mma_sizes(problem);
  return {{{.entry = mma_entry(prefix, problem, presence_of(inputs)),
            .grid = {.x = static_cast<std::uint32_t>(ceil_div(rows, sizes.rows)),
                     .y = static_cast<std::uint32_t>(slots),
                     .z = static_cast<std::uint32_t>(problem.batch)},
            .block = {.x = static_cast<std::uint32_t>(sizes.threads)},
            .shared_bytes = static_cast<std::uint32_t>(sizes.shared_bytes),
            .arguments = attention_arguments(attention_params(problem, inputs, true))}}};
}

}  // namespace attest::cuda
