#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/arithmetic.hpp"
#include "harness/core/tensor.hpp"
#include "reference/bounds.hpp"

namespace attest::multihead {

/// Whether a stage hands its results on rounded to the problem's type, in a wider tensor.
inline bool stores_low(const Arithmetic& arithmetic) {
  return arithmetic.output > judged_roundoff(arithmetic);
}

/// y = x W^T + b of one token, and |x| |W|^T + |b|, which its rounding is a share of.
struct Projected {
  std::vector<double> value, magnitude;
};

/// One of the module's matrices with its bias, in double, transposed so that a token's sums run side by side.
class Linear {
 public:
  Linear(const TensorSet& inputs, const std::string& which, std::int64_t width) : width_(width) {
    const TensorView& matrix = inputs.at("w_" + which);
    const TensorView& bias = inputs.at("b_" + which);
    transposed_.resize(static_cast<std::size_t>(width * width));
    for (std::int64_t out = 0; out < width; ++out) {
      for (std::int64_t in = 0; in < width; ++in)
        transposed_[static_cast<std::size_t>(in * width + out)] = matrix.load(out, in);
      bias_.push_back(bias.load(out));
    }
  }

  Projected operator()(const std::vector<double>& token) const {
    Projected result{bias_, bias_};
    for (double& entry : result.magnitude)
      entry = std::fabs(entry);
    add_products(token, result.value, false);
    add_products(token, result.magnitude, true);
    return result;
  }

  const std::vector<double>& bias() const { return bias_; }

  /// x W^T + b for a matrix that was transposed: x W + b.
  std::vector<double> by_transposed(const std::vector<double>& token) const {
    std::vector<double> result = bias_;
    const auto width = static_cast<std::size_t>(width_);
    for (std::size_t out = 0; out < width; ++out) {
      const double* row = transposed_.data() + out * width;
      for (std::size_t in = 0; in < width; ++in)
        result[out] += token[in] * row[in];
    }
    return result;
  }

  /// Standard deviations of what the errors of a token become whose standard deviations are given, where errors of one
  /// head of `dim` numbers may all depend on each other and those of different heads do not:
  /// sqrt(sum_heads (sum_c |W_c| e_c)^2)
  std::vector<double> carried_deviations(const std::vector<double>& errors, std::int64_t dim) const {
    std::vector<double> result(static_cast<std::size_t>(width_), 0.0);
    std::vector<double> head(result.size());
    for (std::int64_t first = 0; first < width_; first += dim) {
      std::fill(head.begin(), head.end(), 0.0);
      for (std::int64_t in = first; in < first + dim; ++in) {
        const double* row = transposed_.data() + in * width_;
        for (std::size_t out = 0; out < head.size(); ++out)
          head[out] += errors[static_cast<std::size_t>(in)] * std::fabs(row[out]);
      }
      for (std::size_t out = 0; out < head.size(); ++out)
        result[out] += head[out] * head[out];
    }
    for (double& entry : result)
      entry = std::sqrt(entry);
    return result;
  }

  /// |W| errors: what errors of the token become.
  std::vector<double> carried(const std::vector<double>& errors) const {
    std::vector<double> result(static_cast<std::size_t>(width_), 0.0);
    add_products(errors, result, true);
    return result;
  }

 private:
  void add_products(const std::vector<double>& token, std::vector<double>& sums, bool absolute) const {
    const auto width = static_cast<std::size_t>(width_);
    for (std::size_t in = 0; in < width; ++in) {
      const double factor = absolute ? std::fabs(token[in]) : token[in];
      const double* row = transposed_.data() + in * width;
      if (absolute) {
        for (std::size_t out = 0; out < width; ++out)
          sums[out] += factor * std::fabs(row[out]);
      } else {
        for (std::size_t out = 0; out < width; ++out)
          sums[out] += factor * row[out];
      }
    }
  }

  std::int64_t width_;
  std::vector<double> transposed_, bias_;
};

/// gamma(d_model + 1) (|x| |W| + |b|), and what may underflow on the way; where the result is stored in a lower type,
/// one more rounding of it. (A sum that is stored as it is has had its last rounding.)
inline double projection_error(std::int64_t width, const Arithmetic& arithmetic, double magnitude, double value) {
  const auto terms = static_cast<double>(width) + 1.0;
  const double sums = gamma(terms, judged_roundoff(arithmetic)) * magnitude + terms * underflow_floor(arithmetic);
  if (!stores_low(arithmetic)) return sums;
  return sums + arithmetic.output * (std::fabs(value) + sums) + arithmetic.output_floor;
}

/// Rules P and S of a projection: as projection_error(), with d_model + 1 independent roundings of partial sums; sums
/// that truncate err to one side, all of them.
struct ProjectionChance {
  double probable, deviation, coherent;
};
inline ProjectionChance projection_chance(std::int64_t width, const Arithmetic& arithmetic, double magnitude,
                                          double value) {
  const auto terms = static_cast<double>(width) + 1.0;
  const double u = judged_roundoff(arithmetic);
  const double chunk = static_cast<double>(arithmetic.truncated_chunk);
  const double truncating = chunk > 0.0 ? gamma(std::ceil(terms / chunk) + 1.0, u) * magnitude : 0.0;
  const double variance = chunk > 0.0 ? 0.0 : terms * u * u * magnitude * magnitude;
  const double tiny = terms * underflow_floor(arithmetic);
  const double storing = stores_low(arithmetic) ? arithmetic.output * std::fabs(value) + arithmetic.output_floor : 0.0;
  return {.probable = far_out * std::sqrt(variance) + truncating + tiny + storing,
          .deviation = typical_rounding * std::sqrt(variance + storing * storing) + truncating + tiny,
          .coherent = truncating + tiny};
}

/// One token of (b, s, d_model).
inline std::vector<double> token_of(const TensorView& tokens, std::int64_t batch, std::int64_t row) {
  std::vector<double> token(static_cast<std::size_t>(tokens.shape[2]));
  for (std::size_t c = 0; c < token.size(); ++c)
    token[c] = tokens.load(batch, row, static_cast<std::int64_t>(c));
  return token;
}

}  // namespace attest::multihead
