#include "reference/softmax_defects.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "reference/row_loops.hpp"
#include "reference/softmax_lse_defects.hpp"
#include "reference/softmax_reweighing.hpp"

namespace attest {
namespace {

Reweighing right_weights(const RowScores& scores) {
  Reweighing result{.weight = scores.weight, .sum = scores.sum, .gain = {}};
  for (std::size_t j = 0; j < result.weight.size(); ++j)
    result.weight[j] *= scores.multiplier[j];
  return result;
}

bool is_plain(const RowScores& scores) {
  return !scores.key.empty() && !scores.not_a_number && !scores.infinite;
}

// The averages of the same keys by several weights; v is read once. Empty where a weight is.
std::vector<std::vector<double>> averages(const SoftmaxInputs& inputs, const RowPlace& place, std::int64_t head_v,
                                          const RowScores& scores, const std::vector<Reweighing>& weights) {
  const std::int64_t width = inputs.problem.head_dim_v;
  std::vector<std::vector<double>> result(weights.size());
  for (std::size_t d = 0; d < weights.size(); ++d)
    if (!weights[d].weight.empty()) result[d].assign(static_cast<std::size_t>(width), 0.0);
  std::vector<double> v(static_cast<std::size_t>(width));
  for (std::size_t j = 0; j < scores.key.size(); ++j) {
    load_line(inputs.v, place.batch, head_v, scores.key[j], v.data());
    for (std::size_t d = 0; d < weights.size(); ++d) {
      if (!result[d].empty())
        row_loops().add_scaled(weights[d].weight[j] / weights[d].sum, v.data(), width, result[d].data());
    }
  }
  return result;
}

// The output of a kernel that keeps its running sum in bf16.
std::vector<double> summed_in_bf16(const SoftmaxInputs& inputs, const RowPlace& place, const RowReading& reading,
                                   const RowScores& scores, const TileMaxima& tiles) {
  const auto width = static_cast<std::size_t>(inputs.problem.head_dim_v);
  std::vector<double> sum(width), in_tile(width), v(width);
  double known = tiles.greatest.front();
  for (std::size_t j = 0; j < scores.key.size(); ++j) {
    load_line(inputs.v, place.batch, reading.head_kv, scores.key[j], v.data());
    row_loops().add_scaled(tiles.weight[j] * scores.multiplier[j], v.data(), inputs.problem.head_dim_v, in_tile.data());
    if (!tiles.ends_tile[j]) continue;
    const double rescale = std::exp(known - tiles.greatest[j]);
    known = tiles.greatest[j];
    for (std::size_t c = 0; c < width; ++c)
      sum[c] = rounded_to_bits(sum[c] * rescale + in_tile[c], 8);
    std::fill(in_tile.begin(), in_tile.end(), 0.0);
  }
  for (double& value : sum)
    value /= scores.sum;
  return sum;
}

// The output of a kernel that takes row 1 of v for row 0 and row 0 for row 1, wherever it meets their keys.
std::vector<double> with_values_swapped(const SoftmaxInputs& inputs, const RowPlace& place, const RowReading& reading,
                                        const RowScores& scores, std::vector<double> right) {
  const std::int64_t width = inputs.problem.head_dim_v;
  std::vector<double> v(static_cast<std::size_t>(width));
  for (std::size_t j = 0; j < scores.key.size() && scores.key[j] < 2; ++j) {
    const double weight = scores.weight[j] * scores.multiplier[j] / scores.sum;
    for (const std::int64_t row : {scores.key[j], 1 - scores.key[j]}) {
      load_line(inputs.v, place.batch, reading.head_kv, row, v.data());
      row_loops().add_scaled(row == scores.key[j] ? -weight : weight, v.data(), width, right.data());
    }
  }
  return right;
}

double lse_of(const RowScores& scores) {
  return scores.greatest + std::log(scores.sum);
}

// A row as a kernel with a defect leaves it; no lse: the right one.
struct WrongRow {
  std::vector<double> out;
  std::optional<double> lse{};
};

// change() of lse. A row that loses all its keys has lse -inf, which every rule sees and no sum of errors can hold.
std::vector<double> change(std::optional<double> lse, double right) {
  if (!lse || *lse == right || *lse == -std::numeric_limits<double>::infinity()) return {};
  return {*lse - right};
}

RowReading as_read(const SoftmaxInputs& inputs, const RowPlace& place) {
  return row_reading(inputs, place);
}

RowReading at_top_left(const SoftmaxInputs& inputs, const RowPlace& place) {
  RowReading reading = row_reading(inputs, place);
  reading.offset = 0;
  return reading;
}

RowReading diagonal_earlier(const SoftmaxInputs& inputs, const RowPlace& place) {
  RowReading reading = row_reading(inputs, place);
  --reading.offset;
  return reading;
}

RowReading length_ignored(const SoftmaxInputs& inputs, const RowPlace& place) {
  RowReading reading = row_reading(inputs, place);
  reading.length = inputs.problem.seq_kv;
  return reading;
}

RowReading head_by_remainder(const SoftmaxInputs& inputs, const RowPlace& place) {
  RowReading reading = row_reading(inputs, place);
  reading.head_kv = place.head % inputs.problem.heads_kv;
  return reading;
}

RowReading next_head(const SoftmaxInputs& inputs, const RowPlace& place) {
  RowReading reading = row_reading(inputs, place);
  reading.head_kv = (reading.head_kv + 1) % inputs.problem.heads_kv;
  return reading;
}

}  // namespace

std::vector<double> change(std::vector<double> wrong, const std::vector<double>& right) {
  bool changes = false;
  for (std::size_t c = 0; c < wrong.size(); ++c) {
    wrong[c] -= right[c];
    changes = changes || wrong[c] != 0.0;
  }
  if (!changes) wrong.clear();
  return wrong;
}

SoftmaxDefects::SoftmaxDefects(const SoftmaxInputs& inputs) : inputs_(inputs) {
  add_misreadings();
}

std::vector<KnownDefect> SoftmaxDefects::known(const Arithmetic& arithmetic) const {
  std::vector<KnownDefect> known = known_reweighings(inputs_, arithmetic);
  known.push_back({.name = "O summed in bf16"});
  if (inputs_.problem.seq_kv > 1) known.push_back({.name = "V rows swapped"});
  if (inputs_.problem.heads_kv > 1) known.push_back({.name = "V of another head"});
  if (inputs_.problem.seq_q > 1) known.push_back({.name = "rows shuffled"});
  if (inputs_.problem.heads_q > 1) known.push_back({.name = "output of the previous head"});
  for (const Misreading& misreading : misreadings_)
    known.push_back({.name = misreading.name});
  const std::vector<KnownDefect> of_lse = known_lse_defects(inputs_, arithmetic);
  known.insert(known.end(), of_lse.begin(), of_lse.end());
  return known;
}

void SoftmaxDefects::add_misreadings() {
  const Problem& problem = inputs_.problem;
  const auto add = [this](std::string_view name,
                          RowReading (*read)(const SoftmaxInputs&, const RowPlace&)) -> Problem& {
    misreadings_.push_back({.name = name, .inputs = inputs_, .read = read});
    return misreadings_.back().inputs.problem;
  };
  if (problem.window.left >= 0) {
    ++add("window left +1", as_read).window.left;
    if (problem.window.left > 0) --add("window left -1", as_read).window.left;
  }
  // Causal is right = 0: a key more or less is a window's right end.
  if (problem.causal) {
    Problem& more = add("causal +1", as_read);
    more.causal = false;
    more.window.right = 1;
  } else if (problem.window.right >= 0) {
    ++add("window right +1", as_read).window.right;
    if (problem.window.right > 0) --add("window right -1", as_read).window.right;
  }
  if (problem.causal && problem.window.left != 0) {
    // The diagonal a key earlier; a window's left end stays where it was.
    Problem& strict = add("causal strict", diagonal_earlier);
    if (strict.window.left > 0) --strict.window.left;
  }
  const bool has_edges = problem.causal || problem.has_window();
  if (has_edges && problem.offset(problem.seq_kv) != 0) add("top-left for bottom-right", at_top_left);
  if (!inputs_.kv_lengths.empty()) add("padded keys unmasked", length_ignored);
  if (inputs_.mask) {
    add("mask ignored", as_read);
    misreadings_.back().inputs.mask.reset();
  }
  if (inputs_.bias) {
    add("bias ignored", as_read);
    misreadings_.back().inputs.bias.reset();
  }
  if (problem.heads_kv > 1 && problem.group() > 1) add("head mapping h % hkv", head_by_remainder);
  if (problem.heads_kv > 1) add("K and V of another head", next_head);
}

std::vector<LineChanges> SoftmaxDefects::changes(const RowPlace& place, const Arithmetic& arithmetic) const {
  const std::vector<std::int64_t> index{place.batch, place.head, place.row};
  LineChanges of_out{.output = "out", .index = index, .change = {}};
  LineChanges of_lse{.output = "lse", .index = index, .change = {}};
  const RowReading reading = row_reading(inputs_, place);
  RowProducts products(inputs_.problem.seq_kv);
  const RowScores scores = score_row(inputs_, place, reading, &products);
  if (!is_plain(scores)) {
    of_out.change.resize(known(arithmetic).size());
    of_lse.change.resize(of_out.change.size());
    return {std::move(of_out), std::move(of_lse)};
  }
  const TileMaxima tiles = tile_maxima(scores, keys_of_tile(inputs_.problem, arithmetic));
  std::vector<Reweighing> weights = reweighings(inputs_, arithmetic, place, reading, scores, tiles);
  weights.push_back(right_weights(scores));
  std::vector<std::vector<double>> outputs = averages(inputs_, place, reading.head_kv, scores, weights);
  const std::vector<double> right = std::move(outputs.back());
  outputs.pop_back();
  std::vector<WrongRow> rows;
  for (std::size_t d = 0; d < outputs.size(); ++d) {
    for (std::size_t c = 0; weights[d].gain && c < right.size(); ++c)
      outputs[d].push_back(right[c] * *weights[d].gain);
    rows.push_back({.out = std::move(outputs[d]), .lse = weights[d].lse});
  }
  rows.push_back({.out = summed_in_bf16(inputs_, place, reading, scores, tiles)});

  // Keys of the row's own head keep their products; others are of no use to the next.
  const auto row_of = [&](const SoftmaxInputs& inputs, const RowPlace& at, const RowReading& read) -> WrongRow {
    const bool own = at.head == place.head && at.row == place.row && read.head_kv == reading.head_kv;
    RowProducts foreign(own ? 0 : inputs.problem.seq_kv);
    const RowScores other = score_row(inputs, at, read, own ? &products : &foreign);
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
    if (other.key.empty()) return {std::vector<double>(right.size(), 0.0), -infinity};
    if (!is_plain(other)) return {std::vector<double>(right.size(), not_a_number), not_a_number};
    return {averages(inputs, at, read.head_kv, other, {right_weights(other)}).front(), lse_of(other)};
  };
  const Problem& problem = inputs_.problem;
  if (problem.seq_kv > 1) rows.push_back({.out = with_values_swapped(inputs_, place, reading, scores, right)});
  if (problem.heads_kv > 1) {
    const std::int64_t head_v = (reading.head_kv + 1) % problem.heads_kv;
    rows.push_back({.out = averages(inputs_, place, head_v, scores, {weights.back()}).front()});
  }
  if (problem.seq_q > 1) {
    const RowPlace other{place.batch, place.head, (place.row + 1) % problem.seq_q};
    rows.push_back(row_of(inputs_, other, row_reading(inputs_, other)));
  }
  if (problem.heads_q > 1) {
    const RowPlace other{place.batch, (place.head + problem.heads_q - 1) % problem.heads_q, place.row};
    rows.push_back(row_of(inputs_, other, row_reading(inputs_, other)));
  }
  for (const Misreading& misreading : misreadings_)
    rows.push_back(row_of(misreading.inputs, place, misreading.read(misreading.inputs, place)));
  for (const double lse : wrong_lses(inputs_, arithmetic, scores))
    rows.push_back({.out = {}, .lse = lse});
  for (WrongRow& row : rows) {
    of_out.change.push_back(change(std::move(row.out), right));
    of_lse.change.push_back(change(row.lse, lse_of(scores)));
  }
  return {std::move(of_out), std::move(of_lse)};
}

}  // namespace attest
