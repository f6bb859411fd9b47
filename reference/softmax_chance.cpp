#include "reference/softmax_chance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/bounds.hpp"
#include "reference/plain.hpp"

namespace attest {
namespace {

double square(double x) {
  return x * x;
}

// What one rounding of anything that a row stores may take from it. Worst cases beyond would drown what chances say.
double one_rounding(const Arithmetic& arithmetic) {
  constexpr double derivation_holds = 0.125;
  return std::min(derivation_holds, std::max({Roundoffs(arithmetic).unit, arithmetic.weight, arithmetic.output}));
}

bool is_of_first_order(const Arithmetic& arithmetic, const ScoreChances& chances) {
  return chances.far <= one_rounding(arithmetic);
}

bool is_near(double shift) {
  return far_out * shift <= 1.0;
}

// P (e^eta - 1); a score far below the greatest has a P of 0 in double, and may have an e^eta that overflows.
double excess_of(const RowScores& scores, std::size_t j, double eta) {
  const double probability = scores.weight[j] / scores.sum;
  if (eta < 1.0) return probability * std::expm1(eta);
  return std::exp(eta + (scores.score[j] - scores.greatest)) / scores.sum - probability;
}

// Splits the keys of a row in near and far ones, of which there is one at least.
void set_far_keys_apart(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores,
                        const std::vector<double>& shifts, ScoreChances& chances) {
  const ScoreErrors errors = score_errors(inputs, arithmetic, scores);
  const auto heaviest =
      static_cast<std::size_t>(std::max_element(scores.score.begin(), scores.score.end()) - scores.score.begin());
  const bool alone = !is_near(shifts[heaviest]);
  if (alone) chances.heaviest = heaviest;
  chances.excess.assign(shifts.size(), 0.0);
  double sum = 0.0;
  for (std::size_t j = 0; j < shifts.size(); ++j) {
    if (alone ? j == heaviest : is_near(shifts[j])) {
      if (!alone) chances.near_error = std::max(chances.near_error, errors.eta[j]);
    } else {
      chances.excess[j] = excess_of(scores, j, errors.eta[j] + (alone ? errors.eta[heaviest] : 0.0));
      sum += chances.excess[j];
    }
  }
  chances.far = std::exp(chances.near_error) * sum;
}

// e^(max eta) sum P (e^eta - 1) [|kappa v - O| + roundings (kappa|v| + |O|)] over the far keys, a column an entry.
std::vector<double> far_errors(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores,
                               const ScoreChances& chances, const std::vector<double>& out, double roundings) {
  std::vector<double> sums(static_cast<std::size_t>(inputs.problem.head_dim_v), 0.0);
  std::vector<double> v(sums.size());
  for (std::size_t j = 0; j < chances.excess.size(); ++j) {
    if (chances.excess[j] == 0.0) continue;
    const double excess = std::exp(chances.near_error) * chances.excess[j];
    load_line(inputs.v, place.batch, place.head / inputs.problem.group(), scores.key[j], v.data());
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double value = scores.multiplier[j] == 0.0 ? 0.0 : scores.multiplier[j] * v[c];
      sums[c] += excess * (std::fabs(value - out[c]) + roundings * (std::fabs(value) + std::fabs(out[c])));
    }
  }
  return sums;
}

Chance no_chance(std::size_t width) {
  return {.bound = std::vector<double>(width, std::numeric_limits<double>::infinity()),
          .deviation = std::vector<double>(width, 0.0),
          .coherent = std::vector<double>(width, 0.0)};
}

// Steps of a truncating sum of `terms` products; 0 where sums round to nearest.
double truncations(const Arithmetic& arithmetic, double terms) {
  return arithmetic.truncated_chunk > 0 ? std::ceil(terms / static_cast<double>(arithmetic.truncated_chunk)) : 0.0;
}

// What all weights of a row may share, as an error of the exponent: exp's own, once and at each rescale, and m's.
double shared_exponent(const Arithmetic& arithmetic, const RowScores& scores) {
  const Roundoffs roundoffs(arithmetic);
  return (1.0 + static_cast<double>(arithmetic.rescales)) * roundoffs.exponential + roundoffs.unit * scores.largest;
}

// What storing takes from 1/(1-p), the weight that tile maxima have in every row: its rounding where u_p is that of a
// type which rounds to nearest, and u_p at most.
double repeated_rounding(const Problem& problem, const Arithmetic& arithmetic) {
  const double weight = 1.0 / (1.0 - problem.dropout);
  for (const DType type : {DType::f16, DType::bf16})
    if (arithmetic.weight == unit_roundoff(type)) return std::fabs(rounded_to(type, weight) / weight - 1.0);
  return arithmetic.weight;
}

// What storing takes from the greatest key of each tile, in sum kappa P |v|: its weight is the same in every row, 1,
// which rounds to itself, or with dropout 1/(1-p), which errs to one side.
std::vector<double> repeated_weights(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                                     const RowScores& scores) {
  std::vector<double> sums(static_cast<std::size_t>(inputs.problem.head_dim_v), 0.0);
  if (!inputs.dropout || arithmetic.weight == 0.0) return sums;
  const double rounding = repeated_rounding(inputs.problem, arithmetic);
  const std::int64_t tile = keys_of_tile(inputs.problem, arithmetic);
  std::vector<double> v(sums.size());
  for (std::size_t first = 0, end = 0; first < scores.key.size(); first = end) {
    std::size_t greatest = first;
    for (; end < scores.key.size() && scores.key[end] / tile == scores.key[first] / tile; ++end)
      if (scores.score[end] > scores.score[greatest]) greatest = end;
    const double weight = rounding * scores.weight[greatest] * scores.multiplier[greatest] / scores.sum;
    load_line(inputs.v, place.batch, place.head / inputs.problem.group(), scores.key[greatest], v.data());
    for (std::size_t c = 0; c < sums.size(); ++c)
      sums[c] += weight * std::fabs(v[c]);
  }
  return sums;
}

}  // namespace

ScoreChances score_chances(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores) {
  const double u = Roundoffs(arithmetic).unit;
  const auto width = static_cast<double>(inputs.problem.head_dim);
  const double products = std::sqrt(width + 1.0) * u + 2.0 * arithmetic.input;
  const double truncating = arithmetic.truncated_chunk > 0 ? (truncations(arithmetic, width) + 1.0) * u : 0.0;
  const double adding = inputs.bias || inputs.spec.has_bias(inputs.problem) ? std::sqrt(2.0) * u : 0.0;
  const double capping = inputs.problem.softcap != 0.0 ? 4.0 * u : 0.0;
  const double stored_sum = arithmetic.weights_normalised ? 1.0 : scores.sum;
  const double storing = square(arithmetic.weight + arithmetic.input);
  const double underflow = square(arithmetic.weight_floor / stored_sum);

  std::vector<double> shifts(scores.score.size());
  for (std::size_t j = 0; j < shifts.size(); ++j) {
    const double score = scores.score[j];
    shifts[j] = products * scores.magnitude[j] + arithmetic.score * std::max(std::fabs(score), scores.parts[j]) +
                arithmetic.score_floor + 3.0 * u * (scores.greatest - score) + adding * scores.parts[j];
  }
  ScoreChances chances;
  if (!std::all_of(shifts.begin(), shifts.end(), is_near))
    set_far_keys_apart(inputs, arithmetic, scores, shifts, chances);
  chances.moments.reserve(shifts.size());
  double truncated = 0.0;
  double curved = 0.0;
  for (std::size_t j = 0; j < shifts.size(); ++j) {
    const double probability = scores.weight[j] / scores.sum;
    const double kappa = scores.multiplier[j];
    const bool counts = is_near(shifts[j]) && !chances.heaviest;
    const double own = counts ? square(probability * shifts[j]) : 0.0;
    const double slope = counts ? probability * scores.score[j] : 0.0;
    chances.moments.push_back({.variance = square(kappa) * (own + storing * square(probability) + underflow),
                               .shift = kappa * own,
                               .spread = square(kappa) * probability,
                               .slope = kappa * slope});
    chances.shift_squares += own;
    chances.slope += slope;
    if (!counts) continue;
    truncated += probability * square(truncating * scores.magnitude[j]);
    curved += probability * square(capping * scores.parts[j]);
  }
  chances.truncated = std::sqrt(truncated);
  chances.curved = std::sqrt(curved);
  if (chances.heaviest) {
    const std::size_t j = *chances.heaviest;
    chances.common_shift = shifts[j];
    chances.common_coherent =
        2.0 * u * std::fabs(scores.score[j]) + truncating * scores.magnitude[j] + capping * scores.parts[j];
  }
  return chances;
}

Chance output_chances(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                      const RowScores& scores, const ScoreErrors& errors, const ScoreChances& chances,
                      const RowColumns& columns) {
  const double u = Roundoffs(arithmetic).unit;
  const auto keys = static_cast<std::int64_t>(scores.key.size());
  const double steps = sum_steps(arithmetic, keys);
  const double chain = gamma(steps, u);
  const double shared = shared_exponent(arithmetic, scores) + chances.truncated + chances.curved;
  const double truncating_steps = truncations(arithmetic, chain_length(arithmetic, keys));
  const double truncating =
      truncating_steps > 0.0 ? gamma(truncating_steps + static_cast<double>(arithmetic.rescales), u) : 0.0;
  const double summing = truncating > 0.0 ? 0.0 : steps * square(u);
  const double dropping = inputs.dropout ? 2.0 * u : 0.0;
  if (!is_of_first_order(arithmetic, chances)) return no_chance(static_cast<std::size_t>(inputs.problem.head_dim_v));
  const std::vector<double> repeated = repeated_weights(inputs, place, arithmetic, scores);
  const double storing_weights = arithmetic.weight + arithmetic.input + dropping + 2.0 * chain;
  const std::vector<double> far = far_errors(inputs, place, scores, chances, columns.out, storing_weights);
  const double tiny = underflow_floor(arithmetic);
  const double near_error = chances.excess.empty() ? errors.greatest : chances.near_error;
  const double inflation = 1.0 + 4.0 * (near_error + chances.far + chain + arithmetic.weight) + arithmetic.output;

  Chance chance;
  for (std::int64_t c = 0; c < inputs.problem.head_dim_v; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const double out = columns.out[at];
    const double size = columns.magnitude[at];
    const double moved =
        std::max(0.0, columns.variance[at] - 2.0 * out * columns.shift[at] + square(out) * chances.shift_squares);
    const double variance = moved + summing * (square(size) + square(out));
    const double spread = std::sqrt(std::max(0.0, columns.squares[at] - square(out)));
    const double coherent = 2.0 * u * std::fabs(columns.slope[at] - out * chances.slope) + shared * spread +
                            truncating * (size + std::fabs(out)) + dropping * size + repeated[at] + far[at] +
                            4.0 * tiny / scores.sum * columns.absolute[at];
    const double storing =
        (3.0 * u + arithmetic.output + reference_roundoff) * std::fabs(out) + arithmetic.output_floor;
    const double underflow = tiny * (steps + 1.0);
    chance.bound.push_back((far_out * std::sqrt(variance) + coherent) * inflation + storing + underflow);
    chance.deviation.push_back(typical_rounding * std::sqrt(variance + square(storing)) + coherent + underflow);
    chance.coherent.push_back(coherent + underflow);
  }
  return chance;
}

Chance lse_chance(const Arithmetic& arithmetic, const RowScores& scores, const ScoreChances& chances) {
  if (!is_of_first_order(arithmetic, chances)) return no_chance(1);
  const double u = Roundoffs(arithmetic).unit;
  const double stored = std::max(u, 0x1p-24);
  const double log_sum = std::log(scores.sum);
  const double variance = chances.shift_squares + square(chances.common_shift) +
                          sum_steps(arithmetic, static_cast<std::int64_t>(scores.key.size())) * square(u);
  const double coherent = 2.0 * u * std::fabs(chances.slope) + shared_exponent(arithmetic, scores) + chances.truncated +
                          chances.curved + chances.common_coherent - std::log1p(-chances.far);
  const double storing =
      2.0 * stored * std::fabs(log_sum) + stored * std::fabs(scores.greatest + log_sum) + stored * scores.largest;
  return {.bound = {far_out * std::sqrt(variance) + coherent + storing},
          .deviation = {typical_rounding * std::sqrt(variance + square(storing)) + coherent},
          .coherent = {coherent}};
}

}  // namespace attest
