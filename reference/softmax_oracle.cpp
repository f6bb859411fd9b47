#include "reference/softmax_oracle.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <mutex>
#include <numbers>
#include <optional>

#include "reference/bounds.hpp"
#include "reference/plain.hpp"
#include "reference/softmax_bound.hpp"
#include "reference/softmax_chance.hpp"
#include "reference/softmax_defects.hpp"
#include "reference/softmax_quad.hpp"
#include "reference/softmax_row.hpp"
#include "reference/softmax_sight.hpp"

namespace attest {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

class SoftmaxOracle final : public Oracle {
 public:
  SoftmaxOracle(const Spec& spec, const Problem& problem, const TensorSet& tensors)
      : inputs_(spec, problem, tensors), defects_(inputs_) {
    // Asking the spec whether a key is there costs about as much as working through 16 elements.
    const double scan =
        16.0 * static_cast<double>(problem.seq_kv) / static_cast<double>(problem.head_dim + problem.head_dim_v);
    const std::int64_t step = std::max<std::int64_t>(1, problem.seq_q / 8);
    for (std::int64_t batch = 0; batch < problem.batch; batch += std::max<std::int64_t>(1, problem.batch / 4)) {
      for (std::int64_t row = problem.seq_q - 1; row >= 0; row -= step) {
        row_cost_ = std::max(row_cost_, scan + static_cast<double>(inputs_.count_visible(batch, row)));
      }
    }
    if (problem.dtype == DType::f64) row_cost_ *= quad_cost;
  }

  RowPlace extent() const override {
    return {.batch = inputs_.problem.batch, .head = inputs_.problem.heads_q, .row = inputs_.problem.seq_q};
  }

  double row_cost() const override { return row_cost_; }

  std::optional<bool> sees_not_finite(const RowPlace& place) const override {
    std::call_once(sight_made_, [this] { sight_.emplace(inputs_); });
    return sight_->sees(place);
  }

  std::vector<KnownDefect> defects(const Arithmetic& arithmetic) const override { return defects_.known(arithmetic); }

  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const override {
    return defects_.changes(place, arithmetic);
  }

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    const auto width = static_cast<std::size_t>(inputs_.problem.head_dim_v);
    const std::vector<std::int64_t> index{place.batch, place.head, place.row};
    rows.resize(2);
    OutputRow& out = rows[0];
    OutputRow& lse = rows[1];
    out = {.output = "out", .index = index, .value = {}, .bound = {}, .plain = {}};
    lse = {.output = "lse", .index = index, .value = {}, .bound = {}, .plain = {}};

    const RowScores scores = score_row(inputs_, place);
    if (scores.key.empty()) {
      fill(out, width, 0.0, 0.0);
      fill(lse, 1, -infinity, 0.0);
    } else if (scores.not_a_number || scores.infinite) {
      // exp(inf - inf) is NaN; only lse may also be seen as the infinity that the sum tends to.
      fill(out, width, not_a_number, 0.0);
      fill(lse, 1, not_a_number, scores.not_a_number ? 0.0 : infinity);
    } else {
      average(place, arithmetic, scores, out, lse);
    }
  }

 private:
  static void fill(OutputRow& line, std::size_t width, double value, double bound) {
    line.value.assign(width, value);
    line.bound.assign(width, bound);
    line.plain.assign(width, value);
    line.probable.assign(width, bound);
    line.deviation.assign(width, 0.0);
  }

  void average(const RowPlace& place, const Arithmetic& arithmetic, const RowScores& scores, OutputRow& out,
               OutputRow& lse) const {
    const ScoreErrors errors = score_errors(inputs_, arithmetic, scores);
    const PlainWeights plain = plain_weights(inputs_.problem, scores);
    const ScoreChances chances = score_chances(inputs_, arithmetic, scores);
    const RowColumns columns = average_values(inputs_, place, scores, errors.growth, plain.weight, chances.moments);
    const std::int64_t width = inputs_.problem.head_dim_v;
    out.value.assign(columns.out.begin(), columns.out.begin() + width);
    lse.value = {scores.greatest + std::log(scores.sum)};
    if (accumulates_in_double(arithmetic)) {
      QuadRow better = quad_row(inputs_, place, scores);
      out.value = std::move(better.out);
      lse.value = {better.lse};
    }
    out.bound = output_bounds(inputs_, arithmetic, scores, errors, columns);
    out.proves_nothing = limit_to_values(inputs_, place, arithmetic, scores, errors, columns, out.bound);
    out.may_overflow = lse.may_overflow = may_overflow(arithmetic, scores);
    Chance chance = output_chances(inputs_, place, arithmetic, scores, errors, chances, columns);
    out.probable = std::move(chance.bound);
    out.deviation = std::move(chance.deviation);
    out.coherent = std::move(chance.coherent);
    for (std::int64_t c = 0; c < width; ++c) {
      if (std::isfinite(columns.out[c]) && std::isfinite(columns.magnitude[c])) continue;
      const Propagated propagated = propagate(inputs_, place, scores, c);
      out.value[c] = propagated.value;
      out.bound[c] = propagated.certain ? 0.0 : infinity;
      out.probable[c] = out.bound[c];
      out.deviation[c] = 0.0;
    }
    lse.bound = {lse_bound(arithmetic, scores, errors)};
    chance = lse_chance(arithmetic, scores, chances);
    lse.probable = std::move(chance.bound);
    lse.deviation = std::move(chance.deviation);
    lse.coherent = std::move(chance.coherent);
    // A logarithm's own error is a function of l, which may be nearly the same in all rows.
    for (double& coherent : lse.coherent)
      coherent += 2.0 * std::max(Roundoffs(arithmetic).unit, 0x1p-24) * std::fabs(std::log(scores.sum));
    if (!plain.weight.empty()) {
      for (std::int64_t c = 0; c < width; ++c)
        out.plain.push_back(rounded_to(inputs_.problem.dtype, columns.plain[c]));
      lse.plain = {plain.lse};
    }
  }

  /// Whether a partial sum of products of q and k, in any order, may exceed f32, before or after the scale (times log2
  /// e in kernels that work in base 2), or a stored score f16. A partial sum, of whichever terms, is at most the sum of
  /// those of one sign, (a + |s|) / 2, a being the sum of their magnitudes and s that of all; beside, roundings.
  bool may_overflow(const Arithmetic& arithmetic, const RowScores& scores) const {
    if (accumulates_in_double(arithmetic)) return false;
    const double rounding = gamma(static_cast<double>(inputs_.problem.head_dim) + 1.0, Roundoffs(arithmetic).unit);
    double partial = 0.0;
    double whole = 0.0;
    for (std::size_t j = 0; j < scores.magnitude.size(); ++j) {
      const double error = rounding * scores.magnitude[j];
      partial = std::max(partial, (scores.magnitude[j] + std::fabs(scores.scaled[j])) / 2.0 + error);
      whole = std::max(whole, std::fabs(scores.scaled[j]) + error);
    }
    const double before_scale = inputs_.scale != 0.0 ? partial / std::fabs(inputs_.scale) : 0.0;
    const bool stores_f16 = arithmetic.score == unit_roundoff(DType::f16);
    return std::max(std::numbers::log2e * partial, before_scale) >= static_cast<double>(FLT_MAX) ||
           (stores_f16 && whole >= 65504.0);
  }

  SoftmaxInputs inputs_;
  SoftmaxDefects defects_;
  mutable std::once_flag sight_made_;
  mutable std::optional<NotFiniteSight> sight_;  // only rows with NaN want it
  double row_cost_ = 0.0;
};

}  // namespace

std::unique_ptr<Oracle> make_softmax_oracle(const Spec& spec, const Problem& problem, const TensorSet& inputs) {
  return std::make_unique<SoftmaxOracle>(spec, problem, inputs);
}

}  // namespace attest
