#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "harness/core/error.hpp"
#include "harness/inputs/input_values.hpp"
#include "harness/inputs/random_stream.hpp"

namespace attest {
namespace {

constexpr double share_hidden = 0.25;

template <class Visible>
void fill_mask(const Tensor& mask, const MaskLayout& layout, Visible visible) {
  auto* out = mask.view().as<std::uint8_t>();
  for (std::int64_t batch = 0; batch < layout.batch; ++batch) {
    for (std::int64_t line = 0; line < layout.heads * layout.rows; ++line) {
      for (std::int64_t key = 0; key < layout.keys; ++key)
        *out++ = visible(batch, batch * layout.heads * layout.rows + line, key) ? 1 : 0;
    }
  }
}

// Which of `count` things a seed picks: about a quarter, at least one, and not all of them (count is 2 or more).
std::vector<bool> some_but_not_all(std::uint64_t seed, const std::string& name, std::int64_t count) {
  RandomStream choices(seed, name);
  RandomStream forced(seed, name + "/forced");
  std::vector<bool> picked(static_cast<std::size_t>(count));
  for (std::int64_t index = 0; index < count; ++index)
    picked[index] = choices.chance(index, share_hidden);
  const std::int64_t yes = forced.below(0, count);
  const std::int64_t no = (yes + 1 + forced.below(1, count - 1)) % count;
  picked[yes] = true;
  picked[no] = false;
  return picked;
}

}  // namespace

MaskLayout::MaskLayout(const Shape& shape, const Problem& problem) {
  const Problem& p = problem;
  keys = p.seq_kv;
  if (shape == Shape{p.batch, p.seq_kv}) {
    batch = p.batch;
    return;
  }
  const Shape whole{p.batch, p.heads_q, p.seq_q, p.seq_kv};
  std::int64_t* const extents[] = {&batch, &heads, &rows, &keys};
  const std::size_t missing = whole.size() - std::min(whole.size(), shape.size());
  bool good = !shape.empty() && shape.size() <= whole.size() && shape.back() == p.seq_kv;
  for (std::size_t axis = missing; good && axis < whole.size(); ++axis) {
    *extents[axis] = shape[axis - missing];
    good = *extents[axis] == 1 || *extents[axis] == whole[axis];
  }
  if (!good) {
    complain("mask", fmt::format("the variant declares shape {} for {}", text_of(shape), p.text()),
             fmt::format("declare {} with any leading dimension 1", text_of(whole)));
  }
}

std::vector<std::int64_t> padded_lengths(const Problem& problem, std::uint64_t seed) {
  RandomStream stream(seed, "kv_lengths");
  RandomStream forced(seed, "kv_lengths/forced");
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(problem.batch));
  for (std::int64_t batch = 0; batch < problem.batch; ++batch)
    lengths[batch] = 1 + stream.below(batch, problem.seq_kv);
  if (problem.batch > 1) {
    const std::int64_t whole = forced.below(0, problem.batch);
    const std::int64_t shortest = (whole + 1 + forced.below(1, problem.batch - 1)) % problem.batch;
    lengths[whole] = problem.seq_kv;
    lengths[shortest] = 1;
  }
  return lengths;
}

void fill_padding_mask(const Tensor& mask, const Problem& problem, const std::vector<std::int64_t>& lengths) {
  const MaskLayout layout(mask.view().shape_vector(), problem);
  fill_mask(mask, layout, [&](std::int64_t batch, std::int64_t, std::int64_t key) { return key < lengths[batch]; });
}

void fill_row_mask(const Tensor& mask, const Problem& problem, std::uint64_t seed) {
  const MaskLayout layout(mask.view().shape_vector(), problem);
  const std::vector<bool> masked = some_but_not_all(seed, "mask/lines", layout.lines());
  RandomStream keys(seed, "mask/keys");
  RandomStream kept(seed, "mask/kept");
  fill_mask(mask, layout, [&](std::int64_t, std::int64_t line, std::int64_t key) {
    if (masked[line]) return false;
    return key == kept.below(line, layout.keys) || !keys.chance(line * layout.keys + key, share_hidden);
  });
}

std::vector<bool> hidden_keys(const MaskLayout& layout, const Problem& problem, std::uint64_t seed) {
  std::vector<bool> hidden;
  for (std::int64_t batch = 0; batch < problem.batch; ++batch) {
    const std::int64_t masked_as = std::min(batch, layout.batch - 1);
    const auto own = some_but_not_all(seed, fmt::format("mask/hidden/{}", masked_as), problem.seq_kv);
    hidden.insert(hidden.end(), own.begin(), own.end());
  }
  return hidden;
}

void fill_hidden_mask(const Tensor& mask, const Problem& problem, const std::vector<bool>& hidden) {
  const MaskLayout layout(mask.view().shape_vector(), problem);
  fill_mask(mask, layout,
            [&](std::int64_t batch, std::int64_t, std::int64_t key) { return !hidden[batch * problem.seq_kv + key]; });
}

void poison_hidden(const Tensor& tensor, const Problem& problem, std::uint64_t seed, const std::vector<bool>& hidden) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double poisons[] = {std::numeric_limits<double>::quiet_NaN(), infinity, -infinity};
  const TensorView& view = tensor.view();
  const std::int64_t width = view.shape[view.rank - 1];
  const std::int64_t per_batch = view.element_count() / view.shape[0];
  RandomStream stream(seed, "poison");
  for (std::int64_t index = 0; index < view.element_count(); ++index) {
    const std::int64_t batch = index / per_batch;
    const std::int64_t key = index / width % problem.seq_kv;
    if (hidden[batch * problem.seq_kv + key]) {
      store_element(view.data, view.dtype, index, poisons[stream.below(index, std::size(poisons))]);
    }
  }
}

}  // namespace attest
