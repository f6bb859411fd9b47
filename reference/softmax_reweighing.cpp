#include "reference/softmax_reweighing.hpp"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <string_view>

namespace attest {
namespace {

struct Row {
  const SoftmaxInputs& inputs;
  const RowPlace& place;
  const RowReading& reading;
  const RowScores& scores;
  const TileMaxima& tiles;
  const Arithmetic& arithmetic;

  std::size_t size() const { return scores.key.size(); }
  double bias(std::size_t j) const { return scores.score[j] - capped_score(inputs.problem, scores.scaled[j]); }
};

// The weights of other scores, normalised as they should be.
template <class Score>
Reweighing of_scores(const Row& row, const Score& score) {
  std::vector<double> scores(row.size());
  for (std::size_t j = 0; j < row.size(); ++j)
    scores[j] = score(j);
  const double greatest = *std::max_element(scores.begin(), scores.end());
  Reweighing result{.weight = {}, .sum = 0.0, .gain = {}};
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double weight = std::exp(scores[j] - greatest);
    result.sum += weight;
    result.weight.push_back(weight * row.scores.multiplier[j]);
  }
  result.lse = greatest + std::log(result.sum);
  return result;
}

// Other weights, as functions of e^(s-m), with the sum of the same or of the right ones.
template <class Weight>
Reweighing of_weights(const Row& row, bool sums_them, const Weight& weight) {
  Reweighing result{.weight = {}, .sum = sums_them ? 0.0 : row.scores.sum, .gain = {}};
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double changed = weight(j);
    if (sums_them) result.sum += changed;
    result.weight.push_back(changed * row.scores.multiplier[j]);
  }
  if (sums_them) result.lse = row.scores.greatest + std::log(result.sum);
  return result;
}

// The right output too large by a factor.
Reweighing with_gain(double gain) {
  return {.weight = {}, .sum = 1.0, .gain = gain};
}

// The right weights with another sum.
Reweighing with_sum(const Row& row, double sum) {
  Reweighing result = with_gain(row.scores.sum / sum);
  result.lse = row.scores.greatest + std::log(sum);
  return result;
}

// Bits of the type that a kernel stores weights in, and so may cut them to.
int stored_bits(const Row& row) {
  return row.inputs.problem.dtype == DType::f16 ? 11 : 8;
}

// A weight as its tile stores it: relative to the maximum known there, then brought to the last one.
double in_tile(const Row& row, std::size_t j, double (*store)(double, int), int bits) {
  return store(row.tiles.weight[j], bits) * row.tiles.rescale[j];
}

Reweighing scale_1_percent(const Row& row) {
  return of_scores(
      row, [&](std::size_t j) { return capped_score(row.inputs.problem, 1.01 * row.scores.scaled[j]) + row.bias(j); });
}

Reweighing scale_1_permille(const Row& row) {
  return of_scores(
      row, [&](std::size_t j) { return capped_score(row.inputs.problem, 1.001 * row.scores.scaled[j]) + row.bias(j); });
}

Reweighing gain(const Row&) {
  return with_gain(1.005);
}

Reweighing last_key_dropped(const Row& row) {
  if (row.size() < 2) return {};
  return of_weights(row, true, [&](std::size_t j) { return j + 1 == row.size() ? 0.0 : row.scores.weight[j]; });
}

// Keys of zeros: score 0, value 0.
Reweighing padding_unmasked(const Row& row) {
  return with_sum(row, row.scores.sum + 16.0 * std::exp(std::min(300.0, -row.scores.greatest)));
}

Reweighing last_dimension_dropped(const Row& row) {
  const SoftmaxInputs& in = row.inputs;
  const std::int64_t last = in.problem.head_dim - 1;
  const double q = in.q.load(row.place.batch, row.place.head, row.place.row, last);
  return of_scores(row, [&](std::size_t j) {
    const double k = in.k.load(row.place.batch, row.reading.head_kv, row.scores.key[j], last);
    return capped_score(in.problem, row.scores.scaled[j] - in.scale * q * k) + row.bias(j);
  });
}

Reweighing output_not_rescaled(const Row& row) {
  return of_weights(row, false, [&](std::size_t j) { return row.tiles.weight[j]; });
}

Reweighing sum_not_rescaled(const Row& row) {
  return with_sum(row, std::accumulate(row.tiles.weight.begin(), row.tiles.weight.end(), 0.0));
}

Reweighing sum_in_bf16(const Row& row) {
  double sum = 0.0;
  double tile = 0.0;
  double known = row.tiles.greatest.front();
  for (std::size_t j = 0; j < row.size(); ++j) {
    tile += row.tiles.weight[j];
    if (!row.tiles.ends_tile[j]) continue;
    sum = rounded_to_bits(sum * std::exp(known - row.tiles.greatest[j]) + tile, 8);
    known = row.tiles.greatest[j];
    tile = 0.0;
  }
  return with_sum(row, sum);
}

Reweighing scores_in_bf16(const Row& row) {
  return of_scores(row, [&](std::size_t j) { return rounded_to_bits(row.scores.score[j], 8); });
}

Reweighing weights_truncated(const Row& row) {
  return of_weights(row, false, [&](std::size_t j) { return in_tile(row, j, cut_to_bits, stored_bits(row)); });
}

Reweighing weights_in_e4m3(const Row& row) {
  return of_weights(row, false, [&](std::size_t j) { return in_tile(row, j, rounded_to_bits, 4); });
}

// What a right kernel makes of the weights that stores scores and weights as it declares: no defect. Its lse is that of
// the stored scores: weights are summed before they are stored, as rule F's bound of lse says.
Reweighing rounded_as_declared(const Row& row) {
  const Arithmetic& arithmetic = row.arithmetic;
  const auto bits = [](double roundoff) { return static_cast<int>(-std::log2(roundoff)); };
  const auto stored_score = [&](std::size_t j) {
    return arithmetic.score > 0.0 ? rounded_to_bits(row.scores.score[j], bits(arithmetic.score)) : row.scores.score[j];
  };
  Reweighing result = of_scores(row, stored_score);
  double greatest = stored_score(0);
  for (std::size_t j = 0; j < row.size(); ++j)
    greatest = std::max(greatest, stored_score(j));
  for (std::size_t j = 0; arithmetic.weight > 0.0 && j < row.size(); ++j) {
    // Relative to the maximum that the tile knows, or to the sum; with dropout's multiplier.
    const double known = arithmetic.score > 0.0 ? greatest : row.tiles.greatest[j];
    const double rescale = arithmetic.score > 0.0 ? 1.0 : row.tiles.rescale[j];
    const double unit = arithmetic.weights_normalised ? result.sum : rescale;
    const double weight = arithmetic.weights_normalised ? result.weight[j] / unit
                                                        : std::exp(stored_score(j) - known) * row.scores.multiplier[j];
    result.weight[j] = rounded_to_bits(weight, bits(arithmetic.weight)) * unit;
  }
  return result;
}

Reweighing exponential_coarse(const Row& row) {
  return of_weights(row, true, [&](std::size_t j) {
    return coarse_exponential(row.scores.score[j] - row.tiles.greatest[j]) * row.tiles.rescale[j];
  });
}

Reweighing all_zeros(const Row&) {
  return with_gain(0.0);
}

Reweighing mean_of_values(const Row& row) {
  Reweighing result = of_weights(row, true, [](std::size_t) { return 1.0; });
  result.lse.reset();
  return result;
}

Reweighing dropout_not_scaled(const Row& row) {
  return with_gain(1.0 - row.inputs.problem.dropout);
}

Reweighing dropout_renormalised(const Row& row) {
  double kept = 0.0;
  for (std::size_t j = 0; j < row.size(); ++j)
    kept += row.scores.weight[j] * row.scores.multiplier[j];
  return kept > 0.0 ? with_gain(row.scores.sum / kept) : Reweighing{};
}

Reweighing softcap_ignored(const Row& row) {
  return of_scores(row, [&](std::size_t j) { return row.scores.scaled[j] + row.bias(j); });
}

Reweighing relative_bias_ignored(const Row& row) {
  const SoftmaxInputs& in = row.inputs;
  return of_scores(row, [&](std::size_t j) {
    return row.scores.score[j] -
           in.spec.bias(in.problem, in.tensors, row.place.head, row.place.row, row.scores.key[j], row.reading.offset);
  });
}

Reweighing bias_scaled(const Row& row) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(row.inputs.problem.head_dim));
  return of_scores(row, [&](std::size_t j) { return row.scores.score[j] - (1.0 - scale) * row.bias(j); });
}

// The spec's bias of another key, where there is one.
template <class Other>
Reweighing with_bias_of(const Row& row, const Other& other) {
  const SoftmaxInputs& in = row.inputs;
  const auto bias = [&](std::int64_t key) {
    return in.spec.bias(in.problem, in.tensors, row.place.head, row.place.row, key, row.reading.offset);
  };
  return of_scores(row, [&](std::size_t j) {
    const std::int64_t key = row.scores.key[j];
    const std::int64_t taken = other(key);
    if (taken < 0 || taken >= in.problem.seq_kv) return row.scores.score[j];
    return row.scores.score[j] - bias(key) + bias(taken);
  });
}

Reweighing bias_of_opposite(const Row& row) {
  const std::int64_t twice = 2 * (row.place.row + row.reading.offset);
  return with_bias_of(row, [twice](std::int64_t key) { return twice - key; });
}

Reweighing bias_of_next(const Row& row) {
  return with_bias_of(row, [](std::int64_t key) { return key + 1; });
}

struct Named {
  std::string_view name;
  Reweighing (*make)(const Row& row);
  bool (*applies)(const SoftmaxInputs& inputs, const Arithmetic& arithmetic);
};

bool always(const SoftmaxInputs&, const Arithmetic&) {
  return true;
}
bool rescales(const SoftmaxInputs&, const Arithmetic& arithmetic) {
  return arithmetic.rescales > 0;
}
bool has_spec_bias(const SoftmaxInputs& inputs, const Arithmetic&) {
  return inputs.spec.has_bias(inputs.problem);
}
bool has_bias(const SoftmaxInputs& inputs, const Arithmetic&) {
  return inputs.bias || inputs.spec.has_bias(inputs.problem);
}
bool has_dropout(const SoftmaxInputs& inputs, const Arithmetic&) {
  return inputs.dropout.has_value();
}
bool has_softcap(const SoftmaxInputs& inputs, const Arithmetic&) {
  return inputs.problem.softcap != 0.0;
}
// What a kernel declares is no defect of it.
bool has_fine_scores(const SoftmaxInputs&, const Arithmetic& arithmetic) {
  return arithmetic.score < unit_roundoff(DType::bf16);
}

bool stores_low(const SoftmaxInputs&, const Arithmetic& arithmetic) {
  return arithmetic.score > 0.0 || arithmetic.weight > 0.0;
}

constexpr std::string_view truncated = "P truncated";
constexpr std::string_view as_declared = "rounded as declared";

constexpr Named named[] = {
    {"scale +1%", scale_1_percent, always},
    {"scale +0.1%", scale_1_permille, always},
    {"gain +0.5%", gain, always},
    {"last key dropped", last_key_dropped, always},
    {"16 padded keys unmasked", padding_unmasked, always},
    {"last of d dropped", last_dimension_dropped, always},
    {"O not rescaled", output_not_rescaled, rescales},
    {"l not rescaled", sum_not_rescaled, rescales},
    {"l summed in bf16", sum_in_bf16, always},
    {"S rounded to bf16", scores_in_bf16, has_fine_scores},
    {truncated, weights_truncated, always},
    {"P in e4m3", weights_in_e4m3, always},
    {"exp error 2^-8", exponential_coarse, always},
    {"output all zeros", all_zeros, always},
    {"output mean of V", mean_of_values, always},
    {"dropout without 1/(1-p)", dropout_not_scaled, has_dropout},
    {"dropout renormalised", dropout_renormalised, has_dropout},
    {"softcap ignored", softcap_ignored, has_softcap},
    {"relative bias ignored", relative_bias_ignored, has_spec_bias},
    {"bias scaled by 1/sqrt(d)", bias_scaled, has_bias},
    {"sign of the relative position", bias_of_opposite, has_spec_bias},
    {"bucket off by one", bias_of_next, has_spec_bias},
    {as_declared, rounded_as_declared, stores_low},
};

// Rounding to nearest is correlated with cutting off the same bits of the same number: over numbers whose last bits are
// evenly spread by E[rt]/E[t^2] = (-1/24)/(1/3) = -1/8, and not to more than half whatever their bits. A kernel that
// declares such rounding is therefore not suspected below that. Roundings as declared are never a defect.
double least_share(const Named& one, const Arithmetic& arithmetic) {
  if (one.name == as_declared) return std::numeric_limits<double>::infinity();
  return one.name == truncated && arithmetic.weight > 0.0 ? 0.5 : 0.0;
}

}  // namespace

double cut_to_bits(double value, int bits) {
  const std::uint64_t kept = ~std::uint64_t{0} << (53 - bits);
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) & kept);
}

double rounded_to_bits(double value, int bits) {
  // Veltkamp: the upper bits of a number, to nearest.
  const double factor = (std::ldexp(1.0, 53 - bits) + 1.0) * value;
  return std::isfinite(factor) ? factor - (factor - value) : value;
}

double coarse_exponential(double x) {
  if (!(x > -700.0)) return 0.0;
  const double power = x * std::numbers::log2e;
  const double whole = std::floor(power);
  const double f = power - whole;
  const auto exponent = static_cast<std::uint64_t>(static_cast<std::int64_t>(whole) + 1023);
  return std::bit_cast<double>(exponent << 52) * (1.0 + f * (0.6565 + 0.3435 * f));
}

TileMaxima tile_maxima(const RowScores& scores, std::int64_t tile) {
  TileMaxima result;
  const std::size_t count = scores.key.size();
  result.greatest.reserve(count);
  result.ends_tile.assign(count, false);
  double known = -std::numeric_limits<double>::infinity();
  for (std::size_t first = 0; first < count;) {
    std::size_t end = first;
    while (end < count && scores.key[end] / tile == scores.key[first] / tile)
      known = std::max(known, scores.score[end++]);
    const double rescale = std::exp(known - scores.greatest);
    for (; first < end; ++first) {
      result.greatest.push_back(known);
      result.rescale.push_back(rescale);
      const bool divides = rescale > DBL_MIN && scores.weight[first] > DBL_MIN;
      result.weight.push_back(divides ? scores.weight[first] / rescale : std::exp(scores.score[first] - known));
    }
    result.ends_tile[end - 1] = true;
  }
  return result;
}

std::vector<KnownDefect> known_reweighings(const SoftmaxInputs& inputs, const Arithmetic& arithmetic) {
  std::vector<KnownDefect> known;
  for (const Named& one : named) {
    if (one.applies(inputs, arithmetic)) {
      known.push_back({.name = one.name, .least_share = least_share(one, arithmetic)});
    }
  }
  return known;
}

std::vector<Reweighing> reweighings(const SoftmaxInputs& inputs, const Arithmetic& arithmetic, const RowPlace& place,
                                    const RowReading& reading, const RowScores& scores, const TileMaxima& tiles) {
  const Row row{inputs, place, reading, scores, tiles, arithmetic};
  std::vector<Reweighing> result;
  for (const Named& one : named)
    if (one.applies(inputs, arithmetic)) result.push_back(one.make(row));
  return result;
}

}  // namespace attest
