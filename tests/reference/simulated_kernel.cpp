#include "tests/reference/simulated_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "reference/philox.hpp"
#include "tests/reference/random_problem.hpp"

namespace attest::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

float rounded(DType type, float value) {
  if (type == DType::f16) return f16_value(f16_bits(value));
  if (type == DType::bf16) return bf16_value(bf16_bits(value));
  return value;
}

float sum_of(std::span<const float> terms, bool pairwise) {
  if (!pairwise || terms.size() < 3) {
    float sum = 0.0f;
    for (const float term : terms)
      sum += term;
    return sum;
  }
  const std::size_t half = terms.size() / 2;
  return sum_of(terms.first(half), true) + sum_of(terms.subspan(half), true);
}

class Simulation {
 public:
  Simulation(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect)
      : p_(problem),
        schedule_(schedule),
        defect_(defect),
        wide_{converted(inputs.at("q"), DType::f32), converted(inputs.at("k"), DType::f32),
              converted(inputs.at("v"), DType::f32)},
        q_(wide_[0].view()),
        k_(wide_[1].view()),
        v_(wide_[2].view()),
        lengths_(inputs.find("kv_lengths")),
        dropout_(problem.dropout, problem.seed) {
    const Shape pairs{p_.batch, p_.heads_q, p_.seq_q, p_.seq_kv};
    if (const TensorView* view = inputs.find("mask")) mask_ = view->broadcast_to(pairs, "mask");
    if (const TensorView* view = inputs.find("bias")) bias_ = view->broadcast_to(pairs, "bias");
  }

  void run_row(const RowPlace& place, const TensorView& out, const TensorView& lse) {
    std::vector<std::int64_t> keys = visible_keys(place);
    if (schedule_.backwards) std::reverse(keys.begin(), keys.end());
    const auto width = static_cast<std::size_t>(p_.head_dim_v);
    std::vector<float> sums(width, 0.0f);
    float greatest = -infinity;
    float total = 0.0f;
    float kept_total = 0.0f;
    for (std::size_t first = 0; first < keys.size(); first += schedule_.tile) {
      const std::size_t size = std::min<std::size_t>(schedule_.tile, keys.size() - first);
      add_tile(place, std::span(keys).subspan(first, size), greatest, total, kept_total, sums);
    }
    const bool renormalised = defect_ == Defect::dropout_renormalised && p_.dropout > 0.0;
    for (std::size_t c = 0; c < width; ++c) {
      float value = keys.empty() ? 0.0f : sums[c] / (renormalised ? kept_total : total);
      if (defect_ == Defect::gain_half_percent) value *= 1.005f;
      set(out, value, place.batch, place.head, place.row, static_cast<std::int64_t>(c));
    }
    float log = keys.empty() ? -infinity : greatest + std::log(total);
    if (defect_ == Defect::lse_base_2) log *= 1.44269504f;
    set(lse, log, place.batch, place.head, place.row);
  }

 private:
  std::int64_t head_kv(std::int64_t head) const {
    if (defect_ == Defect::heads_by_remainder) return head % p_.heads_kv;
    const std::int64_t own = head / p_.group();
    return defect_ == Defect::heads_swapped ? p_.heads_kv - 1 - own : own;
  }

  std::vector<std::int64_t> visible_keys(const RowPlace& place) const {
    std::int64_t length = lengths_ != nullptr ? static_cast<std::int64_t>(lengths_->load(place.batch)) : p_.seq_kv;
    std::int64_t offset = p_.seq_kv - p_.seq_q;
    if (p_.align.kind == Align::Kind::bottom_right) offset = length - p_.seq_q;
    if (p_.align.kind == Align::Kind::offset) offset = p_.align.value;
    if (p_.align.kind == Align::Kind::top_left || defect_ == Defect::top_left) offset = 0;
    if (defect_ == Defect::padded_keys_unmasked) length = p_.seq_kv;
    std::int64_t last = p_.causal ? place.row + offset : length - 1;
    if (defect_ == Defect::causal_strict) --last;
    if (defect_ == Defect::causal_plus_1) ++last;
    if (p_.window.right >= 0) last = std::min(last, place.row + offset + p_.window.right);
    std::int64_t left = p_.window.left;
    if (defect_ == Defect::window_left_plus_1) ++left;
    if (defect_ == Defect::window_left_minus_1) --left;
    const std::int64_t first = p_.window.left >= 0 ? std::max<std::int64_t>(0, place.row + offset - left) : 0;
    std::vector<std::int64_t> keys;
    for (std::int64_t key = first; key <= std::min(last, length - 1); ++key) {
      if (mask_.data != nullptr && defect_ != Defect::mask_ignored &&
          mask_.load(place.batch, place.head, place.row, key) == 0.0) {
        continue;
      }
      if (bias_of(place, key) == -infinity) continue;
      keys.push_back(key);
    }
    if (defect_ == Defect::last_key_dropped && keys.size() > 1) keys.pop_back();
    return keys;
  }

  float bias_of(const RowPlace& place, std::int64_t key) const {
    if (bias_.data == nullptr || defect_ == Defect::bias_ignored) return 0.0f;
    return static_cast<float>(bias_.load(place.batch, place.head, place.row, key));
  }

  float score(const RowPlace& place, std::int64_t key) const {
    const std::int64_t dims = p_.head_dim - (defect_ == Defect::last_dimension_dropped ? 1 : 0);
    const float* q = q_.as<float>() + q_.offset(place.batch, place.head, place.row);
    const float* k = k_.as<float>() + k_.offset(place.batch, head_kv(place.head), key);
    std::vector<float> terms(static_cast<std::size_t>(dims));
    for (std::int64_t c = 0; c < dims; ++c)
      terms[static_cast<std::size_t>(c)] = q[c] * k[c];
    auto scale = static_cast<float>(p_.effective_scale());
    if (defect_ == Defect::scale_1_percent) scale *= 1.01f;
    float result = scale * sum_of(terms, schedule_.pairwise);
    const auto cap = static_cast<float>(p_.softcap);
    if (cap != 0.0f) result = cap * std::tanh(result / cap);
    return result + bias_of(place, key);
  }

  void add_tile(const RowPlace& place, std::span<const std::int64_t> keys, float& greatest, float& total,
                float& kept_total, std::vector<float>& sums) const {
    std::vector<float> weights;
    float tile_greatest = greatest;
    for (const std::int64_t key : keys) {
      weights.push_back(score(place, key));
      tile_greatest = std::max(tile_greatest, weights.back());
    }
    const float rescale = greatest == -infinity ? 0.0f : std::exp(greatest - tile_greatest);
    for (float& weight : weights) {
      weight = std::exp(weight - tile_greatest);
      if (defect_ == Defect::exponential_coarse) weight *= 1.0f + 0x1p-8f * std::sin(40.0f * weight);
    }
    greatest = tile_greatest;
    const float tile_total = sum_of(weights, schedule_.pairwise);
    total = (defect_ == Defect::sum_not_rescaled ? total : total * rescale) + tile_total;
    if (defect_ == Defect::sum_in_bf16) total = rounded(DType::bf16, total);
    kept_total *= rescale;
    drop(place, keys, weights, kept_total);

    std::int64_t head_v = head_kv(place.head);
    if (defect_ == Defect::values_of_other_head) head_v = (head_v + 1) % p_.heads_kv;
    std::vector<float> terms(keys.size());
    std::vector<float> stored(keys.size());
    std::transform(weights.begin(), weights.end(), stored.begin(),
                   [this](float weight) { return rounded(p_.dtype, weight); });
    const float* v = v_.as<float>() + v_.offset(place.batch, head_v);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      for (std::size_t index = 0; index < keys.size(); ++index) {
        std::int64_t row = keys[index];
        if (defect_ == Defect::value_row_swapped && row < 2) row = 1 - row;
        terms[index] = stored[index] * v[row * p_.head_dim_v + static_cast<std::int64_t>(c)];
      }
      if (defect_ != Defect::output_not_rescaled) sums[c] *= rescale;
      sums[c] += sum_of(terms, schedule_.pairwise);
      if (defect_ == Defect::output_sum_in_bf16) sums[c] = rounded(DType::bf16, sums[c]);
    }
  }

  void drop(const RowPlace& place, std::span<const std::int64_t> keys, std::vector<float>& weights,
            float& kept_total) const {
    if (p_.dropout == 0.0) return;
    const bool is_scaled = defect_ != Defect::dropout_not_scaled && defect_ != Defect::dropout_renormalised;
    const float multiplier = is_scaled ? static_cast<float>(1.0 / (1.0 - p_.dropout)) : 1.0f;
    for (std::size_t index = 0; index < keys.size(); ++index) {
      const bool kept = dropout_.keeps(place.batch, place.head, place.row, keys[index]);
      kept_total += kept ? weights[index] : 0.0f;
      weights[index] *= kept ? multiplier : 0.0f;
    }
  }

  const Problem& p_;
  Schedule schedule_;
  Defect defect_;
  std::array<Tensor, 3> wide_;  // exact, and quicker to read than 16-bit types
  const TensorView& q_;
  const TensorView& k_;
  const TensorView& v_;
  const TensorView* lengths_;
  TensorView mask_, bias_;
  DropoutMask dropout_;
};

// Defects of the whole output, done on the right one.
void spoil(const Problem& p, const TensorSet& inputs, Defect defect, const TensorView& out) {
  const Tensor right = converted(out, p.dtype);
  for_each_row(p, [&](const RowPlace& at) {
    for (std::int64_t c = 0; c < p.head_dim_v; ++c) {
      double value = right.view().load(at.batch, at.head, at.row, c);
      if (defect == Defect::zeros) value = 0.0;
      if (defect == Defect::rows_shuffled) value = right.view().load(at.batch, at.head, (at.row + 7) % p.seq_q, c);
      if (defect == Defect::previous_head) {
        value = right.view().load(at.batch, (at.head + p.heads_q - 1) % p.heads_q, at.row, c);
      }
      if (defect == Defect::mean_of_values) {
        value = 0.0;
        for (std::int64_t key = 0; key < p.seq_kv; ++key)
          value += inputs.at("v").load(at.batch, at.head / p.group(), key, c) / static_cast<double>(p.seq_kv);
      }
      const bool is_planted = at.batch == p.batch - 1 && at.head == 1 && at.row == p.seq_q / 2 && c == 3;
      if (defect == Defect::nan_planted && is_planted) value = std::numeric_limits<double>::quiet_NaN();
      set(out, value, at.batch, at.head, at.row, c);
    }
  });
}

}  // namespace

const std::vector<NamedDefect>& all_defects() {
  static const std::vector<NamedDefect> defects{
      {Defect::scale_1_percent, "scale +1%"},
      {Defect::gain_half_percent, "gain +0.5%"},
      {Defect::last_key_dropped, "last key dropped"},
      {Defect::last_dimension_dropped, "last of d dropped"},
      {Defect::padded_keys_unmasked, "padded keys unmasked"},
      {Defect::mask_ignored, "mask ignored"},
      {Defect::bias_ignored, "bias ignored"},
      {Defect::output_not_rescaled, "O not rescaled"},
      {Defect::sum_not_rescaled, "l not rescaled"},
      {Defect::sum_in_bf16, "l summed in bf16"},
      {Defect::output_sum_in_bf16, "O summed in bf16"},
      {Defect::window_left_plus_1, "window left +1"},
      {Defect::window_left_minus_1, "window left -1"},
      {Defect::causal_strict, "causal strict"},
      {Defect::causal_plus_1, "causal +1"},
      {Defect::top_left, "top-left for bottom-right"},
      {Defect::heads_by_remainder, "head mapping h % hkv"},
      {Defect::heads_swapped, "K and V heads swapped"},
      {Defect::values_of_other_head, "V of another head"},
      {Defect::value_row_swapped, "two rows of V swapped"},
      {Defect::dropout_not_scaled, "dropout without 1/(1-p)"},
      {Defect::dropout_renormalised, "dropout renormalised"},
      {Defect::exponential_coarse, "exp error 2^-8"},
      {Defect::nan_planted, "a NaN planted"},
      {Defect::zeros, "zeros"},
      {Defect::mean_of_values, "mean of V"},
      {Defect::rows_shuffled, "rows shuffled"},
      {Defect::previous_head, "previous head's output"},
      {Defect::lse_base_2, "lse in base 2"},
  };
  return defects;
}

TensorStorage run_simulated(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect) {
  TensorStorage outputs;
  outputs.add("out", problem.dtype, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v});
  outputs.add("lse", DType::f32, {problem.batch, problem.heads_q, problem.seq_q});
  const TensorView& out = outputs.find("out")->view();
  const TensorView& lse = outputs.find("lse")->view();
  Simulation simulation(problem, inputs, schedule, defect);
  for_each_row(problem, [&](const RowPlace& place) { simulation.run_row(place, out, lse); });
  switch (defect) {
    case Defect::zeros:
    case Defect::rows_shuffled:
    case Defect::previous_head:
    case Defect::mean_of_values:
    case Defect::nan_planted:
      spoil(problem, inputs, defect, out);
      break;
    default:
      break;
  }
  return outputs;
}

Arithmetic simulated_arithmetic(const Problem& problem, const Schedule& schedule) {
  const bool is_low = problem.dtype != DType::f32;
  return {.weight = is_low ? unit_roundoff(problem.dtype) : 0.0,
          .output = unit_roundoff(problem.dtype),
          .weight_floor = is_low ? half_smallest_subnormal(problem.dtype) : 0.0,
          .output_floor = half_smallest_subnormal(problem.dtype),
          .rescales = (problem.seq_kv + schedule.tile - 1) / schedule.tile - 1};
}

}  // namespace attest::test
