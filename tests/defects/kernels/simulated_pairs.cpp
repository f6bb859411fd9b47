// Which keys a simulated row sees, and what it scores them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/defects/kernels/simulation.hpp"

namespace attest::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

float dot(const float* q, const float* k, std::int64_t dims, bool pairwise) {
  if (!pairwise || dims < 3) {
    float sum = 0.0f;
    for (std::int64_t c = 0; c < dims; ++c)
      sum += q[c] * k[c];
    return sum;
  }
  const std::int64_t half = dims / 2;
  return dot(q, k, half, true) + dot(q + half, k + half, dims - half, true);
}

// T5's bucket, counted by the edges that a distance has passed: exact distances first, then edges that grow by a
// constant factor up to max_distance.
std::int64_t bucket_of(const Problem& p, std::int64_t ahead) {
  std::int64_t buckets = p.parameter("buckets", 0);
  std::int64_t first = 0;
  if (!p.causal) {
    buckets /= 2;
    if (ahead > 0) first = buckets;
  }
  const auto distance = static_cast<double>(p.causal ? std::max<std::int64_t>(-ahead, 0) : std::abs(ahead));
  const std::int64_t exact = buckets / 2;
  if (distance < static_cast<double>(exact)) return first + static_cast<std::int64_t>(distance);
  const double factor = std::pow(static_cast<double>(p.parameter("max_distance", 128)) / static_cast<double>(exact),
                                 1.0 / static_cast<double>(buckets - exact));
  std::int64_t bucket = exact;
  for (double edge = static_cast<double>(exact) * factor; bucket < buckets - 1 && distance >= edge - 1e-6;
       edge *= factor)
    ++bucket;
  return first + bucket;
}

}  // namespace

Simulation::Simulation(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect)
    : p_(problem),
      schedule_(schedule),
      defect_(defect),
      wide_{converted(inputs.at("q"), DType::f32), converted(inputs.at("k"), DType::f32),
            converted(inputs.at("v"), DType::f32)},
      q_(wide_[0].view()),
      k_(wide_[1].view()),
      v_(wide_[2].view()),
      lengths_(inputs.find("kv_lengths")),
      relative_bias_(inputs.find("relative_bias")),
      dropout_(problem.dropout, problem.seed) {
  const Shape pairs{p_.batch, p_.heads_q, p_.seq_q, p_.seq_kv};
  if (const TensorView* view = inputs.find("mask")) mask_ = view->broadcast_to(pairs, "mask");
  if (const TensorView* view = inputs.find("bias")) bias_ = view->broadcast_to(pairs, "bias");
}

std::int64_t Simulation::head_kv(std::int64_t head) const {
  if (has(Defect::heads_by_remainder)) return head % p_.heads_kv;
  const std::int64_t own = head / p_.group();
  return has(Defect::heads_swapped) ? p_.heads_kv - 1 - own : own;
}

std::int64_t Simulation::length_of(const RowPlace& place) const {
  return lengths_ != nullptr ? static_cast<std::int64_t>(lengths_->load(place.batch)) : p_.seq_kv;
}

std::int64_t Simulation::offset_of(std::int64_t length) const {
  if (p_.align.kind == Align::Kind::top_left || has(Defect::top_left)) return 0;
  return p_.align.kind == Align::Kind::offset ? p_.align.value : length - p_.seq_q;
}

std::vector<std::int64_t> Simulation::visible_keys(const RowPlace& place) const {
  std::int64_t length = length_of(place);
  const std::int64_t here = place.row + offset_of(length);
  if (has(Defect::length_ignored)) length = p_.seq_kv;
  std::int64_t last = p_.causal ? here : length - 1;
  if (has(Defect::causal_strict)) --last;
  if (has(Defect::causal_plus_1)) ++last;
  const std::int64_t right = p_.window.right + (has(Defect::window_right_plus_1) ? 1 : 0);
  if (p_.window.right >= 0) last = std::min(last, here + right);
  std::int64_t left = p_.window.left;
  if (has(Defect::window_left_plus_1)) ++left;
  if (has(Defect::window_left_minus_1)) --left;
  const std::int64_t first = p_.window.left >= 0 ? std::max<std::int64_t>(0, here - left) : 0;
  std::vector<std::int64_t> keys;
  for (std::int64_t key = first; key <= std::min(last, length - 1); ++key) {
    if (mask_.data != nullptr && !has(Defect::mask_ignored) &&
        mask_.load(place.batch, place.head, place.row, key) == 0.0) {
      continue;
    }
    if (bias_of(place, key) == -infinity) continue;
    keys.push_back(key);
  }
  if (has(Defect::last_key_dropped) && keys.size() > 1) keys.pop_back();
  const auto tile = static_cast<std::size_t>(schedule_.tile);
  if (has(Defect::ragged_tile_dropped)) keys.resize(keys.size() / tile * tile);
  if (has(Defect::first_of_tile_dropped)) {
    std::vector<std::int64_t> kept;
    for (std::size_t at = 0; at < keys.size(); ++at)
      if (at == 0 || at % tile != 0) kept.push_back(keys[at]);
    keys = std::move(kept);
  }
  return keys;
}

float Simulation::relative_bias(const RowPlace& place, std::int64_t key) const {
  std::int64_t ahead = key - (place.row + offset_of(length_of(place)));
  if (has(Defect::relative_sign)) ahead = -ahead;
  std::int64_t bucket = bucket_of(p_, ahead);
  if (has(Defect::bucket_off_by_one)) bucket = std::min(bucket + 1, p_.parameter("buckets", 0) - 1);
  return static_cast<float>(relative_bias_->load(bucket, place.head));
}

float Simulation::bias_of(const RowPlace& place, std::int64_t key) const {
  if (has(Defect::bias_ignored)) return 0.0f;
  float bias = 0.0f;
  if (bias_.data != nullptr) bias += static_cast<float>(bias_.load(place.batch, place.head, place.row, key));
  if (relative_bias_ != nullptr) bias += relative_bias(place, key);
  if (has(Defect::bias_scaled)) bias /= std::sqrt(static_cast<float>(p_.head_dim));
  return bias;
}

float Simulation::score(const RowPlace& place, std::int64_t key) const {
  const std::int64_t dims = p_.head_dim - (has(Defect::last_dimension_dropped) ? 1 : 0);
  const float* q = q_.as<float>() + q_.offset(place.batch, place.head, place.row);
  const float* k = k_.as<float>() + k_.offset(batch_kv(place), head_kv(place.head), key);
  auto scale = static_cast<float>(p_.effective_scale());
  if (has(Defect::scale_1_percent)) scale *= 1.01f;
  if (has(Defect::scale_tenth_percent)) scale *= 1.001f;
  if (has(Defect::scale_twice)) scale *= scale;
  float result = 0.0f;
  if (has(Defect::queries_scaled_in_bf16)) {
    for (std::int64_t c = 0; c < dims; ++c)
      result += rounded(DType::bf16, scale * q[c]) * k[c];
  } else {
    result = scale * dot(q, k, dims, schedule_.pairwise);
  }
  const auto cap = static_cast<float>(p_.softcap);
  if (cap != 0.0f && !has(Defect::softcap_ignored)) result = cap * std::tanh(result / cap);
  if (has(Defect::scores_in_bf16)) result = rounded(DType::bf16, result);
  return result + bias_of(place, key);
}

}  // namespace attest::test
