#include "harness/verify/matched_filter.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace attest {
namespace {

// With fewer lines their own scatter says little of the variance.
constexpr double enough_lines = 32.0;
// Defects that explain as much as the best, but for this share, are named with it.
constexpr double indistinguishable = 1e-3;

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
  for (std::size_t d = 0; d < changes.size(); ++d) {
    double product = 0.0;
    double square = 0.0;
    double coherent = 0.0;
    for (std::size_t c = 0; c < changes[d].size(); ++c) {
      product += weighed[c] * changes[d][c];
      square += weights[c] * changes[d][c] * changes[d][c];
      if (!line.coherent.empty()) coherent += weights[c] * line.coherent[c] * std::fabs(changes[d][c]);
    }
    Sums& sums = sums_[d];
    sums.products += product;
    sums.squares += square;
    sums.product_squares += product * product;
    sums.products_squares += product * square;
    sums.fourth_powers += square * square;
    sums.coherent += coherent;
  }
}

void MatchedFilter::merge(const MatchedFilter& later) {
  if (later.lines_ > 0) dtype_ = later.dtype_;
  lines_ += later.lines_;
  width_ = std::max(width_, later.width_);
  errors_ += later.errors_;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    sums_[d].products += later.sums_[d].products;
    sums_[d].squares += later.sums_[d].squares;
    sums_[d].product_squares += later.sums_[d].product_squares;
    sums_[d].products_squares += later.sums_[d].products_squares;
    sums_[d].fourth_powers += later.sums_[d].fourth_powers;
    sums_[d].coherent += later.sums_[d].coherent;
  }
}

double MatchedFilter::variance(const Sums& sums) const {
  const double carrying_lines = sums.squares * sums.squares / sums.fourth_powers;
  if (!(carrying_lines >= enough_lines)) return width_ * sums.squares;
  const double c = sums.products / sums.squares;
  const double scatter = sums.product_squares - 2.0 * c * sums.products_squares + c * c * sums.fourth_powers;
  return std::max(sums.squares, scatter);
}

DefectFigure MatchedFilter::figure(std::size_t defect) const {
  const Sums& sums = sums_[defect];
  DefectFigure figure{.name = std::string(known_[defect].name)};
  if (!(sums.squares > 0.0)) return figure;
  figure.sensitivity = std::sqrt(sums.squares);
  const double noise = std::sqrt(variance(sums));
  figure.z = sums.products / noise;
  figure.c = sums.products / sums.squares;
  figure.expected_z = sums.squares / noise;
  figure.limit_z = DefectFigure::greatest_z + sums.coherent / noise;
  return figure;
}

double MatchedFilter::ratio(std::size_t defect) const {
  const DefectFigure held = figure(defect);
  if (held.sensitivity == 0.0) return 0.0;
  const double share = std::max(greatest_c(dtype_), known_[defect].least_share);
  return std::min(std::fabs(held.z) / held.limit_z, std::fabs(held.c) / share);
}

std::vector<DefectFigure> MatchedFilter::figures() const {
  std::vector<DefectFigure> result;
  for (std::size_t d = 0; d < sums_.size(); ++d)
    result.push_back(figure(d));
  return result;
}

std::optional<MatchedFilter::Judgement> MatchedFilter::judge() const {
  std::optional<Judgement> worst;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    if (!(sums_[d].squares > 0.0)) continue;
    if (!worst || ratio(d) > worst->ratio) worst = {.ratio = ratio(d), .defect = figure(d)};
  }
  return worst;
}

std::optional<DefectFigure> MatchedFilter::recognised() const {
  // What taking the whole change away takes from the squares of the errors.
  const auto explained = [this](std::size_t d) { return 2.0 * sums_[d].products - sums_[d].squares; };
  std::optional<DefectFigure> best;
  double most = 0.0;
  for (std::size_t d = 0; d < sums_.size(); ++d) {
    if (!(explained(d) > most)) continue;
    const DefectFigure held = figure(d);
    const bool is_flagged = ratio(d) > 1.0 && held.c > 0.5 && held.c < 2.0;
    if (!is_flagged && !(explained(d) > 0.5 * errors_)) continue;
    most = explained(d);
    best = held;
  }
  for (std::size_t d = 0; best && d < sums_.size(); ++d) {
    if (known_[d].name != best->name && explained(d) > (1.0 - indistinguishable) * most)
      best->name += fmt::format(" or {}", known_[d].name);
  }
  return best;
}

std::string text_of(const DefectFigure& defect) {
  return fmt::format("looks like: {} (c = {:.2f})", defect.name, defect.c);
}

}  // namespace attest
