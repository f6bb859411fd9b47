// The truth of linear attention, row by row from its definition, and the bound that follows from a kernel's arithmetic:
//
//     w_j = phi(q).phi(k_j), den = sum_j w_j + eps, O = sum_j w_j v_j / den, A = sum_j w_j |v_j| / den
//     dphi = e_phi phi (+ u where phi is computed literally as elu(x) + 1, which cancels)
//     dW_j = dphi_q.phi_k + phi_q.dphi_k + dphi_q.dphi_k        g = gamma(n + d) + gamma(state)
//     loss = sum_j dW_j / den + g
//     bound = [sum_j dW_j |v_j - O| / den + g (A + |O|)] / (1 - loss) + (3u + u_out) |O|
//
// Where the loss is so large that this says less, and where it reaches 1, so that the denominator may be lost: weights
// are not negative, so that the result lies between values, or between them and the 0 of a lost numerator,
//
//     bound = max(max_j |v_j - O|, |O|) + 2 g / (1 - g) max_j |v_j| + (3u + u_out) (|O| + max_j |v_j|)
//
// Rules P and S, where every error of a sum is independent of the others and those of the features are not (an
// exponential errs the same way wherever it is evaluated):
//
//     V = (n + d + state) u^2 (A^2 + O^2)        coh = sum_j dW_j |v_j - O| / den
//     probable = (6.5 sqrt(V) + coh) / (1 - ...) + (3u + u_out) |O|
//     deviation = 0.41 sqrt(V + (3u + u_out)^2 O^2) + coh
//
// exp of a number below -87 may be lost in f32, so dphi has twice the smallest normal number beside it.

#include "harness/core/oracle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "reference/bounds.hpp"
#include "reference/compensated.hpp"
#include "reference/row_loops.hpp"
#include "reference/softmax_oracle.hpp"
#include "reference/softmax_row.hpp"
#include "variants/linear/kernels.hpp"
#include "variants/linear/oracle_inputs.hpp"

namespace attest::linear {
namespace {

class LinearOracle final : public Oracle {
 public:
  LinearOracle(const Problem& problem, const TensorSet& inputs)
      : problem_(problem), inputs_(problem, inputs), defects_(inputs_) {}

  RowPlace extent() const override { return {problem_.batch, problem_.heads_q, problem_.seq_q}; }
  double row_cost() const override { return static_cast<double>(problem_.seq_kv); }

  std::vector<KnownDefect> defects(const Arithmetic& arithmetic) const override { return defects_.known(arithmetic); }
  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const override {
    return {{.output = "out",
             .index = {place.batch, place.head, place.row},
             .change = defects_.changes(place, arithmetic)}};
  }

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    rows.clear();
    OutputRow line{
        .output = "out", .index = {place.batch, place.head, place.row}, .value = {}, .bound = {}, .plain = {}};
    const auto columns = static_cast<std::size_t>(problem_.head_dim_v);
    const Weights weights = weigh(place, arithmetic);
    if (weights.denominator == 0.0) {
      line.value.assign(columns, 0.0);
      line.bound.assign(columns, 0.0);
      line.probable.assign(columns, 0.0);
      line.deviation.assign(columns, 0.0);
      line.coherent.assign(columns, 0.0);
    } else {
      average(place, weights, arithmetic, line);
    }
    rows.push_back(std::move(line));
  }

 private:
  struct Weights {
    std::vector<double> weight, error;  ///< w_j and dW_j
    double denominator = 0.0, error_sum = 0.0;
  };

  /// w_j and dW_j, which for dphi = r phi + t is
  /// sum_c (r q + t) k + q (r k + t) + (r q + t)(r k + t) = (2 r + r^2) w + (1 + r) t (sum q + sum k) + d t^2
  Weights weigh(const RowPlace& place, const Arithmetic& arithmetic) const {
    const double relative = arithmetic.feature + arithmetic.input;
    const double fixed =
        (arithmetic.feature_literal ? judged_roundoff(arithmetic) : 0.0) + 2.0 * underflow_floor(arithmetic);
    const std::vector<double> query = inputs_.query_features(place);
    const double query_sum = std::accumulate(query.begin(), query.end(), 0.0);
    const std::shared_ptr<const KeyFeatures> keys = inputs_.key_features(place.batch, place.head / problem_.group());
    const std::int64_t visible = inputs_.visible(place);
    Weights weights;
    CompensatedSum denominator;
    denominator.add(inputs_.eps());
    for (std::int64_t j = 0; j < visible; ++j) {
      DotProduct weight;
      row_loops().dot(query.data(), keys->line(j), keys->width, false, &weight);
      const double sums = query_sum + keys->sums[static_cast<std::size_t>(j)];
      const double error = relative * (2.0 + relative) * weight.value + (1.0 + relative) * fixed * sums +
                           static_cast<double>(problem_.head_dim) * fixed * fixed;
      weights.weight.push_back(weight.value);
      weights.error.push_back(error);
      weights.error_sum += error;
      denominator.add(weight.value);
    }
    weights.denominator = denominator.value();
    return weights;
  }

  void average(const RowPlace& place, const Weights& weights, const Arithmetic& arithmetic, OutputRow& line) const {
    const auto keys = static_cast<std::int64_t>(weights.weight.size());
    const std::int64_t head = place.head / problem_.group();
    std::vector<double> v = padded_line(problem_.head_dim_v);
    std::vector<double> out(v.size()), lost(v.size()), magnitude(v.size()), absolute(v.size()), moved(v.size());
    const ColumnSums sums{out.data(), lost.data(), magnitude.data(), absolute.data()};
    for (std::int64_t j = 0; j < keys; ++j) {
      const double weight = weights.weight[static_cast<std::size_t>(j)];
      const Compensated halves = split(weight);
      load_line(inputs_.v, place.batch, head, j, v.data());
      row_loops().accumulate({.value = weight, .high = halves.value, .low = halves.error}, 1.0, v.data(), std::ssize(v),
                             inputs_.v.dtype != DType::f64, sums);
    }
    for (std::size_t c = 0; c < out.size(); ++c) {
      out[c] = (std::isfinite(out[c]) ? out[c] + lost[c] : out[c]) / weights.denominator;
      magnitude[c] /= weights.denominator;
    }
    std::vector<double> farthest(v.size()), largest(v.size());
    for (std::int64_t j = 0; j < keys; ++j) {
      load_line(inputs_.v, place.batch, head, j, v.data());
      for (std::size_t c = 0; c < v.size(); ++c) {
        farthest[c] = std::max(farthest[c], std::fabs(v[c] - out[c]));
        largest[c] = std::max(largest[c], std::fabs(v[c]));
      }
      row_loops().add_spread(weights.error[static_cast<std::size_t>(j)] / weights.denominator, 1.0, v.data(),
                             out.data(), std::ssize(v), moved.data());
    }
    for (std::int64_t c = 0; c < problem_.head_dim_v; ++c) {
      const auto at = static_cast<std::size_t>(c);
      add_element(weights, arithmetic,
                  {.out = out[at],
                   .magnitude = magnitude[at],
                   .coherent = moved[at],
                   .farthest = farthest[at],
                   .largest = largest[at]},
                  line);
    }
  }

  struct Element {
    double out, magnitude;
    double coherent;           ///< sum_j dW_j |v_j - O| / den
    double farthest, largest;  ///< max_j |v_j - O|, max_j |v_j|
  };

  void add_element(const Weights& weights, const Arithmetic& arithmetic, const Element& element,
                   OutputRow& line) const {
    const auto keys = static_cast<std::int64_t>(weights.weight.size());
    const double out = std::fabs(element.out);
    const double u = judged_roundoff(arithmetic);
    const double state = arithmetic.state_chain > 0 ? gamma(static_cast<double>(arithmetic.state_chain), u) : 0.0;
    // A row of few keys has no longer chain than those, whatever is declared for long ones.
    const double chain = std::min(chain_length(arithmetic, keys), static_cast<double>(keys));
    const double sums = gamma(chain + static_cast<double>(problem_.head_dim), u) + state;
    const double loss = weights.error_sum / weights.denominator + sums;
    const double inflation = loss < 1.0 ? 1.0 / (1.0 - loss) : std::numeric_limits<double>::infinity();
    const double storing = (3.0 * u + arithmetic.output) * out + arithmetic.output_floor;
    const double tiny = underflow_floor(arithmetic);
    const double between =
        std::max(element.farthest, out) + (2.0 * sums / (1.0 - sums) + 3.0 * u + arithmetic.output) * element.largest;
    const double moved = element.coherent + sums * (element.magnitude + out);
    const double bound = loss < 1.0 ? std::min(moved * inflation, between) : between;
    line.proves_nothing = (line.value.empty() || line.proves_nothing) && !(moved * inflation <= between);
    line.value.push_back(element.out);
    line.bound.push_back(bound + storing + tiny);

    const double steps = chain + static_cast<double>(problem_.head_dim + arithmetic.state_chain);
    const double variance = steps * u * u * (element.magnitude * element.magnitude + out * out);
    // Chances are of first order in the loss.
    const bool has_chance = loss <= 0.5;
    line.probable.push_back(has_chance ? (far_out * std::sqrt(variance) + element.coherent) * inflation + storing + tiny
                                       : std::numeric_limits<double>::infinity());
    line.deviation.push_back(
        has_chance ? typical_rounding * std::sqrt(variance + storing * storing) + element.coherent + tiny : 0.0);
    line.coherent.push_back(element.coherent + tiny);
  }

  Problem problem_;
  LinearInputs inputs_;
  LinearDefects defects_;
};

}  // namespace

std::unique_ptr<Oracle> make_linear_oracle(const Problem& problem, const TensorSet& inputs, const TensorSet&) {
  return std::make_unique<LinearOracle>(problem, inputs);
}

std::unique_ptr<Oracle> make_softmax_attention(const Problem& problem, const TensorSet& inputs, const TensorSet&) {
  static const Spec common;
  return make_softmax_oracle(common, problem, inputs);
}

}  // namespace attest::linear
