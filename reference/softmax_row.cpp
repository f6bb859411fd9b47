#include "reference/softmax_row.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "reference/compensated.hpp"
#include "reference/row_loops.hpp"

namespace attest {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// One line of a tensor at a time as double, padded with zeros.
class LineReader {
 public:
  explicit LineReader(const TensorView& view)
      : view_(view), line_((view.shape[3] + row_padding - 1) / row_padding * row_padding) {}

  const double* read(std::int64_t i0, std::int64_t i1, std::int64_t i2) {
    load_line(view_, i0, i1, i2, line_.data());
    return line_.data();
  }

  std::int64_t padded() const { return static_cast<std::int64_t>(line_.size()); }
  bool is_narrow() const { return view_.dtype != DType::f64; }

 private:
  TensorView view_;
  std::vector<double> line_;
};

void weigh(RowScores& row) {
  CompensatedSum sum;
  row.weight.reserve(row.score.size());
  for (const double score : row.score) {
    row.weight.push_back(std::exp(score - row.greatest));
    sum.add(row.weight.back());
  }
  row.sum = sum.value();
}

}  // namespace

std::int64_t keys_of_tile(const Problem& problem, const Arithmetic& arithmetic) {
  constexpr std::int64_t usual = 64;
  if (arithmetic.rescales <= 0) return usual;
  const std::int64_t blocks = arithmetic.rescales + 1;
  return std::max<std::int64_t>(1, (problem.seq_kv + blocks - 1) / blocks);
}

double capped_score(const Problem& problem, double score) {
  return problem.softcap == 0.0 ? score : problem.softcap * std::tanh(score / problem.softcap);
}

void load_line(const TensorView& view, std::int64_t i0, std::int64_t i1, std::int64_t i2, double* target) {
  const std::int64_t first = view.offset(i0, i1, i2);
  if (view.strides[3] == 1) {
    const auto* bytes = static_cast<const std::byte*>(view.data);
    row_loops().widen(bytes + first * static_cast<std::int64_t>(size_of(view.dtype)), view.dtype, view.shape[3],
                      target);
    return;
  }
  for (std::int64_t c = 0; c < view.shape[3]; ++c)
    target[c] = load_element(view.data, view.dtype, first + c * view.strides[3]);
}

RowReading row_reading(const SoftmaxInputs& inputs, const RowPlace& place) {
  const std::int64_t length = inputs.kv_length(place.batch);
  return {.head_kv = place.head / inputs.problem.group(), .length = length, .offset = inputs.problem.offset(length)};
}

RowProducts::RowProducts(std::int64_t keys)
    : dot(static_cast<std::size_t>(keys), std::numeric_limits<double>::quiet_NaN()), magnitude(dot.size(), 0.0) {}

RowScores score_row(const SoftmaxInputs& inputs, const RowPlace& place, const RowReading& reading,
                    RowProducts* products) {
  const Problem& problem = inputs.problem;
  const std::int64_t offset = reading.offset;
  const bool spec_has_bias = inputs.spec.has_bias(problem);
  const bool is_plain = problem.dtype != DType::f64 && products == nullptr;
  const auto plain_scale = static_cast<float>(inputs.scale);
  const auto plain_cap = static_cast<float>(problem.softcap);
  const double kept_multiplier = 1.0 / (1.0 - problem.dropout);
  LineReader queries(inputs.q);
  LineReader keys(inputs.k);
  const double* q = queries.read(place.batch, place.head, place.row);
  const bool exact = queries.is_narrow() && keys.is_narrow();

  RowScores row;
  row.greatest = -infinity;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(0, reading.length));
  row.key.reserve(most);
  for (std::vector<double>* entries : {&row.score, &row.scaled, &row.parts, &row.magnitude, &row.multiplier})
    entries->reserve(most);
  for (std::int64_t j = 0; j < reading.length; ++j) {
    if (!inputs.spec.visible(problem, place.row, j, offset)) continue;
    if (inputs.mask && inputs.mask->load(place.batch, place.head, place.row, j) == 0.0) continue;
    double bias = inputs.bias ? inputs.bias->load(place.batch, place.head, place.row, j) : 0.0;
    if (spec_has_bias) bias += inputs.spec.bias(problem, inputs.tensors, place.head, place.row, j, offset);
    if (bias == -infinity) continue;

    const auto at = static_cast<std::size_t>(j);
    const bool known = products != nullptr && !std::isnan(products->dot[at]);
    const double* k = known ? nullptr : keys.read(place.batch, reading.head_kv, j);
    DotProduct dot;
    if (known) {
      dot = {.value = products->dot[at], .magnitude = products->magnitude[at]};
    } else {
      row_loops().dot(q, k, keys.padded(), exact, &dot);
      if (products != nullptr) {
        products->dot[at] = dot.value;
        products->magnitude[at] = dot.magnitude;
      }
    }
    const double before_bias = capped_score(problem, inputs.scale * dot.value);
    const double score = before_bias + bias;
    if (score == -infinity) continue;

    row.key.push_back(j);
    row.score.push_back(score);
    row.scaled.push_back(inputs.scale * dot.value);
    row.parts.push_back(std::fabs(before_bias) + std::fabs(bias));
    row.magnitude.push_back(std::fabs(inputs.scale) * dot.magnitude);
    const bool kept = !inputs.dropout || inputs.dropout->keeps(place.batch, place.head, place.row, j);
    row.multiplier.push_back(kept ? kept_multiplier : 0.0);
    row.greatest = std::max(row.greatest, score);
    row.largest = std::max(row.largest, std::fabs(score));
    row.not_a_number = row.not_a_number || std::isnan(score);
    row.infinite = row.infinite || score == infinity;
    if (is_plain) {
      float plain = plain_scale * row_loops().plain_dot(q, k, keys.padded());
      if (plain_cap != 0.0f) plain = plain_cap * std::tanh(plain / plain_cap);
      row.plain_score.push_back(plain + static_cast<float>(bias));
    }
  }
  if (!row.key.empty() && !row.not_a_number && !row.infinite) weigh(row);
  return row;
}

RowColumns average_values(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores,
                          const std::vector<double>& growth, const std::vector<float>& plain_weight,
                          const std::vector<MomentWeights>& moments) {
  const std::int64_t head_kv = place.head / inputs.problem.group();
  LineReader values(inputs.v);
  const auto columns = static_cast<std::size_t>(values.padded());
  RowColumns result{.out = std::vector<double>(columns),
                    .magnitude = std::vector<double>(columns),
                    .absolute = std::vector<double>(columns),
                    .spread = std::vector<double>(columns),
                    .variance = std::vector<double>(columns),
                    .shift = std::vector<double>(columns),
                    .squares = std::vector<double>(columns),
                    .slope = std::vector<double>(columns),
                    .plain = std::vector<float>(plain_weight.empty() ? 0 : columns)};
  std::vector<double> error(columns);
  const ColumnSums sums{result.out.data(), error.data(), result.magnitude.data(), result.absolute.data()};
  const MomentSums moment_sums{result.variance.data(), result.shift.data(), result.squares.data(), result.slope.data()};
  for (std::size_t index = 0; index < scores.key.size(); ++index) {
    const double* v = values.read(place.batch, head_kv, scores.key[index]);
    const Compensated weight = two_product(scores.weight[index], scores.multiplier[index]);
    const Compensated halves = split(weight.value);
    const Weight split_weight{.value = weight.value, .high = halves.value, .low = halves.error + weight.error};
    row_loops().accumulate(split_weight, scores.multiplier[index], v, values.padded(), values.is_narrow(), sums);
    if (!moments.empty()) row_loops().add_moments(moments[index], v, values.padded(), moment_sums);
    if (!plain_weight.empty()) {
      row_loops().plain_accumulate(plain_weight[index], v, values.padded(), result.plain.data());
    }
  }
  for (std::size_t c = 0; c < columns; ++c) {
    const double sum = std::isfinite(result.out[c]) ? result.out[c] + error[c] : result.out[c];
    result.out[c] = sum / scores.sum;
    result.magnitude[c] /= scores.sum;
  }
  // The spread is about the average, which only now is known.
  for (std::size_t index = 0; index < growth.size(); ++index) {
    const double* v = values.read(place.batch, head_kv, scores.key[index]);
    row_loops().add_spread(scores.weight[index] / scores.sum * growth[index], scores.multiplier[index], v,
                           result.out.data(), values.padded(), result.spread.data());
  }
  return result;
}

Propagated propagate(const SoftmaxInputs& inputs, const RowPlace& place, const RowScores& scores, std::int64_t column) {
  // A weight above this is no zero in any format that weights are stored in.
  constexpr double surely_positive = 0x1p-12;
  const std::int64_t head_kv = place.head / inputs.problem.group();
  double sum = 0.0;
  bool certain = true;
  for (std::size_t index = 0; index < scores.key.size(); ++index) {
    const double v = inputs.v.load(place.batch, head_kv, scores.key[index], column);
    if (std::isfinite(v)) continue;
    const double weight = scores.weight[index] / scores.sum * scores.multiplier[index];
    sum += weight * v;
    certain = certain && (std::isnan(v) || weight == 0.0 || weight > surely_positive);
  }
  return {.value = sum, .certain = certain || std::isnan(sum)};
}

}  // namespace attest
