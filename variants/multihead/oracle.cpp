// The truth of the module, and how far an honest kernel may be from it.
//
// Each stage is judged on the kernel's own stage inputs, where the bounds are sharp: the projections on x, the weights
// and the context on the kernel's heads, the output on the kernel's context. The output is also judged from x, through
// all stages, with every stage's error carried on; that bound is loose, because errors that the softmax averages away
// are added up, but it does not trust the kernel with anything.
//
// Rules P and S hold stage by stage as well; of the output from x, P adds the projection's share to the known distance
// of the kernel's own context from the truth, and S takes the variances of all stages:
//
//     Var(score_j) = scale^2 sum_c (k_jc^2 Var(q_c) + q_c^2 Var(k_jc))
//     Var(context) = C(P) sum_j P_j scale^2 sum_c k_jc^2 Var(q_c)     a query's error moves all scores of its row
//                    + sum_j P_j^2 (kappa v_j - O)^2 scale^2 sum_c q_c^2 Var(k_jc) + sum_j kappa^2 P_j^2 Var(v_j) + own
//     Var(out) = sum_heads (sum_c |W_c| std(context_c))^2 + own         errors within a head may depend on each other
//
// Rule M holds the context against the defects of softmax attention on the kernel's own heads, and every projection
// against its own (oracle_defects.hpp).
//
// Sums are plain double: the error of d_model of them is 2^-29 of the bound of a kernel in f32.

#include "harness/core/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "reference/bounds.hpp"
#include "reference/softmax_bound.hpp"
#include "reference/softmax_chance.hpp"
#include "reference/softmax_oracle.hpp"
#include "reference/softmax_row.hpp"
#include "variants/multihead/kernels.hpp"
#include "variants/multihead/oracle_defects.hpp"
#include "variants/multihead/oracle_projection.hpp"
#include "variants/multihead/shapes.hpp"

namespace attest::multihead {
namespace {

void append(const std::vector<double>& more, std::vector<double>& all) {
  all.insert(all.end(), more.begin(), more.end());
}

double square(double x) {
  return x * x;
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

class ModuleOracle final : public Oracle {
 public:
  ModuleOracle(const Problem& problem, const TensorSet& inputs, const TensorSet& outputs)
      : problem_(problem),
        width_(model_width(problem)),
        w_q_(inputs, "q", width_),
        w_k_(inputs, "k", width_),
        w_v_(inputs, "v", width_),
        w_o_(inputs, "o", width_),
        x_(inputs.at("x")),
        context_(outputs.at("context")) {
    const TensorView& x_kv = inputs.at(is_cross(problem) ? "x_kv" : "x");
    const Shape head_keys{problem.batch, problem.heads_q, problem.seq_kv, problem.head_dim};
    true_q_ = Tensor(DType::f64, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim});
    true_k_ = Tensor(DType::f64, head_keys);
    true_v_ = Tensor(DType::f64, head_keys);
    for (std::int64_t b = 0; b < problem.batch; ++b) {
      for (std::int64_t row = 0; row < problem.seq_q; ++row)
        keep(w_q_(token_of(x_, b, row)), b, row, true_q_, magnitude_q_);
      for (std::int64_t row = 0; row < problem.seq_kv; ++row) {
        const std::vector<double> token = token_of(x_kv, b, row);
        keep(w_k_(token), b, row, true_k_, magnitude_k_);
        keep(w_v_(token), b, row, true_v_, magnitude_v_);
      }
    }
    Problem exact = problem;
    exact.dtype = DType::f64;
    TensorSet stage, whole;
    stage.add("q", outputs.at("heads_q"));
    stage.add("k", outputs.at("heads_k"));
    stage.add("v", outputs.at("heads_v"));
    whole.add("q", true_q_.view());
    whole.add("k", true_k_.view());
    whole.add("v", true_v_.view());
    for (const char* name : {"mask", "kv_lengths"}) {
      if (const TensorView* view = inputs.find(name)) {
        stage.add(name, *view);
        whole.add(name, *view);
      }
    }
    stage_oracle_ = make_softmax_oracle(spec_, problem, stage);
    stage_ = std::make_unique<SoftmaxInputs>(spec_, problem, stage);
    whole_ = std::make_unique<SoftmaxInputs>(spec_, exact, whole);
    defects_ = std::make_unique<ModuleDefects>(problem, *stage_oracle_,
                                               ModuleStages{.x = x_,
                                                            .x_kv = x_kv,
                                                            .context = context_,
                                                            .q = {.linear = w_q_, .heads = true_q_.view()},
                                                            .k = {.linear = w_k_, .heads = true_k_.view()},
                                                            .v = {.linear = w_v_, .heads = true_v_.view()},
                                                            .o = w_o_});
  }

  RowPlace extent() const override { return {problem_.batch, 1, problem_.seq_q}; }

  /// In keys of d + dv numbers each: every head's keys for two stages, and the products with d_model x d_model
  /// matrices.
  double row_cost() const override {
    const auto width = static_cast<double>(width_);
    return 3.0 * static_cast<double>(problem_.heads_q * problem_.seq_kv) +
           4.0 * width * width / static_cast<double>(2 * problem_.head_dim);
  }

  std::vector<KnownDefect> defects(const Arithmetic& arithmetic) const override { return defects_->known(arithmetic); }

  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const override {
    return defects_->changes(place, arithmetic);
  }

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    rows.clear();
    rows.push_back(output_row(place, arithmetic));
    OutputRow context{.output = "context", .index = {place.batch, place.row}, .value = {}, .bound = {}, .plain = {}};
    for (std::int64_t head = 0; head < problem_.heads_q; ++head) {
      const RowPlace own{place.batch, head, place.row};
      rows.push_back(weights_row(own, arithmetic));
      std::vector<OutputRow> lines;
      stage_oracle_->row(own, arithmetic, lines);
      for (const OutputRow& line : lines) {
        if (line.output != "out") continue;
        append(line.value, context.value);
        append(line.bound, context.bound);
        append(line.probable, context.probable);
        append(line.deviation, context.deviation);
        append(line.coherent, context.coherent);
      }
      rows.push_back(head_row("heads_q", true_q_.view(), magnitude_q_, own, arithmetic));
      // The places are query rows: each brings the keys that are its own number modulo the number of query rows.
      for (std::int64_t key = place.row; key < problem_.seq_kv; key += problem_.seq_q) {
        rows.push_back(head_row("heads_k", true_k_.view(), magnitude_k_, {place.batch, head, key}, arithmetic));
        rows.push_back(head_row("heads_v", true_v_.view(), magnitude_v_, {place.batch, head, key}, arithmetic));
      }
    }
    rows.push_back(std::move(context));
  }

 private:
  /// Appends a token's magnitudes and puts its values into their heads.
  void keep(const Projected& token, std::int64_t b, std::int64_t row, const Tensor& heads,
            std::vector<double>& magnitudes) const {
    const TensorView& view = heads.view();
    for (std::int64_t c = 0; c < width_; ++c) {
      view.as<double>()[view.offset(b, c / problem_.head_dim, row, c % problem_.head_dim)] =
          token.value[static_cast<std::size_t>(c)];
    }
    magnitudes.insert(magnitudes.end(), token.magnitude.begin(), token.magnitude.end());
  }

  double head_error(const TensorView& truth, const std::vector<double>& magnitudes, const RowPlace& place,
                    std::int64_t c, const Arithmetic& arithmetic) const {
    return projection_error(width_, arithmetic, head_magnitude(truth, magnitudes, place, c),
                            truth.load(place.batch, place.head, place.row, c));
  }

  double head_magnitude(const TensorView& truth, const std::vector<double>& magnitudes, const RowPlace& place,
                        std::int64_t c) const {
    const std::int64_t token = place.batch * truth.shape[2] + place.row;
    return magnitudes[static_cast<std::size_t>(token * width_ + place.head * problem_.head_dim + c)];
  }

  double head_deviation(const TensorView& truth, const std::vector<double>& magnitudes, const RowPlace& place,
                        std::int64_t c, const Arithmetic& arithmetic) const {
    return projection_chance(width_, arithmetic, head_magnitude(truth, magnitudes, place, c),
                             truth.load(place.batch, place.head, place.row, c))
        .deviation;
  }

  OutputRow head_row(std::string_view name, const TensorView& truth, const std::vector<double>& magnitudes,
                     const RowPlace& place, const Arithmetic& arithmetic) const {
    OutputRow line{
        .output = name, .index = {place.batch, place.head, place.row}, .value = {}, .bound = {}, .plain = {}};
    for (std::int64_t c = 0; c < problem_.head_dim; ++c) {
      line.value.push_back(truth.load(place.batch, place.head, place.row, c));
      line.bound.push_back(head_error(truth, magnitudes, place, c, arithmetic));
      const ProjectionChance chance =
          projection_chance(width_, arithmetic, head_magnitude(truth, magnitudes, place, c), line.value.back());
      line.probable.push_back(chance.probable);
      line.deviation.push_back(chance.deviation);
      line.coherent.push_back(chance.coherent);
    }
    return line;
  }

  /// Weights from the kernel's own heads: each is exp of a score that is off by eta, over a sum whose every term is.
  OutputRow weights_row(const RowPlace& place, const Arithmetic& arithmetic) const {
    OutputRow line{.output = "weights",
                   .index = {place.batch, place.head, place.row},
                   .value = std::vector<double>(static_cast<std::size_t>(problem_.seq_kv), 0.0),
                   .bound = std::vector<double>(static_cast<std::size_t>(problem_.seq_kv), 0.0),
                   .plain = {}};
    const RowScores scores = score_row(*stage_, place);
    const bool lost = scores.not_a_number || scores.infinite;
    const ScoreErrors errors = lost ? ScoreErrors{} : score_errors(*stage_, arithmetic, scores);
    const ScoreChances chances = lost ? ScoreChances{} : score_chances(*stage_, arithmetic, scores);
    const double u = judged_roundoff(arithmetic);
    const double sum_error = gamma(chain_length(arithmetic, static_cast<std::int64_t>(scores.key.size())), u) + 4.0 * u;
    if (!lost && arithmetic.truncated_chunk == 0 && chances.excess.empty()) {
      line.probable.assign(line.value.size(), 0.0);
      line.deviation.assign(line.value.size(), 0.0);
    }
    for (std::size_t n = 0; n < scores.key.size(); ++n) {
      const auto key = static_cast<std::size_t>(scores.key[n]);
      if (lost) {
        line.value[key] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      const double weight = scores.multiplier[n] * scores.weight[n] / scores.sum;
      const double moved = std::expm1(std::min(errors.eta[n], 300.0) + errors.greatest);
      line.value[key] = weight;
      line.bound[key] =
          weight * (moved * (1.0 + sum_error) + sum_error) + scores.multiplier[n] * 4.0 * underflow_floor(arithmetic);
      // Rules P and S; truncating sums err to one side and far keys as they like: both are left to rule F.
      if (line.probable.empty()) continue;
      const double kept = scores.multiplier[n];
      const double own = kept > 0.0 ? kept * chances.moments[n].shift : 0.0;
      const double variance = own + weight * weight * (chances.shift_squares + sum_error * u);
      const double coherent =
          weight * 2.0 * (u * std::fabs(scores.score[n] - chances.slope) + arithmetic.exponential + u * scores.largest);
      const double tiny = kept * 4.0 * underflow_floor(arithmetic);
      line.probable[key] =
          (far_out * std::sqrt(variance) + coherent) * (1.0 + 4.0 * errors.greatest) + 3.0 * u * weight + tiny;
      line.deviation[key] = typical_rounding * std::sqrt(variance + 9.0 * u * u * weight * weight) + coherent + tiny;
    }
    return line;
  }

  /// How much the errors of q and k move each score of the row, at most.
  ScoreErrors carried_score_errors(const RowPlace& place, const Arithmetic& arithmetic, const RowScores& scores) const {
    ScoreErrors errors = score_errors(*whole_, arithmetic, scores);
    const double u = judged_roundoff(arithmetic);
    const double rounding = gamma(static_cast<double>(problem_.head_dim) + 1.0, u);
    std::vector<double> moved(scores.key.size(), 0.0);
    double greatest = 0.0;
    for (std::size_t n = 0; n < scores.key.size(); ++n) {
      const RowPlace key{place.batch, place.head, scores.key[n]};
      for (std::int64_t c = 0; c < problem_.head_dim; ++c) {
        const double q = std::fabs(true_q_.view().load(place.batch, place.head, place.row, c));
        const double k = std::fabs(true_k_.view().load(key.batch, key.head, key.row, c));
        const double q_error = head_error(true_q_.view(), magnitude_q_, place, c, arithmetic);
        const double k_error = head_error(true_k_.view(), magnitude_k_, key, c, arithmetic);
        moved[n] += q_error * k + q * k_error + q_error * k_error;
      }
      moved[n] *= std::fabs(problem_.effective_scale()) * (1.0 + rounding);
      greatest = std::max(greatest, moved[n]);
    }
    for (std::size_t n = 0; n < scores.key.size(); ++n) {
      // The last term: the scores that score_errors() took the rounding from have moved too.
      errors.eta[n] = std::min(errors.eta[n] + moved[n] + 11.0 * u * greatest, 300.0);
      errors.growth[n] = std::expm1(errors.eta[n]);
      errors.greatest = std::max(errors.greatest, errors.eta[n]);
    }
    return errors;
  }

  /// The context of a row from x, and its bound; false where a visible value is not finite.
  bool whole_context(const RowPlace& place, const Arithmetic& arithmetic, std::vector<double>& value,
                     std::vector<double>& bound, std::vector<double>& deviation) const {
    for (std::int64_t head = 0; head < problem_.heads_q; ++head) {
      const RowPlace own{place.batch, head, place.row};
      const RowScores scores = score_row(*whole_, own);
      if (scores.not_a_number || scores.infinite) return false;
      const auto dim = static_cast<std::size_t>(problem_.head_dim);
      if (scores.key.empty()) {
        value.insert(value.end(), dim, 0.0);
        bound.insert(bound.end(), dim, 0.0);
        deviation.insert(deviation.end(), dim, 0.0);
        continue;
      }
      const ScoreErrors errors = carried_score_errors(own, arithmetic, scores);
      const RowColumns columns = average_values(*whole_, own, scores, errors.growth, {});
      std::vector<double> head_bound = output_bounds(*whole_, arithmetic, scores, errors, columns);
      const double inflation = std::exp(2.0 * errors.greatest) * (1.0 + 0x1p-10);
      for (std::size_t n = 0; n < scores.key.size(); ++n) {
        const double weight = scores.multiplier[n] * scores.weight[n] / scores.sum;
        for (std::size_t c = 0; c < dim; ++c) {
          head_bound[c] += weight * inflation *
                           head_error(true_v_.view(), magnitude_v_, {place.batch, head, scores.key[n]},
                                      static_cast<std::int64_t>(c), arithmetic);
        }
      }
      value.insert(value.end(), columns.out.begin(), columns.out.begin() + problem_.head_dim);
      append(head_bound, bound);
      append(whole_deviation(own, arithmetic, scores), deviation);
    }
    return all_finite(value);
  }

  /// Standard deviations of one head's context, from x.
  std::vector<double> whole_deviation(const RowPlace& place, const Arithmetic& arithmetic,
                                      const RowScores& scores) const {
    const ScoreErrors errors = score_errors(*whole_, arithmetic, scores);
    const ScoreChances chances = score_chances(*whole_, arithmetic, scores);
    const RowColumns columns = average_values(*whole_, place, scores, errors.growth, {}, chances.moments);
    std::vector<double> variance;
    const Chance chance = output_chances(*whole_, place, arithmetic, scores, errors, chances, columns);
    for (std::size_t c = 0; c < chance.bound.size(); ++c)
      variance.push_back(std::isinf(chance.bound[c]) ? chance.bound[c] : square(chance.deviation[c]));
    const double scale = problem_.effective_scale();
    std::vector<double> query, query_deviation;
    for (std::int64_t c = 0; c < problem_.head_dim; ++c) {
      query.push_back(scale * true_q_.view().load(place.batch, place.head, place.row, c));
      query_deviation.push_back(scale * head_deviation(true_q_.view(), magnitude_q_, place, c, arithmetic));
    }
    double of_query = 0.0;
    for (std::size_t n = 0; n < scores.key.size(); ++n) {
      const RowPlace at{place.batch, place.head, scores.key[n]};
      double through_query = 0.0;
      double through_key = 0.0;
      for (std::int64_t c = 0; c < problem_.head_dim; ++c) {
        const auto column = static_cast<std::size_t>(c);
        through_query += square(true_k_.view().load(at.batch, at.head, at.row, c) * query_deviation[column]);
        through_key += square(query[column] * head_deviation(true_k_.view(), magnitude_k_, at, c, arithmetic));
      }
      const double weight = scores.weight[n] / scores.sum;
      const double kept = scores.multiplier[n];
      of_query += weight * through_query;
      for (std::size_t c = 0; c < variance.size(); ++c) {
        const auto column = static_cast<std::int64_t>(c);
        const double v = true_v_.view().load(at.batch, at.head, at.row, column);
        variance[c] += square(weight * (kept * v - columns.out[c])) * through_key +
                       square(weight * kept * head_deviation(true_v_.view(), magnitude_v_, at, column, arithmetic));
      }
    }
    for (std::size_t c = 0; c < variance.size(); ++c) {
      const double spread = std::max(0.0, columns.squares[c] - columns.out[c] * columns.out[c]);
      variance[c] = std::sqrt(variance[c] + spread * of_query);
    }
    return variance;
  }

  /// The output from x. An honest kernel is within `bound` of it by two ways: through all stages, and by what its own
  /// context gives, which lies a known distance away; the smaller of the two counts.
  OutputRow output_row(const RowPlace& place, const Arithmetic& arithmetic) const {
    const Projected own = w_o_(token_of(context_, place.batch, place.row));
    OutputRow line{.output = "out", .index = {place.batch, place.row}, .value = own.value, .bound = {}, .plain = {}};
    for (std::size_t c = 0; c < own.value.size(); ++c)
      line.bound.push_back(projection_error(width_, arithmetic, own.magnitude[c], own.value[c]));

    std::vector<double> context, context_bound, deviation;
    if (!all_finite(own.value) || !whole_context(place, arithmetic, context, context_bound, deviation)) return line;
    const Projected whole = w_o_(context);
    const std::vector<double> carried = w_o_.carried(context_bound);
    for (std::size_t c = 0; c < line.value.size(); ++c) {
      const double through = carried[c] + projection_error(width_, arithmetic, whole.magnitude[c] + carried[c],
                                                           std::fabs(whole.value[c]) + carried[c]);
      const double distance = std::fabs(own.value[c] - whole.value[c]);
      line.bound[c] = std::min(through, distance + line.bound[c]);
      const ProjectionChance chance = projection_chance(width_, arithmetic, own.magnitude[c], own.value[c]);
      line.probable.push_back(chance.probable + distance);
      line.deviation.push_back(chance.deviation);
    }
    // Truncating sums err to one side: their errors do not add up by variances.
    if (arithmetic.truncated_chunk > 0) {
      line.deviation.clear();
    } else {
      // Errors of a key or value are the same in every row that sees it.
      const std::vector<double> before = w_o_.carried_deviations(deviation, problem_.head_dim);
      line.coherent = before;
      for (std::size_t c = 0; c < line.deviation.size(); ++c)
        line.deviation[c] = std::sqrt(line.deviation[c] * line.deviation[c] + before[c] * before[c]);
    }
    line.value = whole.value;
    return line;
  }

  const Spec spec_{};
  Problem problem_;
  std::int64_t width_;
  Linear w_q_, w_k_, w_v_, w_o_;
  TensorView x_, context_;
  Tensor true_q_, true_k_, true_v_;                              ///< heads from x, in double
  std::vector<double> magnitude_q_, magnitude_k_, magnitude_v_;  ///< |x| |W| + |b|, a token after the other
  std::unique_ptr<Oracle> stage_oracle_;                         ///< on the kernel's heads
  std::unique_ptr<SoftmaxInputs> stage_, whole_;
  std::unique_ptr<ModuleDefects> defects_;
};

}  // namespace

std::unique_ptr<Oracle> make_module_oracle(const Problem& problem, const TensorSet& inputs, const TensorSet& outputs) {
  return std::make_unique<ModuleOracle>(problem, inputs, outputs);
}

}  // namespace attest::multihead
