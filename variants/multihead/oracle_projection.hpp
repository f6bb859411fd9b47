#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/tensor.hpp"

namespace attest::multihead {

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

/// One token of (b, s, d_model).
inline std::vector<double> token_of(const TensorView& tokens, std::int64_t batch, std::int64_t row) {
  std::vector<double> token(static_cast<std::size_t>(tokens.shape[2]));
  for (std::size_t c = 0; c < token.size(); ++c)
    token[c] = tokens.load(batch, row, static_cast<std::int64_t>(c));
  return token;
}

}  // namespace attest::multihead
