// out[h] = sum_j softmax_j(scale * q[h].k[g][j]) v[g][j], g = h / (hq / hkv): one query row against a KV cache
// Source: Ainslie et al. 2023, arXiv:2305.13245; split keys: Dao et al. 2023, Flash-Decoding
// Split:  one task per (b, key head, chunk of keys); chunks are merged by their maxima
// Memory: per thread the group's query rows and the scores of one piece of keys; for each chunk the unnormalised output
// Cost:   2*(d+dv) flops a visible pair; the time is that of reading K and V once, in order, where they lie
// Limits: f32, bf16, f16; head dims to 1024; sq = 1; groups to 64; no dropout

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/stream_attention.hpp"
#include "variants/gqa/kernels.hpp"

namespace attest::gqa {

namespace {

Support supports(const Problem& problem, const Presence&) {
  if (!problem.decodes()) return Support::no("decoding is for sq1; cpu_packed takes longer ones");
  if (problem.group() > tiles::largest_stream_group) return Support::no("groups to 64 query heads");
  if (problem.dropout > 0.0) return Support::no("decoding has no dropout");
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  Arithmetic arithmetic = tiles::tiles_arithmetic(problem);
  arithmetic.rescales = tiles::stream_rescales(problem);
  return arithmetic;
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return tiles::stream_bytes(problem, threads);
}

void run(const KernelCall& call) {
  tiles::attend_in_streams(call, tiles::AttentionCall(call));
}

}  // namespace

const Kernel cpu_decode{
    .name = "cpu_decode",
    .backend = "cpu",
    .summary = "one query row a head against a KV cache, read once and in order for the whole group",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
};

}  // namespace attest::gqa
