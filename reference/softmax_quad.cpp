#include "reference/softmax_quad.hpp"

#include <algorithm>
#include <boost/multiprecision/cpp_bin_float.hpp>

namespace attest {
namespace {

using Quad = boost::multiprecision::cpp_bin_float_quad;

Quad score_of(const SoftmaxInputs& inputs, const RowPlace& place, std::int64_t key) {
  const Problem& problem = inputs.problem;
  const RowReading reading = row_reading(inputs, place);
  Quad dot = 0;
  for (std::int64_t c = 0; c < problem.head_dim; ++c) {
    dot += Quad(inputs.q.load(place.batch, place.head, place.row, c)) *
           Quad(inputs.k.load(place.batch, reading.head_kv, key, c));
  }
  Quad score = Quad(inputs.scale) * dot;
  if (problem.softcap != 0.0) {
    const Quad cap = problem.softcap;
    score = cap * tanh(score / cap);
  }
  if (inputs.bias) score += Quad(inputs.bias->load(place.batch, place.head, place.row, key));
  if (inputs.spec.has_bias(problem))
    score += Quad(inputs.spec.bias(problem, inputs.tensors, place.head, place.row, key, reading.offset));
  return score;
}

}  // namespace

QuadRow quad_row(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores) {
  std::vector<Quad> weights;
  for (const std::int64_t key : scores.key)
    weights.push_back(score_of(inputs, place, key));
  const Quad greatest = *std::max_element(weights.begin(), weights.end());
  Quad sum = 0;
  for (Quad& weight : weights) {
    weight = exp(Quad(weight - greatest));
    sum += weight;
  }
  // The multiplier of a kept key is 1/(1-p), which double rounds.
  const Quad kept = Quad(1) / (Quad(1) - Quad(inputs.problem.dropout));
  const std::int64_t head_kv = place.head / inputs.problem.group();
  QuadRow row;
  for (std::int64_t c = 0; c < inputs.problem.head_dim_v; ++c) {
    Quad out = 0;
    for (std::size_t j = 0; j < weights.size(); ++j) {
      if (scores.multiplier[j] != 0.0) out += weights[j] * Quad(inputs.v.load(place.batch, head_kv, scores.key[j], c));
    }
    row.out.push_back(static_cast<double>(Quad(out * kept / sum)));
  }
  row.lse = static_cast<double>(Quad(greatest + log(sum)));
  return row;
}

}  // namespace attest
