// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1; products by OpenBLAS (sgemm)
// Split:  one task per (b, h); where those are fewer than the threads, a head's query rows are divided too
// Memory: the scores of one task a thread, and room to gather strided operands
// Cost:   2*(d+dv) flops a pair, hidden pairs included
// Limits: f32; head sizes and lengths that an int holds
//
// What a user of a BLAS writes: S = Q K^T, a vectorised softmax in place, O = P V. It is the peer that the other
// kernels are measured against, so nothing is copied that sgemm takes as it is. OpenBLAS keeps packing buffers of its
// own, which it allocates once a process; they are not part of the workspace.

#include <algorithm>
#include <cstdint>

#include "variants/common/cpu/blas_attention.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/standard/kernels.hpp"

namespace attest::standard {
namespace {

/// How many pieces a head's query rows are cut into, so that every thread has one.
std::int64_t pieces(const Problem& problem, int threads) {
  const std::int64_t heads = problem.batch * problem.heads_q;
  return heads >= threads ? 1 : std::min<std::int64_t>((threads + heads - 1) / heads, problem.seq_q);
}

/// Floats of one thread's scratch, each part on whole cache lines.
struct Scratch {
  std::int64_t rows, scores, queries, keys, values, outputs;

  explicit Scratch(const Problem& problem, int threads) {
    const auto lines = [](std::int64_t count) { return (count + 15) / 16 * 16; };
    const std::int64_t parts = pieces(problem, threads);
    rows = (problem.seq_q + parts - 1) / parts;
    scores = lines(rows * blas::padded_keys(problem.seq_kv));
    queries = lines(problem.seq_q * problem.head_dim);
    keys = lines(problem.seq_kv * problem.head_dim);
    values = lines(2 * problem.seq_kv * problem.head_dim_v);  // gathered, and without the rows that are not finite
    outputs = lines(rows * problem.head_dim_v);
  }
  std::int64_t total() const { return scores + queries + keys + values + outputs; }
};

Support supports(const Problem& problem, const Presence&) {
  if (problem.dtype != DType::f32) return Support::no("cpu_blas has sgemm alone: f32");
  return Support::yes();
}

Arithmetic arithmetic(const Problem&) {
  // exp is 2^x by a polynomial of relative error under 2^-23. sgemm may split the keys, which only shortens chains.
  return {.exponential = 0x1p-23, .rescales = 0, .weights_normalised = true};
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return Workspace::padded_for<float>(static_cast<std::size_t>(threads * Scratch(problem, threads).total()));
}

void run(const KernelCall& call) {
  blas::use_calling_thread_only();
  const Problem& problem = call.problem;
  const Shape pairs{problem.batch, problem.heads_q, problem.seq_q, problem.seq_kv};
  const TensorView& q = call.inputs.at("q");
  const TensorView& k = call.inputs.at("k");
  const TensorView& v = call.inputs.at("v");
  const TensorView& out = call.outputs.at("out");
  const TensorView& lse = call.outputs.at("lse");
  const TensorView* mask = call.inputs.find("mask");
  const TensorView* bias = call.inputs.find("bias");
  const TensorView* lengths = call.inputs.find("kv_lengths");
  const TensorView all_mask = mask != nullptr ? mask->broadcast_to(pairs, "mask") : TensorView{};
  const TensorView all_bias = bias != nullptr ? bias->broadcast_to(pairs, "bias") : TensorView{};

  const Scratch sizes(problem, call.threads);
  const std::int64_t parts = pieces(problem, call.threads);
  float* scratch = call.workspace.take<float>(static_cast<std::size_t>(call.threads * sizes.total()));

  parallel_for(call.threads, problem.batch * problem.heads_q * parts, [&](int thread, std::int64_t task) {
    const std::int64_t part = task % parts;
    const std::int64_t h = task / parts % problem.heads_q;
    const std::int64_t b = task / parts / problem.heads_q;
    const std::int64_t first = part * sizes.rows;
    const std::int64_t rows = std::min(sizes.rows, problem.seq_q - first);
    if (rows <= 0) return;
    float* scores = scratch + thread * sizes.total();
    float* queries = scores + sizes.scores;
    float* keys = queries + sizes.queries;
    float* values = keys + sizes.keys;
    float* outputs = values + sizes.values;

    const blas::Matrix all_q = blas::matrix_at(q, b, h, queries);
    const blas::Matrix own_q{all_q.data + first * all_q.stride, all_q.stride};
    const std::int64_t h_kv = h / problem.group();
    const blas::ScoreBlock block{
        .problem = problem,
        .batch = b,
        .head = h,
        .first_row = first,
        .rows = rows,
        .kv_length = lengths != nullptr ? lengths->as<std::int64_t>()[lengths->offset(b)] : problem.seq_kv,
        .mask = mask != nullptr ? &all_mask : nullptr,
        .bias = bias != nullptr ? &all_bias : nullptr,
        .scores = scores,
        .clock = call.clock(thread)};
    block.clock.enter(Phase::packing);
    blas::weights(block, own_q, blas::matrix_at(k, b, h_kv, keys), lse.as<float>() + lse.offset(b, h, first),
                  lse.strides[2]);

    const bool in_place = out.strides[3] == 1 && out.strides[2] >= problem.head_dim_v;
    float* to = out.as<float>() + out.offset(b, h, first);
    blas::weighted_sum(block, blas::matrix_at(v, b, h_kv, values), values + problem.seq_kv * problem.head_dim_v,
                       in_place ? to : outputs, in_place ? out.strides[2] : problem.head_dim_v);
    block.clock.enter(Phase::storing);
    for (std::int64_t row = 0; row < rows && !in_place; ++row) {
      for (std::int64_t c = 0; c < problem.head_dim_v; ++c)
        to[row * out.strides[2] + c * out.strides[3]] = outputs[row * problem.head_dim_v + c];
    }
    block.clock.leave();
  });
}

}  // namespace

const Kernel cpu_blas{
    .name = "cpu_blas",
    .backend = "cpu",
    .summary = "OpenBLAS products with the scores in memory",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
};

}  // namespace attest::standard
