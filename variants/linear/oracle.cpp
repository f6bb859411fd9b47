// The truth of linear attention, row by row from its definition, and the bound that follows from a kernel's arithmetic:
//
//     w_j = phi(q).phi(k_j), den = sum_j w_j + eps, O = sum_j w_j v_j / den, A = sum_j w_j |v_j| / den
//     dphi = e_phi phi (+ u where phi is computed literally as elu(x) + 1, which cancels)
//     dW_j = dphi_q.phi_k + phi_q.dphi_k + dphi_q.dphi_k        g = gamma(n + d) + gamma(state)
//     bound = [sum_j dW_j |v_j - O| / den + g (A + |O|)] / (1 - min(1/2, sum_j dW_j / den + g)) + (3u + u_out) |O|
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

#include "reference/bounds.hpp"
#include "reference/compensated.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

double exact_feature(double x) {
  return x < 0.0 ? std::exp(x) : x + 1.0;
}

class LinearOracle final : public Oracle {
 public:
  LinearOracle(const Problem& problem, const TensorSet& inputs)
      : problem_(problem),
        q_(inputs.at("q")),
        k_(inputs.at("k")),
        v_(inputs.at("v")),
        eps_(problem.real_parameter("eps", 0.0)) {
    const TensorView* lengths = inputs.find("kv_lengths");
    for (std::int64_t b = 0; b < problem.batch; ++b) {
      lengths_.push_back(lengths != nullptr ? static_cast<std::int64_t>(lengths->load(b)) : problem.seq_kv);
    }
  }

  RowPlace extent() const override { return {problem_.batch, problem_.heads_q, problem_.seq_q}; }
  double row_cost() const override { return static_cast<double>(problem_.seq_kv); }

  void row(const RowPlace& place, const Arithmetic& arithmetic, std::vector<OutputRow>& rows) const override {
    rows.clear();
    OutputRow line{
        .output = "out", .index = {place.batch, place.head, place.row}, .value = {}, .bound = {}, .plain = {}};
    const auto columns = static_cast<std::size_t>(problem_.head_dim_v);
    const std::int64_t keys = visible(place);
    const Weights weights = weigh(place, keys, arithmetic);
    if (weights.denominator == 0.0) {
      line.value.assign(columns, 0.0);
      line.bound.assign(columns, 0.0);
      line.probable.assign(columns, 0.0);
      line.deviation.assign(columns, 0.0);
    } else {
      for (std::size_t column = 0; column < columns; ++column)
        add_column(place, weights, arithmetic, static_cast<std::int64_t>(column), line);
    }
    rows.push_back(std::move(line));
  }

 private:
  struct Weights {
    std::vector<double> weight, error;  ///< w_j and dW_j
    double denominator = 0.0, error_sum = 0.0;
  };

  /// The row sees this many keys, the first ones.
  std::int64_t visible(const RowPlace& place) const {
    const std::int64_t length = lengths_[static_cast<std::size_t>(place.batch)];
    if (!problem_.causal) return length;
    return std::clamp<std::int64_t>(place.row + problem_.offset(length) + 1, 0, length);
  }

  double feature_error(const Arithmetic& arithmetic, double feature) const {
    const double literal = arithmetic.feature_literal ? judged_roundoff(arithmetic) : 0.0;
    return (arithmetic.feature + arithmetic.input) * feature + literal + 2.0 * underflow_floor(arithmetic);
  }

  Weights weigh(const RowPlace& place, std::int64_t keys, const Arithmetic& arithmetic) const {
    Weights weights;
    std::vector<double> query, query_error;
    for (std::int64_t c = 0; c < problem_.head_dim; ++c) {
      query.push_back(exact_feature(q_.load(place.batch, place.head, place.row, c)));
      query_error.push_back(feature_error(arithmetic, query.back()));
    }
    CompensatedSum denominator;
    denominator.add(eps_);
    for (std::int64_t j = 0; j < keys; ++j) {
      CompensatedSum weight;
      double error = 0.0;
      for (std::size_t c = 0; c < query.size(); ++c) {
        const double key =
            exact_feature(k_.load(place.batch, place.head / problem_.group(), j, static_cast<std::int64_t>(c)));
        const double key_error = feature_error(arithmetic, key);
        weight.add_product(query[c], key);
        error += query_error[c] * key + query[c] * key_error + query_error[c] * key_error;
      }
      weights.weight.push_back(weight.value());
      weights.error.push_back(error);
      weights.error_sum += error;
      denominator.add(weights.weight.back());
    }
    weights.denominator = denominator.value();
    return weights;
  }

  void add_column(const RowPlace& place, const Weights& weights, const Arithmetic& arithmetic, std::int64_t column,
                  OutputRow& line) const {
    const auto keys = static_cast<std::int64_t>(weights.weight.size());
    const auto value = [&](std::int64_t j) { return v_.load(place.batch, place.head / problem_.group(), j, column); };
    CompensatedSum sum;
    double magnitude = 0.0;
    for (std::int64_t j = 0; j < keys; ++j) {
      const double weight = weights.weight[static_cast<std::size_t>(j)];
      sum.add_product(weight, value(j));
      magnitude += weight * std::fabs(value(j));
    }
    const double out = sum.value() / weights.denominator;
    magnitude /= weights.denominator;
    double moved = 0.0;
    for (std::int64_t j = 0; j < keys; ++j)
      moved += weights.error[static_cast<std::size_t>(j)] * std::fabs(value(j) - out);

    const double u = judged_roundoff(arithmetic);
    const double state = arithmetic.state_chain > 0 ? gamma(static_cast<double>(arithmetic.state_chain), u) : 0.0;
    // A row of few keys has no longer chain than those, whatever is declared for long ones.
    const double chain = std::min(chain_length(arithmetic, keys), static_cast<double>(keys));
    const double sums = gamma(chain + static_cast<double>(problem_.head_dim), u) + state;
    const double loss = weights.error_sum / weights.denominator + sums;
    const double inflation = 1.0 / (1.0 - std::min(0.5, loss));
    const double coherent = moved / weights.denominator;
    const double storing = (3.0 * u + arithmetic.output) * std::fabs(out) + arithmetic.output_floor;
    const double tiny = underflow_floor(arithmetic);
    line.value.push_back(out);
    line.bound.push_back((coherent + sums * (magnitude + std::fabs(out))) * inflation + storing + tiny);

    const double steps = chain + static_cast<double>(problem_.head_dim + arithmetic.state_chain);
    const double variance = steps * u * u * (magnitude * magnitude + out * out);
    line.probable.push_back((far_out * std::sqrt(variance) + coherent) * inflation + storing + tiny);
    line.deviation.push_back(typical_rounding * std::sqrt(variance + storing * storing) + coherent + tiny);
  }

  Problem problem_;
  TensorView q_, k_, v_;
  double eps_;
  std::vector<std::int64_t> lengths_;
};

}  // namespace

std::unique_ptr<Oracle> make_linear_oracle(const Problem& problem, const TensorSet& inputs, const TensorSet&) {
  return std::make_unique<LinearOracle>(problem, inputs);
}

}  // namespace attest::linear
