#include <algorithm>
#include <cmath>

#include "tests/defects/kernels/simulation.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {

void Simulation::run_textbook_row(const RowPlace& place, const TensorView& out) const {
  const DType type = p_.dtype;
  const auto scale = static_cast<float>(p_.effective_scale());
  const auto cap = static_cast<float>(p_.softcap);
  const std::vector<std::int64_t> keys = visible_keys(place);
  const float* q = q_.as<float>() + q_.offset(place.batch, place.head, place.row);
  std::vector<float> weights;
  for (const std::int64_t key : keys) {
    const float* k = k_.as<float>() + k_.offset(place.batch, head_kv(place.head), key);
    float score = 0.0f;
    for (std::int64_t c = 0; c < p_.head_dim; ++c)
      score += q[c] * rounded(type, k[c] * scale);
    score = rounded(type, score);
    if (cap != 0.0f) score = rounded(type, rounded(type, std::tanh(rounded(type, score / cap))) * cap);
    weights.push_back(rounded(type, score + bias_of(place, key)));
  }
  float greatest = 0.0f;
  if (!weights.empty()) greatest = *std::max_element(weights.begin(), weights.end());
  float total = 0.0f;
  for (float& weight : weights)
    total += weight = std::exp(weight - greatest);
  const auto kept_multiplier = static_cast<float>(1.0 / (1.0 - p_.dropout));
  std::vector<float> sums(static_cast<std::size_t>(p_.head_dim_v));
  for (std::size_t index = 0; index < keys.size(); ++index) {
    if (p_.dropout > 0.0 && !dropout_.keeps(place.batch, place.head, place.row, keys[index])) continue;
    const float weight = rounded(type, weights[index] / total);
    const float* v = v_.as<float>() + v_.offset(place.batch, head_kv(place.head), keys[index]);
    for (std::size_t c = 0; c < sums.size(); ++c)
      sums[c] += weight * (p_.dropout > 0.0 ? rounded(type, v[c] * kept_multiplier) : v[c]);
  }
  for (std::size_t c = 0; c < sums.size(); ++c)
    set(out, sums[c], place.batch, place.head, place.row, static_cast<std::int64_t>(c));
}

Tensor run_textbook(const Problem& problem, const TensorSet& inputs) {
  if (problem.parameters.contains("feature")) {
    const TensorStorage outputs = run_linear(problem, inputs, {}, Defect::none);
    return converted(outputs.find("out")->view(), problem.dtype);
  }
  Tensor out(problem.dtype, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v});
  const Simulation simulation(problem, inputs, {}, Defect::none);
  for_each_row(problem, [&](const RowPlace& place) { simulation.run_textbook_row(place, out.view()); });
  return out;
}

}  // namespace attest::test
