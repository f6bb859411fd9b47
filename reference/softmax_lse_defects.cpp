#include "reference/softmax_lse_defects.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "harness/core/dtype.hpp"
#include "reference/softmax_reweighing.hpp"

namespace attest {
namespace {

double base_2(const SoftmaxInputs&, const RowScores& scores) {
  return (scores.greatest + std::log(scores.sum)) * std::numbers::log2e;
}

double without_maximum(const SoftmaxInputs&, const RowScores& scores) {
  return std::log(scores.sum);
}

// Kernels that work in powers of 2 hold m log2(e), and ln l or log2 l: one of the two is forgotten.
double maximum_in_base_2(const SoftmaxInputs&, const RowScores& scores) {
  return scores.greatest * std::numbers::log2e + std::log(scores.sum);
}

double logarithm_in_base_2(const SoftmaxInputs&, const RowScores& scores) {
  return scores.greatest + std::log2(scores.sum);
}

double without_logarithm(const SoftmaxInputs&, const RowScores& scores) {
  return scores.greatest + scores.sum;
}

double of_unscaled_scores(const SoftmaxInputs& inputs, const RowScores& scores) {
  std::vector<double> unscaled;
  for (const double scaled : scores.scaled)
    unscaled.push_back(scaled / inputs.scale);
  const double greatest = *std::max_element(unscaled.begin(), unscaled.end());
  double sum = 0.0;
  for (const double score : unscaled)
    sum += std::exp(score - greatest);
  return greatest + std::log(sum);
}

// Kernels that scale inside the exponent hold the maximum of the raw products.
double maximum_unscaled(const SoftmaxInputs& inputs, const RowScores& scores) {
  return scores.greatest / inputs.scale + std::log(scores.sum);
}

double in_bf16(const SoftmaxInputs&, const RowScores& scores) {
  return rounded_to_bits(scores.greatest + std::log(scores.sum), 8);
}

bool always(const SoftmaxInputs&, const Arithmetic&) {
  return true;
}
bool has_plain_scale(const SoftmaxInputs& inputs, const Arithmetic&) {
  const bool has_bias = inputs.bias || inputs.spec.has_bias(inputs.problem);
  return inputs.scale > 0.0 && inputs.scale != 1.0 && inputs.problem.softcap == 0.0 && !has_bias;
}
// What a kernel declares is no defect of it.
bool has_fine_scores(const SoftmaxInputs&, const Arithmetic& arithmetic) {
  return arithmetic.score < unit_roundoff(DType::bf16);
}

struct Named {
  std::string_view name;
  double (*make)(const SoftmaxInputs& inputs, const RowScores& scores);
  bool (*applies)(const SoftmaxInputs& inputs, const Arithmetic& arithmetic);
};

constexpr Named named[] = {
    {"lse in base 2", base_2, always},
    {"lse without the maximum", without_maximum, always},
    {"lse with the maximum in base 2", maximum_in_base_2, always},
    {"lse with log2 l for ln l", logarithm_in_base_2, always},
    {"lse with l for ln l", without_logarithm, always},
    {"lse of unscaled scores", of_unscaled_scores, has_plain_scale},
    {"lse with the maximum unscaled", maximum_unscaled, has_plain_scale},
    {"lse rounded to bf16", in_bf16, has_fine_scores},
};

}  // namespace

std::vector<KnownDefect> known_lse_defects(const SoftmaxInputs& inputs, const Arithmetic& arithmetic) {
  std::vector<KnownDefect> known;
  for (const Named& one : named)
    if (one.applies(inputs, arithmetic)) known.push_back({.name = one.name, .output = "lse"});
  return known;
}

std::vector<double> wrong_lses(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores) {
  std::vector<double> lses;
  for (const Named& one : named)
    if (one.applies(inputs, arithmetic)) lses.push_back(one.make(inputs, scores));
  return lses;
}

}  // namespace attest
