#include "variants/linear/oracle_inputs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference/row_loops.hpp"
#include "reference/softmax_row.hpp"

namespace attest::linear {

double exact_feature(double x) {
  return x < 0.0 ? std::exp(x) : x + 1.0;
}

std::vector<double> padded_line(std::int64_t width) {
  return std::vector<double>(static_cast<std::size_t>((width + row_padding - 1) / row_padding * row_padding));
}

LinearInputs::LinearInputs(const Problem& own, const TensorSet& inputs)
    : problem(own),
      q(inputs.at("q")),
      k(inputs.at("k")),
      v(inputs.at("v")),
      eps_(own.real_parameter("eps", 0.0)),
      has_lengths_(inputs.find("kv_lengths") != nullptr) {
  for (std::int64_t b = 0; b < own.batch; ++b) {
    lengths_.push_back(has_lengths_ ? static_cast<std::int64_t>(inputs.at("kv_lengths").load(b)) : own.seq_kv);
  }
}

std::int64_t LinearInputs::visible(const RowPlace& place) const {
  const std::int64_t keys = length(place.batch);
  if (!problem.causal) return keys;
  return std::clamp<std::int64_t>(place.row + problem.offset(keys) + 1, 0, keys);
}

std::vector<double> LinearInputs::query_features(const RowPlace& place, double factor) const {
  std::vector<double> line = padded_line(problem.head_dim);
  load_line(q, place.batch, place.head, place.row, line.data());
  for (std::int64_t c = 0; c < problem.head_dim; ++c)
    line[static_cast<std::size_t>(c)] = exact_feature(factor * line[static_cast<std::size_t>(c)]);
  return line;
}

std::shared_ptr<const KeyFeatures> LinearInputs::key_features(std::int64_t batch, std::int64_t head) const {
  constexpr std::size_t kept = 4;
  const Head name{batch, head};
  const std::lock_guard lock(guard_);
  for (const auto& [known, features] : features_)
    if (known == name) return features;
  auto made = std::make_shared<KeyFeatures>();
  std::vector<double> line = padded_line(problem.head_dim);
  made->width = std::ssize(line);
  made->lines.reserve(static_cast<std::size_t>(problem.seq_kv * made->width));
  for (std::int64_t j = 0; j < problem.seq_kv; ++j) {
    load_line(k, batch, head, j, line.data());
    for (std::int64_t c = 0; c < problem.head_dim; ++c)
      line[static_cast<std::size_t>(c)] = exact_feature(line[static_cast<std::size_t>(c)]);
    made->lines.insert(made->lines.end(), line.begin(), line.end());
    made->sums.push_back(std::accumulate(line.begin(), line.end(), 0.0));
  }
  if (features_.size() == kept) features_.erase(features_.begin());
  features_.emplace_back(name, made);
  return made;
}

}  // namespace attest::linear
