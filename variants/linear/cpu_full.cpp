// out[i] = phi(q[i]) S / (phi(q[i]).z + eps), S = sum_j phi(k[j]) v[j]^T, z = sum_j phi(k[j])
// Source: Katharopoulos et al. 2020, arXiv:2006.16236, equations 4 to 6
// Split:  states by (b, h of the keys), then rows by (b, h, i)
// Memory: one d x dv state and one d vector a key head; one row of features a thread
// Cost:   2*d*dv flops a key and a query row
// Limits: f32; not causal: one state holds all keys

#include <algorithm>
#include <cstdint>

#include "variants/common/cpu/parallel.hpp"
#include "variants/linear/feature.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

Support supports(const Problem& problem, const Presence& presence) {
  if (problem.causal)
    return Support::no("cpu_full has one state for all keys; cpu_chunked and cpu_recurrent are causal");
  if (problem.dtype != DType::f32) return Support::no("cpu_full reads f32; cpu_chunked reads bf16 and f16 too");
  return supports_linear(problem, presence);
}

Arithmetic arithmetic(const Problem&) {
  return {.feature = 0x1p-23};
}

std::size_t state_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.head_dim * (problem.head_dim_v + 1));
}

std::size_t row_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.head_dim_v);
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  const auto heads = static_cast<std::size_t>(problem.batch * problem.heads_kv);
  return Workspace::padded_for<float>(heads * state_floats(problem)) +
         Workspace::padded_for<float>(static_cast<std::size_t>(threads) * row_floats(problem));
}

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
  const std::size_t heads = static_cast<std::size_t>(problem.batch * problem.heads_kv);
  float* states = call.workspace.take<float>(heads * state_floats(problem));
  float* rows = call.workspace.take<float>(static_cast<std::size_t>(call.threads) * row_floats(problem));

  parallel_for(call.threads, problem.batch * problem.heads_kv, [&](int, std::int64_t task) {
    const std::int64_t h = task % problem.heads_kv;
    const std::int64_t b = task / problem.heads_kv;
    float* state = states + static_cast<std::size_t>(task) * state_floats(problem);
    float* norm = state + dim * dim_v;
    std::fill(state, state + state_floats(problem), 0.0f);
    const std::int64_t keys = kv_length_of(problem, lengths, b);
    for (std::int64_t j = 0; j < keys; ++j) {
      const float* key = k.as<float>() + k.offset(b, h, j);
      const float* value = v.as<float>() + v.offset(b, h, j);
      for (std::int64_t c = 0; c < dim; ++c) {
        const float weight = feature(key[c * k.strides[3]]);
        norm[c] += weight;
        for (std::int64_t column = 0; column < dim_v; ++column)
          state[c * dim_v + column] += weight * value[column * v.strides[3]];
      }
    }
  });

  parallel_for(call.threads, problem.batch * problem.heads_q * problem.seq_q, [&](int thread, std::int64_t task) {
    const std::int64_t i = task % problem.seq_q;
    const std::int64_t h = task / problem.seq_q % problem.heads_q;
    const std::int64_t b = task / problem.seq_q / problem.heads_q;
    const auto head = static_cast<std::size_t>(b * problem.heads_kv + h / problem.group());
    const float* state = states + head * state_floats(problem);
    const float* norm = state + dim * dim_v;
    const float* query = q.as<float>() + q.offset(b, h, i);
    float* sums = rows + static_cast<std::size_t>(thread) * row_floats(problem);
    std::fill(sums, sums + dim_v, 0.0f);
    float denominator = 0.0f;
    for (std::int64_t c = 0; c < dim; ++c) {
      const float weight = feature(query[c * q.strides[3]]);
      denominator += weight * norm[c];
      for (std::int64_t column = 0; column < dim_v; ++column)
        sums[column] += weight * state[c * dim_v + column];
    }
    denominator += eps;
    float* to = out.as<float>() + out.offset(b, h, i);
    for (std::int64_t column = 0; column < dim_v; ++column)
      to[column * out.strides[3]] = denominator == 0.0f ? 0.0f : sums[column] / denominator;
  });
}

}  // namespace

const Kernel cpu_full{
    .name = "cpu_full",
    .backend = "cpu",
    .summary = "one state of all keys, then each query row",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::linear
