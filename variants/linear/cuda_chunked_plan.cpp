#include <algorithm>
#include <string>

#include "variants/common/cuda/plan.hpp"
#include "variants/linear/cuda_chunked.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

std::int64_t tiles(std::int64_t size) {
  return cuda::ceil_div(size, device_chunk);
}

/// Chunks of keys of one head at most: causal ones are cut at a row's key, so that the first may be a part.
std::int64_t state_chunks(const Problem& problem) {
  return tiles(problem.seq_kv + (problem.causal ? device_chunk - 1 : 0));
}

Support supports(const Problem& problem, const Presence& presence) {
  const Support general = supports_linear(problem, presence);
  if (!general) return general;
  const Support dims = cuda::head_dims_support(problem, 8, 256);
  return dims ? cuda::grid_supports(problem) : dims;
}

/// A key's term meets the roundings of its own chunk's sum, of the chunks that follow it in the state and of the chunk
/// of its row. (The d products with the state are the oracle's.)
Arithmetic arithmetic(const Problem& problem) {
  return {.output = unit_roundoff(problem.dtype),
          .output_floor = problem.dtype == DType::f32 ? 0.0 : half_smallest_subnormal(problem.dtype),
          .longest_chain = 2 * device_chunk + state_chunks(problem) + 2,
          .feature = 0x1p-22};  // expf ends in ex2.approx
}

std::size_t state_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.head_dim * problem.head_dim_v + problem.head_dim);
}

std::size_t workspace_bytes(const Problem& problem, int) {
  return Workspace::padded_for<float>(static_cast<std::size_t>(problem.batch * problem.heads_kv) *
                                      static_cast<std::size_t>(state_chunks(problem)) * state_floats(problem));
}

ChunkedShape shape_of(const Problem& problem) {
  // An offset beyond all keys or before all of them shows the same keys as the nearest that is not.
  const bool follows = problem.align.kind == Align::Kind::bottom_right;
  const std::int64_t offset =
      follows ? -problem.seq_q : std::clamp<std::int64_t>(problem.offset(0), -problem.seq_q, problem.seq_kv);
  return {.heads_q = static_cast<int>(problem.heads_q),
          .heads_kv = static_cast<int>(problem.heads_kv),
          .seq_q = static_cast<int>(problem.seq_q),
          .seq_kv = static_cast<int>(problem.seq_kv),
          .dims = static_cast<int>(problem.head_dim),
          .dims_v = static_cast<int>(problem.head_dim_v),
          .causal = problem.causal ? 1 : 0,
          .offset = static_cast<int>(offset),
          .offset_follows_length = follows ? 1 : 0,
          .state_chunks = static_cast<int>(state_chunks(problem)),
          .state_floats = static_cast<int>(state_floats(problem)),
          .eps = static_cast<float>(problem.real_parameter("eps", 0.0))};
}

LaunchPlan plan(const Problem& problem, const TensorSet&) {
  const std::string type = cuda::entry_type(problem);
  const auto heads_q = static_cast<std::uint32_t>(problem.heads_q);
  const auto heads_kv = static_cast<std::uint32_t>(problem.heads_kv);
  const auto batch = static_cast<std::uint32_t>(problem.batch);
  const Argument shape = by_value(shape_of(problem));
  const auto state_tiles =
      static_cast<std::uint32_t>(state_chunks(problem) * tiles(problem.head_dim) * tiles(problem.head_dim_v));
  const auto state_groups =
      static_cast<std::uint32_t>(cuda::ceil_div(static_cast<std::int64_t>(state_floats(problem) / 4), device_threads));
  // One operand and the features of 64 query rows; with pairs inside a chunk, those too.
  const auto shared = static_cast<std::uint32_t>((device_chunk * (problem.causal ? 2 : 1) + problem.head_dim) *
                                                 device_chunk * static_cast<std::int64_t>(sizeof(float)));
  const Extent3 block{.x = device_threads};
  const TensorPointer q{.tensor = "q"}, k{.tensor = "k"}, v{.tensor = "v"}, out{.tensor = "out"};
  const TensorPointer lengths{.tensor = "kv_lengths"};
  const WorkspacePointer states{};
  return {.launches = {{.entry = "add_chunks_" + type,
                        .grid = {.x = state_tiles, .y = heads_kv, .z = batch},
                        .block = block,
                        .arguments = {k, v, lengths, states, shape}},
                       {.entry = "carry_states_f32",
                        .grid = {.x = state_groups, .y = heads_kv, .z = batch},
                        .block = block,
                        .arguments = {lengths, states, shape}},
                       {.entry = "read_states_" + type,
                        .grid = {.x = static_cast<std::uint32_t>(tiles(problem.seq_q)), .y = heads_q, .z = batch},
                        .block = block,
                        .shared_bytes = shared,
                        .arguments = {q, k, v, lengths, states, out, shape}}}};
}

}  // namespace

const Kernel cuda_chunked{
    .name = "cuda_chunked",
    .backend = "cuda",
    .summary = "states of all chunks at once, carried along the chunks, then pairs inside each",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .plan = plan,
};

}  // namespace attest::linear
