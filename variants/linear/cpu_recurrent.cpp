// S += phi(k[j]) v[j]^T, z += phi(k[j]) for each key in turn; out[i] = phi(q[i]) S / (phi(q[i]).z + eps)
// Source: Katharopoulos et al. 2020, arXiv:2006.16236, equations 16 to 20
// Split:  one task per (b, h of the keys), token by token
// Memory: one d x dv state, one d vector and one output row a thread
// Cost:   2*d*dv flops a key and a query row
// Limits: f32
//
// This is how a model decodes: a row reads the state as it stands after the last key that it sees, so causal attention,
// full attention (all keys first) and a single new token are one loop.

#include <algorithm>
#include <cstdint>

#include "variants/common/cpu/parallel.hpp"
#include "variants/linear/feature.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

Support supports(const Problem& problem, const Presence& presence) {
  if (problem.dtype != DType::f32) return Support::no("cpu_recurrent reads f32; cpu_chunked reads bf16 and f16 too");
  return supports_linear(problem, presence);
}

Arithmetic arithmetic(const Problem&) {
  return {.feature = 0x1p-23};
}

std::size_t thread_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.head_dim * (problem.head_dim_v + 1) + problem.head_dim_v);
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return Workspace::padded_for<float>(static_cast<std::size_t>(threads) * thread_floats(problem));
}

/// The state of one key head: dim x dim_v sums and dim sums of features.
struct State {
  float* sums;
  float* norm;
  std::int64_t dim, dim_v;

  void add(const float* key, std::int64_t key_stride, const float* value, std::int64_t value_stride) const {
    for (std::int64_t c = 0; c < dim; ++c) {
      const float weight = feature(key[c * key_stride]);
      norm[c] += weight;
      for (std::int64_t column = 0; column < dim_v; ++column)
        sums[c * dim_v + column] += weight * value[column * value_stride];
    }
  }

  /// Writes the numerator to `row` (dim_v) and returns the denominator.
  float read(const float* query, std::int64_t query_stride, float* row) const {
    std::fill(row, row + dim_v, 0.0f);
    float denominator = 0.0f;
    for (std::int64_t c = 0; c < dim; ++c) {
      const float weight = feature(query[c * query_stride]);
      denominator += weight * norm[c];
      for (std::int64_t column = 0; column < dim_v; ++column)
        row[column] += weight * sums[c * dim_v + column];
    }
    return denominator;
  }
};

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  const TensorView& q = call.inputs.at("q");
  const TensorView& k = call.inputs.at("k");
  const TensorView& v = call.inputs.at("v");
  const TensorView& out = call.outputs.at("out");
  const TensorView* lengths = call.inputs.find("kv_lengths");
  const auto eps = static_cast<float>(problem.real_parameter("eps", 0.0));
  const std::int64_t dim = problem.head_dim;
  const std::int64_t dim_v = problem.head_dim_v;
  const auto floats = static_cast<std::int64_t>(thread_floats(problem));
  float* scratch = call.workspace.take<float>(static_cast<std::size_t>(call.threads * floats));

  parallel_for(call.threads, problem.batch * problem.heads_kv, [&](int thread, std::int64_t task) {
    const std::int64_t h_kv = task % problem.heads_kv;
    const std::int64_t b = task / problem.heads_kv;
    const std::int64_t kv_length = kv_length_of(problem, lengths, b);
    float* own = scratch + thread * floats;
    std::fill(own, own + floats, 0.0f);
    const State state{own, own + dim * dim_v, dim, dim_v};
    float* row = own + dim * (dim_v + 1);

    std::int64_t j = 0;
    for (std::int64_t i = 0; i < problem.seq_q; ++i) {
      for (const std::int64_t end = visible_keys(problem, i, kv_length); j < end; ++j) {
        state.add(k.as<float>() + k.offset(b, h_kv, j), k.strides[3], v.as<float>() + v.offset(b, h_kv, j),
                  v.strides[3]);
      }
      for (std::int64_t h = h_kv * problem.group(); h < (h_kv + 1) * problem.group(); ++h) {
        const float denominator = state.read(q.as<float>() + q.offset(b, h, i), q.strides[3], row) + eps;
        float* to = out.as<float>() + out.offset(b, h, i);
        for (std::int64_t column = 0; column < dim_v; ++column)
          to[column * out.strides[3]] = j == 0 || denominator == 0.0f ? 0.0f : row[column] / denominator;
      }
    }
  });
}

}  // namespace

const Kernel cpu_recurrent{
    .name = "cpu_recurrent",
    .backend = "cpu",
    .summary = "token by token, the state as a decoder keeps it",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::linear
