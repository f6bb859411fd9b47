#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "harness/core/variant.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/parallel.hpp"

// The textbook loops of softmax attention, a query row at a time. A kernel says what becomes of a score and of a weight
// when they are put into memory: `Kept` has value(float), which gives what is read again.

namespace attest::standard::textbook {

inline constexpr float minus_infinity = -std::numeric_limits<float>::infinity();

struct Float {
  using Stored = float;
  static float value(Stored stored) { return stored; }
};
struct BFloat16 {
  using Stored = std::uint16_t;
  static float value(Stored stored) { return bf16_value(stored); }
};
struct Half {
  using Stored = std::uint16_t;
  static float value(Stored stored) { return f16_value(stored); }
};

/// One query row and what belongs to it.
struct Row {
  const KernelCall& call;
  std::int64_t b, h, i;
  std::int64_t kv_length;
  TensorView mask, bias;  ///< broadcast to (b, hq, sq, skv); no data where absent

  bool sees(std::int64_t j) const {
    const Problem& problem = call.problem;
    const std::int64_t distance = j - (i + problem.offset(kv_length));
    if (j >= kv_length) return false;
    if (problem.causal && distance > 0) return false;
    if (problem.window.left >= 0 && distance < -problem.window.left) return false;
    if (problem.window.right >= 0 && distance > problem.window.right) return false;
    if (mask.data != nullptr && !mask.as<bool>()[mask.offset(b, h, i, j)]) return false;
    return bias_of(j) != minus_infinity;
  }

  float bias_of(std::int64_t j) const {
    return bias.data == nullptr ? 0.0f : bias.as<float>()[bias.offset(b, h, i, j)];
  }

  /// kappa: 0 for a weight that is dropped, 1 / (1 - p) for one that is kept.
  float kept(std::int64_t j) const {
    const Problem& problem = call.problem;
    if (problem.dropout == 0.0) return 1.0f;
    std::uint32_t counter[4]{static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(i),
                             static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(b)};
    const std::uint32_t key[2]{static_cast<std::uint32_t>(problem.seed),
                               static_cast<std::uint32_t>(problem.seed >> 32)};
    tiles::philox4x32_10(counter, key);
    const bool keep = counter[0] >= static_cast<std::uint32_t>(std::floor(problem.dropout * 0x1p32));
    return keep ? static_cast<float>(1.0 / (1.0 - problem.dropout)) : 0.0f;
  }
};

template <class Type>
float score(const Row& row, std::int64_t j, const TensorView& q, const TensorView& k) {
  const Problem& problem = row.call.problem;
  const auto* query = q.as<typename Type::Stored>() + q.offset(row.b, row.h, row.i);
  const auto* key = k.as<typename Type::Stored>() + k.offset(row.b, row.h / problem.group(), j);
  float dot = 0.0f;
  for (std::int64_t c = 0; c < problem.head_dim; ++c) {
    dot += Type::value(query[c * q.strides[3]]) * Type::value(key[c * k.strides[3]]);
  }
  float result = dot * static_cast<float>(problem.effective_scale());
  if (problem.softcap > 0.0) {
    const float cap = static_cast<float>(problem.softcap);
    result = cap * std::tanh(result / cap);
  }
  return result + row.bias_of(j);
}

/// `scores` and `sums` have seq_kv and head_dim_v elements.
template <class Type, class Kept>
void attend(const Row& row, float* scores, float* sums) {
  const Problem& problem = row.call.problem;
  const TensorView& q = row.call.inputs.at("q");
  const TensorView& k = row.call.inputs.at("k");
  const TensorView& v = row.call.inputs.at("v");
  const TensorView& out = row.call.outputs.at("out");
  const TensorView& lse = row.call.outputs.at("lse");

  float largest = minus_infinity;
  bool empty = true;
  for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
    scores[j] = row.sees(j) ? Kept::value(score<Type>(row, j, q, k)) : minus_infinity;
    if (scores[j] > largest) largest = scores[j];
    empty = empty && scores[j] == minus_infinity;
  }

  // Scores of -inf are of keys that are absent: their values do not count, NaN and infinity included.
  constexpr float absent = -1.0f;
  float sum = 0.0f;
  for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
    const bool is_absent = scores[j] == minus_infinity;
    scores[j] = is_absent ? absent : std::exp(scores[j] - largest);
    if (!is_absent) sum += scores[j];
  }

  for (std::int64_t c = 0; c < problem.head_dim_v; ++c)
    sums[c] = 0.0f;
  for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
    if (scores[j] == absent) continue;
    const float weight = Kept::value(scores[j] / sum) * row.kept(j);
    const auto* value = v.as<typename Type::Stored>() + v.offset(row.b, row.h / problem.group(), j);
    for (std::int64_t c = 0; c < problem.head_dim_v; ++c)
      sums[c] += weight * Type::value(value[c * v.strides[3]]);
  }
  for (std::int64_t c = 0; c < problem.head_dim_v; ++c)
    store_element(out.data, out.dtype, out.offset(row.b, row.h, row.i, c), static_cast<double>(sums[c]));
  lse.as<float>()[lse.offset(row.b, row.h, row.i)] = empty ? minus_infinity : largest + std::log(sum);
}

inline std::size_t workspace_bytes(const Problem& problem, int threads) {
  return static_cast<std::size_t>(threads) *
         (Workspace::padded_for<float>(static_cast<std::size_t>(problem.seq_kv)) +
          Workspace::padded_for<float>(static_cast<std::size_t>(problem.head_dim_v)));
}

template <class Type, class Kept>
void run_all(const KernelCall& call) {
  const Problem& problem = call.problem;
  const Shape pairs{problem.batch, problem.heads_q, problem.seq_q, problem.seq_kv};
  const TensorView* mask = call.inputs.find("mask");
  const TensorView* bias = call.inputs.find("bias");
  const TensorView* lengths = call.inputs.find("kv_lengths");
  const TensorView all_mask = mask != nullptr ? mask->broadcast_to(pairs, "mask") : TensorView{};
  const TensorView all_bias = bias != nullptr ? bias->broadcast_to(pairs, "bias") : TensorView{};
  constexpr std::int64_t floats_in_line = Workspace::alignment / sizeof(float);
  const auto lines = [](std::int64_t count) { return (count + floats_in_line - 1) / floats_in_line * floats_in_line; };
  const std::int64_t stride = lines(problem.seq_kv) + lines(problem.head_dim_v);
  float* scratch = call.workspace.take<float>(static_cast<std::size_t>(call.threads * stride));

  parallel_for(call.threads, problem.batch * problem.heads_q * problem.seq_q, [&](int thread, std::int64_t task) {
    const std::int64_t i = task % problem.seq_q;
    const std::int64_t h = task / problem.seq_q % problem.heads_q;
    const std::int64_t b = task / problem.seq_q / problem.heads_q;
    const std::int64_t kv_length =
        lengths != nullptr ? lengths->as<std::int64_t>()[lengths->offset(b)] : problem.seq_kv;
    float* scores = scratch + thread * stride;
    attend<Type, Kept>({call, b, h, i, kv_length, all_mask, all_bias}, scores, scores + lines(problem.seq_kv));
  });
}

}  // namespace attest::standard::textbook
