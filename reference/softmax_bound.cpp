#include "reference/softmax_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <xtensor/xadapt.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include "reference/bounds.hpp"

namespace attest {
namespace {

// e^eta of an exponent beyond this bounds nothing; stopping here keeps infinity times 0 out of the sums.
constexpr double greatest_exponent = 300.0;

// e^eta - 1. Three terms of the series leave less than 2^-32 of it out where eta is small, as it nearly always is.
double growth_of(double eta) {
  return eta < 0x1p-10 ? eta * (1.0 + eta / 2.0 * (1.0 + eta / 3.0)) : std::expm1(eta);
}

double chain_error(const Arithmetic& arithmetic, const RowScores& scores) {
  return gamma(sum_steps(arithmetic, static_cast<std::int64_t>(scores.key.size())), Roundoffs(arithmetic).unit);
}

}  // namespace

Roundoffs::Roundoffs(const Arithmetic& arithmetic)
    : unit(accumulates_in_double(arithmetic) ? arithmetic.accumulate : judged_roundoff(arithmetic)),
      exponential(accumulates_in_double(arithmetic) ? arithmetic.exponential : judged_exponential(arithmetic)) {}

ScoreErrors score_errors(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores) {
  const double u = Roundoffs(arithmetic).unit;
  const double u_in = arithmetic.input;
  const double products = gamma(static_cast<double>(inputs.problem.head_dim) + 1.0, u) + 2.0 * u_in + u_in * u_in;
  const double exponentials = (1.0 + static_cast<double>(arithmetic.rescales)) * Roundoffs(arithmetic).exponential;
  const bool has_bias = inputs.bias || inputs.spec.has_bias(inputs.problem);
  const double capping = inputs.problem.softcap != 0.0 ? 4.0 * u : 0.0;

  ScoreErrors errors;
  errors.eta.reserve(scores.score.size());
  errors.growth.reserve(scores.score.size());
  for (std::size_t j = 0; j < scores.score.size(); ++j) {
    const double size = std::max(std::fabs(scores.score[j]), scores.parts[j]);
    double eta = products * scores.magnitude[j] + (capping + arithmetic.score) * size + arithmetic.score_floor +
                 exponentials + u * (5.0 * (scores.greatest - scores.score[j]) + scores.largest);
    if (has_bias) eta += u * scores.parts[j];
    errors.eta.push_back(eta);
    eta = std::min(eta, greatest_exponent);
    errors.growth.push_back(growth_of(eta));
    errors.greatest = std::max(errors.greatest, eta);
  }
  return errors;
}

std::vector<double> output_bounds(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowScores& scores,
                                  const ScoreErrors& errors, const RowColumns& columns) {
  const double u = Roundoffs(arithmetic).unit;
  const double chain = chain_error(arithmetic, scores);
  const double steps = sum_steps(arithmetic, static_cast<std::int64_t>(scores.key.size()));
  const double dropping = inputs.dropout ? 2.0 * u : 0.0;
  const double storing = arithmetic.weight + arithmetic.input + dropping + chain;
  const double tiny = underflow_floor(arithmetic);
  const double stored_sum = arithmetic.weights_normalised ? 1.0 : scores.sum;
  const double floor = arithmetic.weight_floor / stored_sum + 4.0 * tiny / scores.sum;
  const double inflation = 1.0 + 4.0 * (errors.greatest + chain + arithmetic.weight) + arithmetic.output;

  const auto width = static_cast<std::size_t>(inputs.problem.head_dim_v);
  const auto first = [width](const std::vector<double>& column) {
    return xt::view(xt::adapt(column, {column.size()}), xt::range(std::size_t{0}, width));
  };
  const xt::xtensor<double, 1> out = xt::abs(first(columns.out));
  const xt::xtensor<double, 1> from_scores = std::exp(errors.greatest) * first(columns.spread);
  const xt::xtensor<double, 1> from_weights = storing * first(columns.magnitude) + floor * first(columns.absolute);
  const xt::xtensor<double, 1> from_sum = chain * out;
  const xt::xtensor<double, 1> from_storing =
      (3.0 * u + arithmetic.output + reference_roundoff) * out + (arithmetic.output_floor + tiny * (steps + 1.0));
  const xt::xtensor<double, 1> bound = (from_scores + from_weights + from_sum) * inflation + from_storing;
  return {bound.begin(), bound.end()};
}

bool limit_to_values(const SoftmaxInputs& inputs, const RowPlace& place, const Arithmetic& arithmetic,
                     const RowScores& scores, const ScoreErrors& errors, const RowColumns& columns,
                     std::vector<double>& bounds) {
  // Below, e^eta (e^eta - 1)(1 + 4 eta) is under 1, and rule F says more for every row.
  constexpr double informative = 0.25;
  if (errors.greatest <= informative) return false;
  const auto width = static_cast<std::size_t>(inputs.problem.head_dim_v);
  std::vector<double> farthest(width), largest(width), v(width);
  for (std::size_t j = 0; j < scores.key.size(); ++j) {
    load_line(inputs.v, place.batch, place.head / inputs.problem.group(), scores.key[j], v.data());
    for (std::size_t c = 0; c < width; ++c) {
      const double value = scores.multiplier[j] == 0.0 ? 0.0 : scores.multiplier[j] * v[c];
      farthest[c] = std::max(farthest[c], std::fabs(value - columns.out[c]));
      largest[c] = std::max(largest[c], std::fabs(value));
    }
  }
  const double u = Roundoffs(arithmetic).unit;
  const double steps = sum_steps(arithmetic, static_cast<std::int64_t>(scores.key.size()));
  const double dropping = inputs.dropout ? 2.0 * u : 0.0;
  const double storing = arithmetic.weight + arithmetic.input + dropping + 2.0 * chain_error(arithmetic, scores);
  const double tiny = underflow_floor(arithmetic);
  bool all = true;
  for (std::size_t c = 0; c < width; ++c) {
    const double relative = storing * (1.0 + arithmetic.output) + 3.0 * u + arithmetic.output + reference_roundoff;
    const double limit = farthest[c] + relative * largest[c] +
                         (arithmetic.weight_floor + 4.0 * tiny) * columns.absolute[c] + arithmetic.output_floor +
                         tiny * (steps + 1.0);
    all = all && bounds[c] > limit;
    if (bounds[c] > limit) bounds[c] = limit;
  }
  return all;
}

double lse_bound(const Arithmetic& arithmetic, const RowScores& scores, const ScoreErrors& errors) {
  const double u = std::max(Roundoffs(arithmetic).unit, 0x1p-24);
  const double log_sum = std::log(scores.sum);
  // ln(sum P e^eta), which is 0 at least; no e^eta is made that overflows.
  double moved = 0.0;
  if (errors.greatest < greatest_exponent) {
    for (std::size_t j = 0; j < scores.weight.size(); ++j)
      moved += scores.weight[j] / scores.sum * errors.growth[j];
    moved = std::log1p(moved);
  } else {
    const auto exponent = [&](std::size_t j) { return errors.eta[j] + (scores.score[j] - scores.greatest) - log_sum; };
    for (std::size_t j = 0; j < errors.eta.size(); ++j)
      moved = std::max(moved, exponent(j));
    double sum = 0.0;
    for (std::size_t j = 0; j < errors.eta.size(); ++j)
      sum += std::exp(exponent(j) - moved);
    moved += std::max(0.0, std::log(sum));
  }
  return moved + chain_error(arithmetic, scores) + 2.0 * u * std::fabs(log_sum) +
         u * std::fabs(scores.greatest + log_sum) + u * scores.largest;
}

}  // namespace attest
