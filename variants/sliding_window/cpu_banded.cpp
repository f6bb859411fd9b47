// out[i] = sum_j softmax_j(scale * q[i].k[j]) v[j], j within the window of i, or i or j global
// Source: Jiang et al. 2023, Mistral 7B, arXiv:2310.06825; Beltagy et al. 2020, Longformer, arXiv:2004.05150
// Split:  one task per (b, h, block of query rows); only the tiles of keys that the block's bands touch are packed, and
//         the prefix of global keys; within a tile each register block of rows computes its own band
// Memory: per thread as flash2/cpu_tiled
// Cost:   2*(d+dv) flops a visible pair, so O(n*w); packing adds (block + w) / block passes over K and V
// Limits: f32, bf16, f16; head dims to 1024; a window on at least one side

#include <algorithm>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/query_blocks.hpp"
#include "variants/common/cpu/tile_attention.hpp"
#include "variants/sliding_window/kernels.hpp"

namespace attest::sliding_window {

namespace {

Support supports(const Problem& problem, const Presence&) {
  if (!problem.has_window()) return Support::no("the problem has no window");
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  Arithmetic arithmetic = tiles::tile_arithmetic(problem);
  const std::int64_t global = problem.parameter("global", 0);
  const bool bounded = problem.window.left >= 0 && (problem.window.right >= 0 || problem.causal);
  const std::int64_t right = problem.causal ? 0 : problem.window.right;
  // A band may begin and end inside a tile: one tile more than its length needs. Global rows see all keys.
  std::int64_t band_tiles = (problem.seq_kv - 1) / tiles::tile_keys + 1;
  if (bounded && global == 0) {
    const std::int64_t longest = std::min(problem.seq_kv, problem.window.left + right + 1);
    band_tiles = std::min(band_tiles, (longest - 1) / tiles::tile_keys + 2);
  }
  const std::int64_t prefix_tiles = (std::min(global, problem.seq_kv) + tiles::tile_keys - 1) / tiles::tile_keys;
  arithmetic.rescales = band_tiles + prefix_tiles - 1;
  return arithmetic;
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return tiles::query_blocks_bytes(problem, threads);
}

void run(const KernelCall& call) {
  tiles::AttentionCall attention(call);
  attention.global = call.problem.parameter("global", 0);
  tiles::attend_in_query_blocks(call, attention);
}

}  // namespace

const Kernel cpu_banded{
    .name = "cpu_banded",
    .backend = "cpu",
    .summary = "only the tiles inside the band, and the global keys; work O(n*w)",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::sliding_window
