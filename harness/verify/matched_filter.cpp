#include "harness/verify/matched_filter.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "harness/verify/line_signature.hpp"
#include "reference/plain.hpp"

namespace attest {
namespace {

// With fewer lines their own scatter says little of the variance.
constexpr double enough_lines = 32.0;
// Defects that explain as much as the best, but for this share, are named with it.
constexpr double indistinguishable = 1e-3;
// Times a defect that are still of its kind: those of a thousandth of the scale that make up all of it.
constexpr double greatest_share = 1000.0;

double greatest_c(DType dtype) {
  return size_of(dtype) <= 2 ? 0.02 : 0.002;
}

}  // namespace

void MatchedFilter::add(const OutputRow& line, DType dtype, std::span<const double> got,
                        const std::vector<std::vector<double>>& changes) {
  dtype_ = dtype;
  ++lines_;
  width_ = std::max(width_, static_cast<double>(got.size()));
  std::vector<double> weights(got.size(), 0.0);
  std::vector<double> weighed(got.size(), 0.0);
  for (std::size_t c = 0; c < line.deviation.size(); ++c) {
    const double error = got[c] - line.value[c];
    const double weight = 1.0 / (line.deviation[c] * line.deviation[c]);
    if (!(line.deviation[c] > 0.0) || !std::isfinite(error) || !std::isfinite(weight)) continue;
    weights[c] = weight;
    weighed[c] = error * weight;
    errors_ += error * weighed[c];
  }
  // Errors of right kernels, weighed: the output's rounding alone, and after each of the declared ones.
  std::vector<std::vector<double>> roundings;
  const auto add_rounding = [&](const std::vector<double>& change) {
    std::vector<double>& rounding = roundings.emplace_back(got.size(), 0.0);
    for (std::size_t c = 0; c < got.size(); ++c) {
      const double value = line.value[c] + (change.empty() ? 0.0 : change[c]);
      const double error = rounded_to(dtype, value) - line.value[c];
      if (weights[c] > 0.0 && std::isfinite(error)) rounding[c] = error * weights[c];
    }
  };
  add_rounding({});
  for (std::size_t d = 0; d < changes.size(); ++d)
    if (is_rounding(d)) add_rounding(changes[d]);
  const std::uint64_t truth = signature_of(line.value);
  for (std::size_t d = 0; d < changes.size(); ++d) {
    if (changes[d].empty() || is_rounding(d)) continue;
    if (std::any_of(changes[d].begin(), changes[d].end(), [](double change) { return !std::isfinite(change); })) {
      sums_[d].is_finite = false;
      continue;
    }
    for (std::size_t c = 0; c < line.bound.size(); ++c)
      sums_[d].breaks_bound = sums_[d].breaks_bound || std::fabs(changes[d][c]) > 2.0 * line.bound[c];
    double product = 0.0;
    double square = 0.0;
    double coherent = 0.0;
    std::vector<double> rounded(roundings.size(), 0.0);
    for (std::size_t c = 0; c < changes[d].size(); ++c) {
      product += weighed[c] * changes[d][c];
      square += weights[c] * changes[d][c] * changes[d][c];
      if (!line.coherent.empty()) coherent += weights[c] * line.coherent[c] * std::fabs(changes[d][c]);
      for (std::size_t way = 0; way < roundings.size(); ++way)
        rounded[way] += roundings[way][c] * changes[d][c];
    }
    Sums one{.products = product, .squares = square, .coherent = coherent, .rounded = std::move(rounded)};
    one.clusters[truth] = {.products = product, .squares = square, .lengths = std::sqrt(square)};
    sums_[d].add(one);
  }
}

double MatchedFilter::Sums::most_rounded(double sign) const {
  double most = 0.0;
  for (const double one : rounded)
    most = std::max(most, sign * one);
  return most;
}

void MatchedFilter::Sums::add(const Sums& other) {
  products += other.products;
  squares += other.squares;
  coherent += other.coherent;
  is_finite = is_finite && other.is_finite;
  breaks_bound = breaks_bound || other.breaks_bound;
  rounded.resize(std::max(rounded.size(), other.rounded.size()), 0.0);
  for (std::size_t way = 0; way < other.rounded.size(); ++way)
    rounded[way] += other.rounded[way];
  for (const auto& [truth, cluster] : other.clusters) {
    Cluster& own = clusters[truth];
    own.products += cluster.products;
    own.squares += cluster.squares;
    own.lengths += cluster.lengths;
  }
}

void MatchedFilter::merge(const MatchedFilter& later) {
  if (later.lines_ > 0) dtype_ = later.dtype_;
  lines_ += later.lines_;
  width_ = std::max(width_, later.width_);
  errors_ += later.errors_;
  for (std::size_t d = 0; d < sums_.size(); ++d)
    sums_[d].add(later.sums_[d]);
}

double MatchedFilter::variance(const Sums& sums) const {
  const double c = sums.products / sums.squares;
  double independent = 0.0;
  double fourth_powers = 0.0;
  double scatter = 0.0;
  for (const auto& [truth, cluster] : sums.clusters) {
    const double square = cluster.lengths * cluster.lengths;
    const double beside = cluster.products - c * cluster.squares;
    independent += square;
    fourth_powers += square * square;
    scatter += beside * beside;
  }
  const double carrying_lines = independent * independent / fourth_powers;
  return carrying_lines >= enough_lines ? std::max(independent, scatter) : width_ * independent;
}

DefectFigure MatchedFilter::figure(std::size_t defect) const {
  const Sums& sums = sums_[defect];
  DefectFigure figure{.name = std::string(known_[defect].name)};
  if (!sums.is_finite) {
    figure.sensitivity = figure.expected_z = std::numeric_limits<double>::max();
    figure.limit_z = DefectFigure::greatest_z;
    return figure;
  }
  if (!(sums.squares > 0.0)) return figure;
  figure.sensitivity = std::sqrt(sums.squares);
  const double noise = std::sqrt(variance(sums));
  figure.z = sums.products / noise;
  figure.c = sums.products / sums.squares;
  figure.expected_z = sums.squares / noise;
  figure.limit_z = DefectFigure::greatest_z + (sums.coherent + sums.most_rounded(1.0)) / noise;
  return figure;
}

double MatchedFilter::ratio(std::size_t defect) const {
  const DefectFigure held = figure(defect);
  if (held.sensitivity == 0.0 || !sums_[defect].is_finite) return 0.0;
  const double share = std::max(greatest_c(dtype_), known_[defect].least_share);
  // Errors against the defect are held against what roundings make against it.
  const double noise = sums_[defect].products / held.z;
  const double limit =
      held.z < 0.0 ? DefectFigure::greatest_z + (sums_[defect].coherent + sums_[defect].most_rounded(-1.0)) / noise
                   : held.limit_z;
  const double flagged = std::min(std::fabs(held.z) / limit, std::fabs(held.c) / share);
  const double least_c = std::fabs(held.c) - limit / held.expected_z;
  return least_c > 0.0 ? std::min(flagged, greatest_share / least_c) : flagged;
}

std::vector<DefectFigure> MatchedFilter::figures(bool judges) const {
  std::vector<DefectFigure> result;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    if (is_rounding(d)) continue;
    result.push_back(figure(d));
    if (!judges && sums_[d].is_finite && !sums_[d].breaks_bound) result.back().limit_z = 0.0;
  }
  return result;
}

std::optional<MatchedFilter::Judgement> MatchedFilter::judge() const {
  std::optional<Judgement> worst;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    if (!sums_[d].is_finite || !(sums_[d].squares > 0.0)) continue;
    if (!worst || ratio(d) > worst->ratio) worst = {.ratio = ratio(d), .defect = figure(d)};
  }
  return worst;
}

std::optional<MatchedFilter::Recognition> MatchedFilter::recognised() const {
  // What taking the whole change away takes from the squares of the errors.
  const auto explained = [this](std::size_t d) { return 2.0 * sums_[d].products - sums_[d].squares; };
  std::optional<Recognition> best;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    if (!(explained(d) > (best ? best->explained : 0.0))) continue;
    const DefectFigure held = figure(d);
    const bool is_flagged = ratio(d) > 1.0 && held.c > 0.5 && held.c < 2.0;
    if (!is_flagged && !(explained(d) > 0.5 * errors_)) continue;
    best = {.explained = explained(d), .defect = held};
  }
  const std::string first = best ? best->defect.name : "";
  for (std::size_t d = 0; best && d < sums_.size(); ++d) {
    if (known_[d].name != first && explained(d) > (1.0 - indistinguishable) * best->explained)
      best->defect.name += fmt::format(" or {}", known_[d].name);
  }
  return best;
}

std::string text_of(const DefectFigure& defect, std::string_view output) {
  return fmt::format("looks like: {} (c = {:.2f}) in {}", defect.name, defect.c, output);
}

}  // namespace attest
