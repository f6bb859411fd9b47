#include "variants/multihead/oracle_defects.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "reference/softmax_defects.hpp"
#include "variants/multihead/shapes.hpp"

namespace attest::multihead {
namespace {

// After the defects of the attention, in this order.
enum Own : std::size_t {
  bias_q,
  bias_k,
  bias_v,
  bias_o,
  transposed_q,
  transposed_k,
  transposed_v,
  transposed_o,
  split_q,
  split_k,
  split_v,
  merged,
  values_for_keys,
  keys_for_values,
  own_count
};

constexpr KnownDefect own_defects[own_count] = {
    {.name = "b_q not added", .output = "heads_q"},
    {.name = "b_k not added", .output = "heads_k"},
    {.name = "b_v not added", .output = "heads_v"},
    {.name = "b_o not added", .output = "out"},
    {.name = "W_q transposed", .output = "heads_q"},
    {.name = "W_k transposed", .output = "heads_k"},
    {.name = "W_v transposed", .output = "heads_v"},
    {.name = "W_o transposed", .output = "out"},
    {.name = "heads of q split as (d,h)", .output = "heads_q"},
    {.name = "heads of k split as (d,h)", .output = "heads_k"},
    {.name = "heads of v split as (d,h)", .output = "heads_v"},
    {.name = "heads merged as (d,h)", .output = "context"},
    {.name = "W_v for W_k", .output = "heads_k"},
    {.name = "W_k for W_v", .output = "heads_v"},
};

// The defects of the attention that a module can show: it keeps no lse.
bool is_of_module(const KnownDefect& defect) {
  return defect.output != "lse";
}

// What the defects of a projection make of the heads of one token; a vector is d_model wide and split as it should be.
struct WrongTokens {
  std::vector<double> right, without_bias, transposed, split, foreign;
};

std::vector<double> merged_heads(const TensorView& heads, const RowPlace& place) {
  std::vector<double> token;
  for (std::int64_t head = 0; head < heads.shape[1]; ++head)
    for (std::int64_t c = 0; c < heads.shape[3]; ++c)
      token.push_back(heads.load(place.batch, head, place.row, c));
  return token;
}

// Element c of head h taken from column c * heads + h.
std::vector<double> transposed_columns(const std::vector<double>& token, std::int64_t heads) {
  const auto count = static_cast<std::size_t>(heads);
  const std::size_t dim = token.size() / count;
  std::vector<double> result(token.size());
  for (std::size_t head = 0; head < count; ++head)
    for (std::size_t c = 0; c < dim; ++c)
      result[head * dim + c] = token[c * count + head];
  return result;
}

WrongTokens wrong_tokens(const HeadProjection& projection, const std::vector<double>& token, const RowPlace& place,
                         const TensorView* foreign) {
  WrongTokens wrong{.right = merged_heads(projection.heads, place),
                    .without_bias = {},
                    .transposed = projection.linear.by_transposed(token),
                    .split = {},
                    .foreign = {}};
  wrong.without_bias = wrong.right;
  for (std::size_t c = 0; c < wrong.right.size(); ++c)
    wrong.without_bias[c] -= projection.linear.bias()[c];
  wrong.split = transposed_columns(wrong.right, projection.heads.shape[1]);
  if (foreign != nullptr) wrong.foreign = merged_heads(*foreign, place);
  return wrong;
}

// The share of one head.
std::vector<double> of_head(const std::vector<double>& token, std::int64_t head, std::int64_t dim) {
  return {token.begin() + head * dim, token.begin() + (head + 1) * dim};
}

}  // namespace

std::vector<KnownDefect> ModuleDefects::known(const Arithmetic& arithmetic) const {
  std::vector<KnownDefect> known;
  for (KnownDefect defect : attention_.defects(arithmetic)) {
    if (!is_of_module(defect)) continue;
    defect.output = "context";
    known.push_back(defect);
  }
  known.insert(known.end(), std::begin(own_defects), std::end(own_defects));
  return known;
}

LineChanges ModuleDefects::context_changes(const RowPlace& place, const Arithmetic& arithmetic,
                                           std::size_t known) const {
  LineChanges line{.output = "context", .index = {place.batch, place.row}, .change = {}};
  line.change.resize(known);
  const std::size_t first_own = known - own_count;
  const std::vector<KnownDefect> defects = attention_.defects(arithmetic);
  const auto dim = static_cast<std::size_t>(problem_.head_dim);
  std::vector<OutputRow> rows;
  std::vector<double> right;
  for (std::int64_t head = 0; head < problem_.heads_q; ++head) {
    const RowPlace own{place.batch, head, place.row};
    attention_.row(own, arithmetic, rows);
    right.insert(right.end(), rows.front().value.begin(), rows.front().value.end());
    const std::vector<LineChanges> changes = attention_.changes(own, arithmetic);
    const auto first = static_cast<std::size_t>(head) * dim;
    for (std::size_t d = 0, at = 0; d < defects.size(); ++d) {
      if (!is_of_module(defects[d])) continue;
      const std::vector<double>& change = changes.front().change[d];
      std::vector<double>& whole = line.change[at++];
      if (change.empty()) continue;
      if (whole.empty()) whole.assign(static_cast<std::size_t>(model_width(problem_)), 0.0);
      std::copy(change.begin(), change.end(), whole.begin() + static_cast<std::ptrdiff_t>(first));
    }
  }
  // Merged so, column c * heads + h holds element c of head h: the inverse of the split.
  line.change[first_own + merged] = change(transposed_columns(right, problem_.head_dim), right);
  return line;
}

std::vector<LineChanges> ModuleDefects::changes(const RowPlace& place, const Arithmetic& arithmetic) const {
  const std::size_t count = known(arithmetic).size();
  const std::size_t first_own = count - own_count;
  std::vector<LineChanges> lines;
  const auto add = [&](std::string_view output, std::vector<std::int64_t> index) -> LineChanges& {
    lines.push_back({.output = output, .index = std::move(index), .change = {}});
    lines.back().change.resize(count);
    return lines.back();
  };

  LineChanges& out = add("out", {place.batch, place.row});
  const std::vector<double> context = token_of(stages_.context, place.batch, place.row);
  for (const double bias : stages_.o.bias())
    out.change[first_own + bias_o].push_back(-bias);
  out.change[first_own + transposed_o] = change(stages_.o.by_transposed(context), stages_.o(context).value);

  const auto add_head = [&](std::string_view output, const WrongTokens& wrong, std::int64_t head, std::int64_t row,
                            Own bias, Own transposed, Own split, Own foreign) {
    LineChanges& line = add(output, {place.batch, head, row});
    const auto part = [&](const std::vector<double>& token) { return of_head(token, head, problem_.head_dim); };
    const std::vector<double> right = part(wrong.right);
    line.change[first_own + bias] = change(part(wrong.without_bias), right);
    line.change[first_own + transposed] = change(part(wrong.transposed), right);
    line.change[first_own + split] = change(part(wrong.split), right);
    if (foreign != own_count) line.change[first_own + foreign] = change(part(wrong.foreign), right);
  };
  const WrongTokens query = wrong_tokens(stages_.q, token_of(stages_.x, place.batch, place.row), place, nullptr);
  std::vector<std::pair<WrongTokens, WrongTokens>> keys;
  for (std::int64_t row = place.row; row < problem_.seq_kv; row += problem_.seq_q) {
    const std::vector<double> token = token_of(stages_.x_kv, place.batch, row);
    const RowPlace at{place.batch, 0, row};
    keys.emplace_back(wrong_tokens(stages_.k, token, at, &stages_.v.heads),
                      wrong_tokens(stages_.v, token, at, &stages_.k.heads));
  }
  for (std::int64_t head = 0; head < problem_.heads_q; ++head) {
    add_head("heads_q", query, head, place.row, bias_q, transposed_q, split_q, own_count);
    for (std::size_t n = 0; n < keys.size(); ++n) {
      const std::int64_t row = place.row + static_cast<std::int64_t>(n) * problem_.seq_q;
      add_head("heads_k", keys[n].first, head, row, bias_k, transposed_k, split_k, values_for_keys);
      add_head("heads_v", keys[n].second, head, row, bias_v, transposed_v, split_v, keys_for_values);
    }
  }
  lines.push_back(context_changes(place, arithmetic, count));
  // `out` has the problem's type itself.
  for (std::size_t n = 1; n < lines.size(); ++n)
    if (stores_low(arithmetic)) lines[n].rounded_to = problem_.dtype;
  return lines;
}

}  // namespace attest::multihead
