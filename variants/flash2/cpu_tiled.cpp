// out[i] = sum_j softmax_j(scale * q[i].k[j]) v[j], j visible from i
// Source: Dao 2023, arXiv:2307.08691, algorithm 1
// Split:  one task per (b, h, block of 96 to 768 query rows), longest first; keys stream in tiles of 512
// Memory: per thread the packed block of Q, one packed tile of K and V, sums, and the scores of one register block
// Cost:   2*(d+dv) flops a visible pair, cut at the register block
// Limits: f32, bf16, f16; head dims to 1024

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/query_blocks.hpp"
#include "variants/common/cpu/tile_attention.hpp"
#include "variants/flash2/kernels.hpp"

namespace attest::flash2 {

namespace {

Support supports(const Problem& problem, const Presence&) {
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  return tiles::tile_arithmetic(problem);
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return tiles::query_blocks_bytes(problem, threads);
}

void run(const KernelCall& call) {
  tiles::attend_in_query_blocks(call, tiles::AttentionCall(call));
}

}  // namespace

const Kernel cpu_tiled{
    .name = "cpu_tiled",
    .backend = "cpu",
    .summary = "tiles of keys pass by blocks of query rows; O(n) memory",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::flash2
