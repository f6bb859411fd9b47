// heads = split(x W^T + b); weights = kappa softmax(scale q k^T); out = merge(weights v) W_o^T + b_o
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; products by OpenBLAS (sgemm)
// Split:  projections by rows of tokens; attention by (b, h), and by query rows where those are fewer than the threads
// Memory: projected tokens (4 * b * s * d_model), the scores of one task a thread, room to gather strided operands
// Cost:   2*d_model^2 flops a token and matrix, 2*(d+dv) a pair
// Limits: f32; no softcap, no bias
//
// The weights are an output, so the scores are in memory by definition and nothing is to be gained from tiles. A head
// is a slice of columns of the projected tokens: sgemm reads it where it is, and the split heads are written only
// because they are outputs that a proof needs.

#include <algorithm>
#include <cstdint>

#include "variants/common/cpu/blas_attention.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/multihead/kernels.hpp"
#include "variants/multihead/shapes.hpp"

namespace attest::multihead {
namespace {

using blas::Matrix;

std::int64_t pieces(const Problem& problem, int threads) {
  const std::int64_t heads = problem.batch * problem.heads_q;
  return heads >= threads ? 1 : std::min<std::int64_t>((threads + heads - 1) / heads, problem.seq_q);
}

/// What one call takes, in floats.
struct Sizes {
  std::size_t query_tokens, key_tokens, matrix, rows, thread_scratch;

  Sizes(const Problem& problem, int threads) {
    const std::int64_t width = model_width(problem);
    const std::int64_t parts = pieces(problem, threads);
    const auto lines = [](std::int64_t count) { return (count + 15) / 16 * 16; };
    query_tokens = static_cast<std::size_t>(problem.batch * problem.seq_q * width);
    key_tokens = static_cast<std::size_t>(problem.batch * problem.seq_kv * width);
    matrix = static_cast<std::size_t>(width * width);
    rows = static_cast<std::size_t>((problem.seq_q + parts - 1) / parts);
    thread_scratch =
        static_cast<std::size_t>(lines(static_cast<std::int64_t>(rows) * blas::padded_keys(problem.seq_kv)) +
                                 lines(problem.seq_kv * problem.head_dim_v));
  }
};

Support supports(const Problem& problem, const Presence& presence) {
  if (problem.dtype != DType::f32) return Support::no("multihead/cpu has sgemm alone: f32");
  if (problem.softcap > 0.0) return Support::no("the module has no softcap");
  if (presence.bias) return Support::no("the module has no bias on the scores");
  return Support::yes();
}

Arithmetic arithmetic(const Problem&) {
  return {.exponential = 0x1p-23, .rescales = 0, .weights_normalised = true};
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  const Sizes sizes(problem, threads);
  return 2 * Workspace::padded_for<float>(sizes.query_tokens) +  // projected queries, context
         3 * Workspace::padded_for<float>(sizes.key_tokens) +    // projected keys and values, gathered tokens
         4 * Workspace::padded_for<float>(sizes.matrix) +        // gathered matrices
         Workspace::padded_for<float>(static_cast<std::size_t>(threads) * sizes.thread_scratch);
}

/// All tokens of (b, s, d_model) as one matrix of b*s rows; copied to `scratch` where strides do not allow it.
Matrix tokens_of(const TensorView& view, float* scratch) {
  const bool in_place = view.strides[2] == 1 && view.strides[1] >= view.shape[2] &&
                        (view.shape[0] == 1 || view.strides[0] == view.shape[1] * view.strides[1]);
  if (in_place) return {view.as<float>(), view.strides[1]};
  float* to = scratch;
  for (std::int64_t b = 0; b < view.shape[0]; ++b) {
    for (std::int64_t s = 0; s < view.shape[1]; ++s) {
      const float* from = view.as<float>() + view.offset(b, s);
      for (std::int64_t c = 0; c < view.shape[2]; ++c)
        *to++ = from[c * view.strides[2]];
    }
  }
  return {scratch, view.shape[2]};
}

Matrix matrix_of(const TensorView& view, float* scratch) {
  TensorView one = view;
  one.rank = 3;
  one.shape = {1, view.shape[0], view.shape[1], 0};
  one.strides = {0, view.strides[0], view.strides[1], 0};
  return tokens_of(one, scratch);
}

void add_bias(float* rows, std::int64_t count, std::int64_t width, const TensorView& bias) {
  for (std::int64_t row = 0; row < count; ++row) {
    for (std::int64_t c = 0; c < width; ++c)
      rows[row * width + c] += bias.as<float>()[c * bias.strides[0]];
  }
}

void write_row(const float* from, std::int64_t count, float* to, std::int64_t stride) {
  if (stride == 1) {
    std::copy_n(from, count, to);
    return;
  }
  for (std::int64_t c = 0; c < count; ++c)
    to[c * stride] = from[c];
}

/// Rows first .. first + count - 1 of b*s tokens, written to the (b, s, d_model) tensor `to`.
void write_tokens(const float* tokens, std::int64_t first, std::int64_t count, const TensorView& to) {
  for (std::int64_t token = first; token < first + count; ++token) {
    float* row = to.as<float>() + to.offset(token / to.shape[1], token % to.shape[1]);
    write_row(tokens + token * to.shape[2], to.shape[2], row, to.strides[2]);
  }
}

/// The same rows, split into the heads of the (b, h, s, d) tensor `to`.
void write_heads(const float* tokens, std::int64_t first, std::int64_t count, const TensorView& to) {
  const std::int64_t width = to.shape[1] * to.shape[3];
  for (std::int64_t token = first; token < first + count; ++token) {
    for (std::int64_t h = 0; h < to.shape[1]; ++h) {
      float* row = to.as<float>() + to.offset(token / to.shape[2], h, token % to.shape[2]);
      write_row(tokens + token * width + h * to.shape[3], to.shape[3], row, to.strides[3]);
    }
  }
}

/// tokens W^T + b for rows first .. first + count - 1.
void project(Matrix tokens, Matrix matrix, const TensorView& bias, std::int64_t first, std::int64_t count,
             std::int64_t width, float* result) {
  blas::product_transposed(count, width, width, 1.0f, {tokens.data + first * tokens.stride, tokens.stride}, matrix,
                           result + first * width, width);
  add_bias(result + first * width, count, width, bias);
}

struct Buffers {
  float *queries, *keys, *values, *context, *scratch;
};

void project_inputs(const KernelCall& call, const Buffers& buffers, float* gathered, float* const (&matrices)[4]) {
  const Problem& problem = call.problem;
  const std::int64_t width = model_width(problem);
  // The context is written after the last read of x, so x may be gathered there.
  const Matrix x = tokens_of(call.inputs.at("x"), buffers.context);
  const Matrix x_kv = is_cross(problem) ? tokens_of(call.inputs.at("x_kv"), gathered) : x;
  struct Projection {
    Matrix tokens, matrix;
    const TensorView& bias;
    std::int64_t rows;
    float* result;
    const TensorView& heads;
  };
  const std::int64_t query_rows = problem.batch * problem.seq_q;
  const std::int64_t key_rows = problem.batch * problem.seq_kv;
  const TensorSet& in = call.inputs;
  const TensorSet& out = call.outputs;
  const Projection projections[3]{
      {x, matrix_of(in.at("w_q"), matrices[0]), in.at("b_q"), query_rows, buffers.queries, out.at("heads_q")},
      {x_kv, matrix_of(in.at("w_k"), matrices[1]), in.at("b_k"), key_rows, buffers.keys, out.at("heads_k")},
      {x_kv, matrix_of(in.at("w_v"), matrices[2]), in.at("b_v"), key_rows, buffers.values, out.at("heads_v")}};
  parallel_for(call.threads, 3 * call.threads, [&](int thread, std::int64_t task) {
    const Projection& own = projections[task / call.threads];
    const std::int64_t part = task % call.threads;
    const std::int64_t first = own.rows * part / call.threads;
    const std::int64_t count = own.rows * (part + 1) / call.threads - first;
    if (count == 0) return;
    const PhaseClock clock = call.clock(thread);
    clock.enter(Phase::projections);
    project(own.tokens, own.matrix, own.bias, first, count, width, own.result);
    clock.enter(Phase::storing);
    write_heads(own.result, first, count, own.heads);
    clock.leave();
  });
}

void attend(const KernelCall& call, const Buffers& buffers) {
  const Problem& problem = call.problem;
  const std::int64_t width = model_width(problem);
  const Sizes sizes(problem, call.threads);
  const std::int64_t parts = pieces(problem, call.threads);
  const TensorView* mask = call.inputs.find("mask");
  const TensorView* lengths = call.inputs.find("kv_lengths");
  const TensorView all_mask =
      mask != nullptr ? mask->broadcast_to({problem.batch, problem.heads_q, problem.seq_q, problem.seq_kv}, "mask")
                      : TensorView{};
  const TensorView& weights = call.outputs.at("weights");
  const auto rows_each = static_cast<std::int64_t>(sizes.rows);
  parallel_for(call.threads, problem.batch * problem.heads_q * parts, [&](int thread, std::int64_t task) {
    const std::int64_t h = task / parts % problem.heads_q;
    const std::int64_t b = task / parts / problem.heads_q;
    const std::int64_t first = task % parts * rows_each;
    const std::int64_t rows = std::min(rows_each, problem.seq_q - first);
    if (rows <= 0) return;
    float* scratch = buffers.scratch + static_cast<std::size_t>(thread) * sizes.thread_scratch;
    float* own_weights = weights.as<float>() + weights.offset(b, h, first);
    // Scores become weights where these are wanted, unless rows have no room for whole vectors there.
    const bool in_place = weights.strides[3] == 1 && weights.strides[2] == problem.seq_kv &&
                          problem.seq_kv == blas::padded_keys(problem.seq_kv);
    float* scores = in_place ? own_weights : scratch;
    const blas::ScoreBlock block{
        .problem = problem,
        .batch = b,
        .head = h,
        .first_row = first,
        .rows = rows,
        .kv_length = lengths != nullptr ? lengths->as<std::int64_t>()[lengths->offset(b)] : problem.seq_kv,
        .mask = mask != nullptr ? &all_mask : nullptr,
        .bias = nullptr,
        .scores = scores,
        .clock = call.clock(thread)};
    const std::int64_t column = h * problem.head_dim;
    const float* keys = buffers.keys + b * problem.seq_kv * width + column;
    const float* values = buffers.values + b * problem.seq_kv * width + column;
    const std::int64_t query = (b * problem.seq_q + first) * width + column;
    blas::weights(block, {buffers.queries + query, width}, {keys, width}, nullptr, 0);
    float* finite_values = scratch + sizes.thread_scratch - (problem.seq_kv * problem.head_dim_v + 15) / 16 * 16;
    blas::weighted_sum(block, {values, width}, finite_values, buffers.context + query, width);
    block.clock.enter(Phase::storing);
    const bool hides = problem.causal || problem.has_window() || mask != nullptr || lengths != nullptr;
    for (std::int64_t row = 0; row < rows && (hides || !in_place); ++row) {
      float* to = own_weights + row * weights.strides[2];
      // A hidden key's weight is -0.0 inside; +0.0 outside.
      for (std::int64_t key = 0; key < problem.seq_kv; ++key)
        to[key * weights.strides[3]] = scores[row * block.stride() + key] + 0.0f;
    }
    block.clock.leave();
  });
}

void run(const KernelCall& call) {
  blas::use_calling_thread_only();
  const Problem& problem = call.problem;
  const std::int64_t width = model_width(problem);
  const Sizes sizes(problem, call.threads);
  Workspace& workspace = call.workspace;
  Buffers buffers{};
  buffers.queries = workspace.take<float>(sizes.query_tokens);
  buffers.context = workspace.take<float>(sizes.query_tokens);
  buffers.keys = workspace.take<float>(sizes.key_tokens);
  buffers.values = workspace.take<float>(sizes.key_tokens);
  float* gathered = workspace.take<float>(sizes.key_tokens);
  float* const matrices[4]{workspace.take<float>(sizes.matrix), workspace.take<float>(sizes.matrix),
                           workspace.take<float>(sizes.matrix), workspace.take<float>(sizes.matrix)};
  buffers.scratch = workspace.take<float>(static_cast<std::size_t>(call.threads) * sizes.thread_scratch);

  project_inputs(call, buffers, gathered, matrices);
  attend(call, buffers);

  const Matrix w_o = matrix_of(call.inputs.at("w_o"), matrices[3]);
  const TensorView& b_o = call.inputs.at("b_o");
  const std::int64_t rows = problem.batch * problem.seq_q;
  parallel_for(call.threads, call.threads, [&](int thread, std::int64_t part) {
    const std::int64_t first = rows * part / call.threads;
    const std::int64_t count = rows * (part + 1) / call.threads - first;
    if (count == 0) return;
    const PhaseClock clock = call.clock(thread);
    clock.enter(Phase::storing);
    write_tokens(buffers.context, first, count, call.outputs.at("context"));
    // The projected queries are not needed any more: their room takes the result.
    clock.enter(Phase::projections);
    project({buffers.context, width}, w_o, b_o, first, count, width, buffers.queries);
    clock.enter(Phase::storing);
    write_tokens(buffers.queries, first, count, call.outputs.at("out"));
    clock.leave();
  });
}

}  // namespace

const Kernel cpu{
    .name = "cpu",
    .backend = "cpu",
    .summary = "OpenBLAS projections and products, weights in memory",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
};

}  // namespace attest::multihead
