#include <algorithm>
#include <cmath>
#include <string_view>

#include "reference/row_loops.hpp"
#include "reference/softmax_reweighing.hpp"
#include "reference/softmax_row.hpp"
#include "variants/linear/oracle_inputs.hpp"

namespace attest::linear {
namespace {

/// What a defective kernel makes of a row: sum_j weight_j v_j / sum over the keys first .. first + weights - 1.
struct Wrong {
  std::int64_t head_v = 0;
  std::int64_t first = 0;
  std::vector<double> weight;
  double sum = 0.0;
  double gain = 1.0;
  bool swaps_values = false;  ///< of keys 0 and 1
};

/// A row with its own features.
struct Row {
  const LinearInputs& inputs;
  const RowPlace& place;
  std::vector<double> query;

  const Problem& problem() const { return inputs.problem; }
  std::int64_t head_kv() const { return place.head / problem().group(); }
};

/// Keys first .. last - 1 of a key head, weighed as they should be.
Wrong over_keys(const Row& row, std::int64_t head, std::int64_t first, std::int64_t last) {
  const auto keys = row.inputs.key_features(row.place.batch, head);
  Wrong wrong{.head_v = head, .first = first, .weight = {}, .sum = row.inputs.eps()};
  for (std::int64_t j = first; j < last; ++j) {
    DotProduct weight;
    row_loops().dot(row.query.data(), keys->line(j), keys->width, false, &weight);
    wrong.weight.push_back(weight.value);
    wrong.sum += weight.value;
  }
  return wrong;
}

Wrong right(const Row& row) {
  return over_keys(row, row.head_kv(), 0, row.inputs.visible(row.place));
}

double total(const Wrong& wrong) {
  double sum = 0.0;
  for (const double weight : wrong.weight)
    sum += weight;
  return sum;
}

Wrong gain(const Row& row) {
  Wrong wrong = right(row);
  wrong.gain = 1.005;
  return wrong;
}
Wrong zeros(const Row& row) {
  Wrong wrong = right(row);
  wrong.gain = 0.0;
  return wrong;
}
Wrong last_key_dropped(const Row& row) {
  const std::int64_t last = row.inputs.visible(row.place);
  return over_keys(row, row.head_kv(), 0, last > 1 ? last - 1 : last);
}
Wrong last_dimension_dropped(const Row& row) {
  Row shorter = row;
  shorter.query[static_cast<std::size_t>(row.problem().head_dim - 1)] = 0.0;
  return right(shorter);
}
Wrong scaled_query(const Row& row) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(row.problem().head_dim));
  return right({row.inputs, row.place, row.inputs.query_features(row.place, scale)});
}
Wrong mean_of_values(const Row& row) {
  Wrong wrong = right(row);
  wrong.weight.assign(wrong.weight.size(), 1.0);
  wrong.sum = total(wrong);
  return wrong;
}
Wrong other_eps(const Row& row) {
  Wrong wrong = right(row);
  wrong.sum += row.inputs.eps() > 0.0 ? -row.inputs.eps() : 1e-6;
  return wrong;
}
Wrong normaliser_of_all_keys(const Row& row) {
  Wrong wrong = right(row);
  wrong.sum = over_keys(row, row.head_kv(), 0, row.inputs.length(row.place.batch)).sum;
  return wrong;
}
/// Only the keys of the chunk in which the row's last key lies.
template <std::int64_t Chunk>
Wrong state_not_carried(const Row& row) {
  const std::int64_t last = row.inputs.visible(row.place);
  return over_keys(row, row.head_kv(), last == 0 ? 0 : (last - 1) / Chunk * Chunk, last);
}
Wrong moved_end(const Row& row, std::int64_t by) {
  const std::int64_t last = row.inputs.visible(row.place) + by;
  return over_keys(row, row.head_kv(), 0, std::clamp<std::int64_t>(last, 0, row.inputs.length(row.place.batch)));
}
Wrong causal_strict(const Row& row) {
  return moved_end(row, -1);
}
Wrong causal_plus_1(const Row& row) {
  return moved_end(row, 1);
}
Wrong at_top_left(const Row& row) {
  return over_keys(row, row.head_kv(), 0, std::min(row.place.row + 1, row.inputs.length(row.place.batch)));
}
Wrong length_ignored(const Row& row) {
  return over_keys(row, row.head_kv(), 0, row.problem().seq_kv);
}
Wrong values_of_other_head(const Row& row) {
  Wrong wrong = right(row);
  wrong.head_v = (wrong.head_v + 1) % row.problem().heads_kv;
  return wrong;
}
Wrong other_head(const Row& row) {
  return over_keys(row, (row.head_kv() + 1) % row.problem().heads_kv, 0, row.inputs.visible(row.place));
}
Wrong head_by_remainder(const Row& row) {
  return over_keys(row, row.place.head % row.problem().heads_kv, 0, row.inputs.visible(row.place));
}
Wrong values_swapped(const Row& row) {
  Wrong wrong = right(row);
  wrong.swaps_values = wrong.weight.size() > 1;
  return wrong;
}
Wrong of_place(const Row& row, const RowPlace& place) {
  return right({row.inputs, place, row.inputs.query_features(place)});
}
Wrong next_row(const Row& row) {
  const RowPlace& at = row.place;
  return of_place(row, {at.batch, at.head, (at.row + 1) % row.problem().seq_q});
}
Wrong previous_head(const Row& row) {
  const RowPlace& at = row.place;
  return of_place(row, {at.batch, (at.head + row.problem().heads_q - 1) % row.problem().heads_q, at.row});
}
Wrong sum_in_bf16(const Row& row) {
  Wrong wrong = right(row);
  wrong.sum = row.inputs.eps();
  for (const double weight : wrong.weight)
    wrong.sum = rounded_to_bits(wrong.sum + weight, 8);
  return wrong;
}
Wrong weights_in_bf16(const Row& row) {
  Wrong wrong = right(row);
  for (double& weight : wrong.weight)
    weight = rounded_to_bits(weight, 8);
  return wrong;
}
Wrong query_in_bf16(const Row& row) {
  Row rounded = row;
  for (double& feature : rounded.query)
    feature = rounded_to_bits(feature, 8);
  return right(rounded);
}

bool always(const LinearInputs&, const Arithmetic&) {
  return true;
}
bool causal(const LinearInputs& inputs, const Arithmetic&) {
  return inputs.problem.causal;
}
bool fine_weights(const LinearInputs&, const Arithmetic& arithmetic) {
  return arithmetic.weight == 0.0;
}
bool fine_features(const LinearInputs&, const Arithmetic& arithmetic) {
  return arithmetic.feature + arithmetic.input < 0x1p-12;
}

struct Named {
  std::string_view name;
  Wrong (*make)(const Row& row);
  bool (*applies)(const LinearInputs& inputs, const Arithmetic& arithmetic);
};

constexpr Named named[] = {
    {"gain +0.5%", gain, always},
    {"last key dropped", last_key_dropped, always},
    {"last of d dropped", last_dimension_dropped, always},
    {"q scaled by 1/sqrt(d)", scaled_query, always},
    {"eps of another size", other_eps, always},
    {"normaliser of all keys", normaliser_of_all_keys, causal},
    {"state not carried between chunks of 16", state_not_carried<16>, causal},
    {"state not carried between chunks of 64", state_not_carried<64>, causal},
    {"state not carried between chunks of 96", state_not_carried<96>, causal},
    {"causal strict", causal_strict, causal},
    {"causal +1", causal_plus_1, causal},
    {"top-left for bottom-right", at_top_left,
     [](const LinearInputs& inputs, const Arithmetic&) {
       return inputs.problem.causal && inputs.problem.offset(inputs.problem.seq_kv) != 0;
     }},
    {"padded keys unmasked", length_ignored,
     [](const LinearInputs& inputs, const Arithmetic&) { return inputs.has_lengths() && !inputs.problem.causal; }},
    {"V rows swapped", values_swapped, always},
    {"V of another head", values_of_other_head,
     [](const LinearInputs& inputs, const Arithmetic&) { return inputs.problem.heads_kv > 1; }},
    {"K and V of another head", other_head,
     [](const LinearInputs& inputs, const Arithmetic&) { return inputs.problem.heads_kv > 1; }},
    {"head mapping h % hkv", head_by_remainder,
     [](const LinearInputs& inputs, const Arithmetic&) {
       return inputs.problem.heads_kv > 1 && inputs.problem.group() > 1;
     }},
    {"rows shuffled", next_row, [](const LinearInputs& inputs, const Arithmetic&) { return inputs.problem.seq_q > 1; }},
    {"output of the previous head", previous_head,
     [](const LinearInputs& inputs, const Arithmetic&) { return inputs.problem.heads_q > 1; }},
    {"output all zeros", zeros, always},
    {"output mean of V", mean_of_values, always},
    {"l summed in bf16", sum_in_bf16, always},
    {"weights rounded to bf16", weights_in_bf16, fine_weights},
    {"phi(q) rounded to bf16", query_in_bf16, fine_features},
};

std::vector<double> output_of(const Row& row, const Wrong& wrong) {
  const std::int64_t width = row.problem().head_dim_v;
  std::vector<double> out(static_cast<std::size_t>(width), 0.0);
  std::vector<double> v(out.size());
  for (std::size_t n = 0; n < wrong.weight.size(); ++n) {
    const std::int64_t key = wrong.first + static_cast<std::int64_t>(n);
    load_line(row.inputs.v, row.place.batch, wrong.head_v, wrong.swaps_values && key < 2 ? 1 - key : key, v.data());
    row_loops().add_scaled(wrong.gain * wrong.weight[n] / wrong.sum, v.data(), width, out.data());
  }
  return out;
}

}  // namespace

std::vector<KnownDefect> LinearDefects::known(const Arithmetic& arithmetic) const {
  std::vector<KnownDefect> known;
  for (const Named& one : named)
    if (one.applies(inputs_, arithmetic)) known.push_back({.name = one.name});
  return known;
}

std::vector<std::vector<double>> LinearDefects::changes(const RowPlace& place, const Arithmetic& arithmetic) const {
  const Row row{inputs_, place, inputs_.query_features(place)};
  const std::vector<double> truth = output_of(row, right(row));
  std::vector<std::vector<double>> changes;
  for (const Named& one : named) {
    if (!one.applies(inputs_, arithmetic)) continue;
    std::vector<double> change = output_of(row, one.make(row));
    bool shows = false;
    bool finite = true;
    for (std::size_t c = 0; c < change.size(); ++c) {
      change[c] -= truth[c];
      shows = shows || change[c] != 0.0;
      finite = finite && std::isfinite(change[c]);
    }
    if (!shows || !finite) change.clear();
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace attest::linear
