#include "tests/defects/kernels/simulated_kernel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tests/defects/kernels/simulation.hpp"
#include "tests/support/random_problem.hpp"

namespace attest::test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

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

// To nearest in the format of 3 fraction bits, smallest normal number 2^-6 (OCP 8-bit floating point, E4M3).
float rounded_to_e4m3(float value) {
  if (value == 0.0f) return value;
  const int exponent = std::max(std::ilogb(value), -6);
  const float step = std::ldexp(1.0f, exponent - 3);
  return step * std::nearbyint(value / step);
}

// Takes the later share of the keys into the earlier one, as kernels that split the keys do.
void merge(RunningRow& row, const RunningRow& later) {
  const float greatest = std::max(row.greatest, later.greatest);
  if (greatest == -infinity) return;
  const float own = std::exp(row.greatest - greatest);
  const float other = std::exp(later.greatest - greatest);
  row.greatest = greatest;
  row.total = row.total * own + later.total * other;
  row.kept_total = row.kept_total * own + later.kept_total * other;
  for (std::size_t c = 0; c < row.sums.size(); ++c)
    row.sums[c] = row.sums[c] * own + later.sums[c] * other;
}

}  // namespace

float rounded(DType type, float value) {
  if (type == DType::f16) return f16_value(f16_bits(value));
  if (type == DType::bf16) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    return std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
  }
  return value;
}

float truncated(DType type, float value) {
  const std::uint32_t kept = type == DType::bf16 ? 0xFFFF0000U : 0xFFFFE000U;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & kept);
}

void Simulation::run_row(const RowPlace& place, const TensorView& out, const TensorView& lse) const {
  std::vector<std::int64_t> keys = visible_keys(place);
  if (schedule_.backwards) std::reverse(keys.begin(), keys.end());
  const auto width = static_cast<std::size_t>(p_.head_dim_v);
  const auto tile = static_cast<std::size_t>(schedule_.tile);
  const std::size_t share = std::max<std::size_t>(
      1, (keys.size() + static_cast<std::size_t>(schedule_.splits) - 1) / static_cast<std::size_t>(schedule_.splits));
  RunningRow whole{.greatest = -infinity, .sums = std::vector<float>(width)};
  for (std::size_t begin = 0; begin < keys.size(); begin += share) {
    RunningRow part{.greatest = -infinity, .sums = std::vector<float>(width)};
    const std::size_t end = std::min(begin + share, keys.size());
    for (std::size_t first = begin; first < end; first += tile)
      add_tile(place, keys, first, std::min(tile, end - first), part);
    if (begin == 0) {
      whole = std::move(part);
    } else {
      merge(whole, part);
    }
  }
  // Padding is zeros: a score of 0 and a value of 0.
  if (has(Defect::padded_keys_unmasked))
    merge(whole, {.greatest = 0.0f, .total = 16.0f, .sums = std::vector<float>(width)});
  store(place, whole, keys.empty(), out, lse);
}

void Simulation::store(const RowPlace& place, const RunningRow& row, bool empty, const TensorView& out,
                       const TensorView& lse) const {
  const bool renormalised = has(Defect::dropout_renormalised) && p_.dropout > 0.0;
  for (std::size_t c = 0; c < row.sums.size(); ++c) {
    float value = empty ? 0.0f : row.sums[c] / (renormalised ? row.kept_total : row.total);
    if (has(Defect::gain_half_percent)) value *= 1.005f;
    if (has(Defect::output_truncated)) value = truncated(p_.dtype, value);
    set(out, value, place.batch, place.head, place.row, static_cast<std::int64_t>(c));
  }
  set(lse, empty ? -infinity : stored_lse(row), place.batch, place.head, place.row);
}

float Simulation::stored_lse(const RunningRow& row) const {
  constexpr float log2e = 1.44269504f;
  float greatest = row.greatest;
  float log = std::log(row.total);
  if (has(Defect::lse_without_maximum)) greatest = 0.0f;
  if (has(Defect::lse_maximum_base_2)) greatest *= log2e;
  if (has(Defect::lse_maximum_unscaled)) greatest /= static_cast<float>(p_.effective_scale());
  if (has(Defect::lse_log_base_2)) log *= log2e;
  if (has(Defect::lse_without_log)) log = row.total;
  const float lse = greatest + log;
  if (has(Defect::lse_in_bf16)) return rounded(DType::bf16, lse);
  return has(Defect::lse_base_2) ? lse * log2e : lse;
}

void Simulation::add_tile(const RowPlace& place, std::span<const std::int64_t> keys, std::size_t first,
                          std::size_t count, RunningRow& row) const {
  const std::span<const std::int64_t> own = keys.subspan(first, count);
  std::vector<float> weights;
  float greatest = row.greatest;
  for (const std::int64_t key : own) {
    weights.push_back(score(place, key));
    greatest = std::max(greatest, weights.back());
  }
  const float rescale = row.greatest == -infinity ? 0.0f : std::exp(row.greatest - greatest);
  row.greatest = greatest;
  for (float& weight : weights) {
    weight = std::exp(weight - greatest);
    if (has(Defect::exponential_coarse)) weight *= 1.0f + 0x1p-8f * std::sin(40.0f * weight);
  }
  row.total = (has(Defect::sum_not_rescaled) ? row.total : row.total * rescale) + sum_of(weights, schedule_.pairwise);
  if (has(Defect::sum_in_bf16)) row.total = rounded(DType::bf16, row.total);
  row.kept_total *= rescale;
  drop(place, own, weights, row);
  for (float& weight : weights) {
    if (has(Defect::weights_truncated)) {
      weight = truncated(p_.dtype, weight);
    } else {
      weight = has(Defect::weights_in_e4m3) ? rounded_to_e4m3(weight) : rounded(p_.dtype, weight);
    }
  }

  std::int64_t head_v = head_kv(place.head);
  if (has(Defect::values_of_other_head)) head_v = (head_v + 1) % p_.heads_kv;
  const float* v = v_.as<float>() + v_.offset(batch_kv(place), head_v);
  const std::span<const std::int64_t> read =
      has(Defect::stale_value_tile) && first >= count ? keys.subspan(first - count, count) : own;
  std::vector<float> terms(count);
  for (std::size_t c = 0; c < row.sums.size(); ++c) {
    for (std::size_t index = 0; index < count; ++index) {
      std::int64_t key = read[index];
      if (has(Defect::value_row_swapped) && key / 2 == (p_.seq_kv / 2 - 1) / 2) key ^= 1;
      terms[index] = weights[index] * v[key * p_.head_dim_v + static_cast<std::int64_t>(c)];
    }
    if (!has(Defect::output_not_rescaled)) row.sums[c] *= rescale;
    row.sums[c] += sum_of(terms, schedule_.pairwise);
    if (has(Defect::output_sum_in_bf16)) row.sums[c] = rounded(DType::bf16, row.sums[c]);
  }
}

void Simulation::drop(const RowPlace& place, std::span<const std::int64_t> keys, std::vector<float>& weights,
                      RunningRow& row) const {
  if (p_.dropout == 0.0) return;
  const bool is_scaled = !has(Defect::dropout_not_scaled) && !has(Defect::dropout_renormalised);
  const float multiplier = is_scaled ? static_cast<float>(1.0 / (1.0 - p_.dropout)) : 1.0f;
  for (std::size_t index = 0; index < keys.size(); ++index) {
    const bool kept = has(Defect::dropout_transposed) ? dropout_.keeps(place.batch, place.head, keys[index], place.row)
                                                      : dropout_.keeps(place.batch, place.head, place.row, keys[index]);
    row.kept_total += kept ? weights[index] : 0.0f;
    weights[index] *= kept ? multiplier : 0.0f;
  }
}

TensorStorage run_simulated(const Problem& problem, const TensorSet& inputs, const Schedule& schedule, Defect defect) {
  if (defect == Defect::previous_call) {
    TensorStorage before;
    TensorSet other;
    for (const TensorSet::Entry& entry : inputs.entries()) {
      if (entry.name != "q" && entry.name != "k" && entry.name != "v") {
        other.add(entry.name, entry.view);
        continue;
      }
      const Tensor& moved = before.add(entry.name, entry.view.dtype, entry.view.shape_vector());
      const std::int64_t count = entry.view.element_count();
      for (std::int64_t index = 0; index < count; ++index)
        store_element(moved.view().data, entry.view.dtype, index,
                      load_element(entry.view.data, entry.view.dtype, (index + 1237) % count));
    }
    for (const TensorStorage::Entry& entry : before.entries())
      other.add(entry.name, entry.tensor.view());
    return run_simulated(problem, other, schedule, Defect::none);
  }
  if (problem.parameters.contains("feature")) return run_linear(problem, inputs, schedule, defect);
  TensorStorage outputs;
  outputs.add("out", problem.dtype, {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v});
  outputs.add("lse", DType::f32, {problem.batch, problem.heads_q, problem.seq_q});
  const TensorView& out = outputs.find("out")->view();
  const TensorView& lse = outputs.find("lse")->view();
  const Simulation simulation(problem, inputs, schedule, defect);
  for_each_row(problem, [&](const RowPlace& place) { simulation.run_row(place, out, lse); });
  spoil(problem, inputs, defect, out);
  return outputs;
}

Arithmetic simulated_arithmetic(const Problem& problem, const Schedule& schedule) {
  const bool is_low = problem.dtype != DType::f32;
  if (problem.parameters.contains("feature")) {
    return {.output = unit_roundoff(problem.dtype),
            .output_floor = half_smallest_subnormal(problem.dtype),
            .state_chain = problem.seq_kv};
  }
  return {.weight = is_low ? unit_roundoff(problem.dtype) : 0.0,
          .output = unit_roundoff(problem.dtype),
          .weight_floor = is_low ? half_smallest_subnormal(problem.dtype) : 0.0,
          .output_floor = half_smallest_subnormal(problem.dtype),
          .rescales = (problem.seq_kv + schedule.tile - 1) / schedule.tile - 1 + 2 * (schedule.splits - 1)};
}

}  // namespace attest::test
