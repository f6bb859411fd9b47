// out[i] = sum_j kappa[i,j] softmax_j(cap(scale * q[i].k[j]) + bias[i,j]) v[j], j visible from i
// Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1; the ladder's first rung as in llm.c, attention_forward.cu
// Split:  three launches: scores (a block a query row, a thread a key), softmax (a warp a row), values (a block a row,
//         a thread a column)
// Memory: scores, then weights, of all pairs in global memory: f32, b * hq * sq * skv
// Cost:   2*(d+dv) flops a visible pair; moves O(sq * skv) bytes of scores, and K and V once a query row
// Limits: none: every feature, any head size; f32, bf16, f16
//
// The textbook loops, to be read beside the equation. Everything is f32 from the first product to the last.

#include <cstdint>

#include "variants/common/cuda/attention_params.hpp"
#include "variants/common/cuda/dropout.cuh"
#include "variants/common/cuda/element.cuh"
#include "variants/common/cuda/exponential.cuh"
#include "variants/common/cuda/pair_terms.cuh"
#include "variants/common/cuda/visibility.cuh"
#include "variants/common/cuda/warp.cuh"

namespace {

using namespace attest::cuda;

/// Stands for the weight of a hidden key, whose value must not even be multiplied by 0.
constexpr float hidden = -1.0f;

/// A query row of the problem by its number.
struct Row {
  int batch, head, row;

  __device__ Row(const AttentionParams& p, std::int64_t number)
      : batch(static_cast<int>(number / p.seq_q / p.heads_q)),
        head(static_cast<int>(number / p.seq_q % p.heads_q)),
        row(static_cast<int>(number % p.seq_q)) {}

  __device__ std::int64_t head_kv(const AttentionParams& p) const {
    return static_cast<std::int64_t>(batch) * p.heads_kv + head / p.group;
  }
};

/// scores (b, hq, sq, skv): -inf where the row does not see the key.
template <class Element>
__device__ void compute_scores(const AttentionParams& p, const Element* q, const Element* k, const PairTensors& tensors,
                               const std::int64_t* kv_lengths, float* scores) {
  const std::int64_t number = blockIdx.x;
  const Row at(p, number);
  const KeySpan visible = keys_of_row(p, key_count(p, kv_lengths, at.batch), at.row);
  const RowTensors row_tensors = tensors.row(p, at.batch, at.head, at.row);
  const Element* query = q + number * p.head_dim;
  for (int key = static_cast<int>(threadIdx.x); key < p.seq_kv; key += static_cast<int>(blockDim.x)) {
    float score = minus_infinity;
    if (visible.holds(key)) {
      const Element* row = k + (at.head_kv(p) * p.seq_kv + key) * p.head_dim;
      float product = 0.0f;
      for (int c = 0; c < p.head_dim; ++c)
        product = fmaf(to_float(query[c]), to_float(row[c]), product);
      score = row_tensors.score(p, key, product);
    }
    scores[number * p.seq_kv + key] = score;
  }
}

/// out[i] = sum_j weights[i,j] v[j].
template <class Element>
__device__ void sum_values(const AttentionParams& p, const float* weights, const Element* v, Element* out) {
  const std::int64_t number = blockIdx.x;
  const Row at(p, number);
  const float* row = weights + number * p.seq_kv;
  const Element* values = v + at.head_kv(p) * p.seq_kv * p.head_dim_v;
  for (int c = static_cast<int>(threadIdx.x); c < p.head_dim_v; c += static_cast<int>(blockDim.x)) {
    float sum = 0.0f;
    for (int key = 0; key < p.seq_kv; ++key) {
      const float weight = row[key];
      if (weight != hidden)
        sum = fmaf(weight, to_float(values[static_cast<std::int64_t>(key) * p.head_dim_v + c]), sum);
    }
    out[number * p.head_dim_v + c] = from_float<Element>(sum);
  }
}

}  // namespace

/// scores -> weights in place, with dropout, and lse; whatever the element type.
extern "C" __global__ void __launch_bounds__(128) standard_naive_softmax(AttentionParams p, float* scores, float* lse) {
  const std::int64_t number =
      static_cast<std::int64_t>(blockIdx.x) * (blockDim.x / warp_lanes) + threadIdx.x / warp_lanes;
  const std::int64_t rows = static_cast<std::int64_t>(p.batch) * p.heads_q * p.seq_q;
  if (number >= rows) return;
  const Row at(p, number);
  const int lane = static_cast<int>(threadIdx.x) % warp_lanes;
  float* row = scores + number * p.seq_kv;

  float largest = minus_infinity;
  for (int key = lane; key < p.seq_kv; key += warp_lanes)
    largest = fmaxf(largest, row[key]);
  largest = group_max<warp_lanes>(largest);
  // All hidden: (-inf) - (-inf) would be NaN.
  const float base = largest == minus_infinity ? 0.0f : largest;

  float sum = 0.0f;
  for (int key = lane; key < p.seq_kv; key += warp_lanes) {
    const float score = row[key];
    if (score != minus_infinity) sum += exp2_approximate((score - base) * log2_of_e);
  }
  sum = group_sum<warp_lanes>(sum);

  for (int key = lane; key < p.seq_kv; key += warp_lanes) {
    const float score = row[key];
    float weight = hidden;
    if (score != minus_infinity) {
      weight = exp2_approximate((score - base) * log2_of_e) / sum;
      if (p.has_dropout) weight *= keeps_weight(p, at.batch, at.head, at.row, key) ? p.kept_multiplier : 0.0f;
    }
    row[key] = weight;
  }
  if (lane == 0) lse[number] = sum == 0.0f ? minus_infinity : base + logf(sum);
}

#define ATTEST_STANDARD_NAIVE(suffix, Element)                                                                        \
  extern "C" __global__ void __launch_bounds__(128)                                                                   \
      standard_naive_scores_##suffix(AttentionParams p, const Element* q, const Element* k, const std::uint8_t* mask, \
                                     const float* bias, const std::int64_t* kv_lengths, float* scores) {              \
    compute_scores(p, q, k, PairTensors{mask, bias}, kv_lengths, scores);                                             \
  }                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(128)                                                                   \
      standard_naive_values_##suffix(AttentionParams p, const float* weights, const Element* v, Element* out) {       \
    sum_values(p, weights, v, out);                                                                                   \
  }

ATTEST_STANDARD_NAIVE(f32, float)
ATTEST_STANDARD_NAIVE(bf16, BFloat16)
ATTEST_STANDARD_NAIVE(f16, Half)
