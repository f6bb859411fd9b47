#include "reference/plain.hpp"

#include <algorithm>
#include <cmath>

namespace attest {

double rounded_to(DType type, double value) {
  switch (type) {
    case DType::f32:
      return static_cast<float>(value);
    case DType::f16:
      return f16_value(f16_bits(value));
    case DType::bf16:
      return bf16_value(bf16_bits(value));
    default:
      return value;
  }
}

PlainWeights plain_weights(const Problem& problem, const RowScores& scores) {
  PlainWeights result;
  if (scores.plain_score.empty()) return result;
  const float greatest = *std::max_element(scores.plain_score.begin(), scores.plain_score.end());
  float sum = 0.0f;
  result.weight.reserve(scores.plain_score.size());
  for (const float score : scores.plain_score) {
    result.weight.push_back(std::exp(score - greatest));
    sum += result.weight.back();
  }
  for (std::size_t j = 0; j < result.weight.size(); ++j) {
    const float weight = result.weight[j] / sum * static_cast<float>(scores.multiplier[j]);
    result.weight[j] = static_cast<float>(rounded_to(problem.dtype, weight));
  }
  result.lse = greatest + std::log(sum);
  return result;
}

}  // namespace attest
