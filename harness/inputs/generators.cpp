#include "harness/inputs/generators.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fmt/format.h>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "harness/inputs/input_values.hpp"
#include "harness/inputs/random_stream.hpp"

namespace attest {
namespace {

constexpr std::array<InputKind, 16> kinds{{
    {.name = "normal", .summary = "N(0,1)"},
    {.name = "outliers", .summary = "N(0,1) + N(0,100)*Bernoulli(0.001), FlashAttention-3's recipe (variance 100)"},
    {.name = "large_logits", .summary = "q and k N(0,16): scores 16 times those of normal"},
    {.name = "huge_logits", .summary = "q and k N(0,4096): scores of thousands, whose exponentials overflow"},
    {.name = "peaked", .summary = "each query lies along one visible key, 24 above the others' mean score"},
    {.name = "uniform_scores",
     .summary = "all keys of a head are equal, so every weight of a row is",
     .nature = {.exchangeable = true}},
    {.name = "two_valued", .summary = "-1 or +1 with equal probability", .nature = {.exchangeable = true}},
    {.name = "padded", .summary = "N(0,1) with key lengths; of several, one whole and one of 1 key"},
    {.name = "fully_masked_rows", .summary = "N(0,1) with a mask that leaves some rows no key"},
    {.name = "nan_behind_mask", .summary = "N(0,1) with NaN and infinities in keys hidden from every row"},
    {.name = "nan_in_sight", .summary = "N(0,1) with NaN and infinities in a few places of q, k and v that rows see"},
    {.name = "infinite_bias", .summary = "N(0,1) with a bias N(0,1), -inf in places, whole rows and a key of NaN"},
    {.name = "near_overflow",
     .summary = "f16: q.k is near 80000, beyond the largest f16; v N(0,2^20)",
     .nature = {.exchangeable = true}},
    {.name = "minus12",
     .summary = "q and k N(-12,1/4), where elu(x)+1 cancels; v N(0,1)",
     .nature = {.exchangeable = true}},
    {.name = "recall",
     .summary = "random keys of length sqrt(d) and values of length sqrt(dv); each query is one visible key"},
    {.name = "minilm", .summary = "activations of all-MiniLM-L6-v2 on the text of a licence", .nature = {}},
}};

// How far the score of a peaked query's own key lies above the others' mean.
constexpr double peak = 24.0;
// q.k of near_overflow; the largest f16 is 65504.
constexpr double overflowing_dot = 80000.0;

bool is_scored(Role role) {
  return role == Role::query || role == Role::key;
}

bool is_drawn(Role role) {
  return is_scored(role) || role == Role::value;
}

// For q, k, v (or x) of every kind whose elements do not depend on other tensors.
void fill_elements(std::string_view kind, const TensorSpec& spec, const Tensor& tensor, std::uint64_t seed) {
  RandomStream normals(seed, spec.name);
  const bool scored = is_scored(spec.role);
  if (kind == "outliers") {
    RandomStream chances(seed, spec.name + "/chance");
    RandomStream outliers(seed, spec.name + "/outlier");
    fill(tensor, [&](std::int64_t index) {
      const double outlier = chances.chance(index, 0.001) ? 10.0 * outliers.normal(index) : 0.0;
      return normals.normal(index) + outlier;
    });
  } else if (kind == "large_logits") {
    fill(tensor, [&](std::int64_t index) { return (scored ? 4.0 : 1.0) * normals.normal(index); });
  } else if (kind == "huge_logits") {
    fill(tensor, [&](std::int64_t index) { return (scored ? 64.0 : 1.0) * normals.normal(index); });
  } else if (kind == "two_valued") {
    fill(tensor, [&](std::int64_t index) { return normals.bits(index) >> 63 != 0 ? 1.0 : -1.0; });
  } else if (kind == "minus12") {
    fill(tensor,
         [&](std::int64_t index) { return scored ? -12.0 + 0.5 * normals.normal(index) : normals.normal(index); });
  } else {
    fill(tensor, [&](std::int64_t index) { return normals.normal(index); });
  }
}

// One random key a head, repeated.
void fill_equal_keys(const Tensor& keys, std::uint64_t seed) {
  const TensorView& k = keys.view();
  RandomStream normals(seed, "k");
  const std::int64_t per_head = k.shape[2] * k.shape[3];
  fill(keys, [&](std::int64_t index) { return normals.normal(index / per_head * k.shape[3] + index % k.shape[3]); });
}

// q = alpha * k[j] for one visible key j of each row, picked at random.
void fill_with_keys(const Tensor& queries, const TensorView& k, const Problem& problem, double alpha,
                    RandomStream picks) {
  fill(queries, [&](std::int64_t index) {
    const std::int64_t column = index % problem.head_dim;
    const std::int64_t line = index / problem.head_dim;
    const std::int64_t row = line % problem.seq_q;
    const std::int64_t head = line / problem.seq_q % problem.heads_q;
    const std::int64_t batch = line / problem.seq_q / problem.heads_q;
    KeyRange range = key_range(problem, row, problem.seq_kv);
    if (range.size() == 0) range = {0, problem.seq_kv};
    const std::int64_t key = range.begin + picks.below(line, range.size());
    return alpha * k.load(batch, head / problem.group(), key, column);
  });
}

// q = alpha * k[j] for one visible j: the score of j is scale*alpha*|k|^2, which is about `peak`; those of the other
// keys have mean 0.
void fill_peaked_queries(const Tensor& queries, const TensorView& k, const Problem& problem, std::uint64_t seed) {
  const double scale = problem.effective_scale();
  const double alpha = scale == 0.0 ? 1.0 : peak / (scale * static_cast<double>(problem.head_dim));
  fill_with_keys(queries, k, problem, alpha, RandomStream(seed, "peaked/key"));
}

// Lines of N(0,1) brought to the length sqrt(width), which they have on average.
void fill_directions(const Tensor& tensor, RandomStream normals) {
  const std::int64_t width = tensor.view().shape[3];
  std::vector<double> factors(static_cast<std::size_t>(tensor.view().element_count() / width));
  for (std::size_t line = 0; line < factors.size(); ++line) {
    double squares = 0.0;
    for (std::int64_t c = 0; c < width; ++c)
      squares += std::pow(normals.normal(static_cast<std::int64_t>(line) * width + c), 2);
    factors[line] = std::sqrt(static_cast<double>(width) / squares);
  }
  fill(tensor,
       [&](std::int64_t index) { return factors[static_cast<std::size_t>(index / width)] * normals.normal(index); });
}

// q and k share the signs of a head's vector and differ from it by little: the products all have one sign, so that
// partial sums climb past the largest f16, while the scores of a row differ by a few units only.
void fill_near_overflow(const TensorSpec& spec, const Tensor& tensor, const Problem& problem, std::uint64_t seed) {
  RandomStream normals(seed, spec.name);
  if (spec.role == Role::value) {
    fill(tensor, [&](std::int64_t index) { return 1024.0 * normals.normal(index); });
    return;
  }
  const auto width = static_cast<double>(problem.head_dim);
  const double level = std::sqrt(overflowing_dot / width);
  const double scale = std::max(std::fabs(problem.effective_scale()), 1e-6);
  const double noise = std::min(2.0 / (level * std::sqrt(width) * scale), level / 8.0);
  const std::int64_t group = spec.role == Role::query ? problem.group() : 1;
  const std::int64_t per_head = tensor.view().shape[2] * problem.head_dim;
  RandomStream signs(seed, "near_overflow/sign");
  fill(tensor, [&](std::int64_t index) {
    // Batch entry and key/value head in one number: query heads of a group are neighbours.
    const std::int64_t head = index / per_head / group;
    const double sign = signs.bits(head * problem.head_dim + index % problem.head_dim) >> 63 != 0 ? 1.0 : -1.0;
    return sign * level + noise * normals.normal(index);
  });
}

void fill_tensor(std::string_view kind, const TensorSpec& spec, const Tensor& tensor, const Problem& problem,
                 std::uint64_t seed) {
  switch (spec.role) {
    case Role::query:
    case Role::key:
    case Role::value:
      if (kind == "near_overflow") {
        fill_near_overflow(spec, tensor, problem, seed);
      } else if (kind == "recall") {
        if (spec.role != Role::query) fill_directions(tensor, RandomStream(seed, spec.name));
      } else if (kind == "uniform_scores" && spec.role == Role::key) {
        fill_equal_keys(tensor, seed);
      } else {
        fill_elements(kind, spec, tensor, seed);
      }
      return;
    case Role::weight:
    case Role::bias: {
      RandomStream normals(seed, spec.name);
      const double deviation = spec.role == Role::bias ? 1.0 : spec.deviation;
      fill(tensor, [&](std::int64_t index) { return deviation * normals.normal(index); });
      return;
    }
    case Role::mask:
      fill(tensor, [](std::int64_t) { return 1.0; });
      return;
    case Role::kv_lengths:
      fill(tensor, [&](std::int64_t) { return static_cast<double>(problem.seq_kv); });
      return;
    case Role::output:
      return;
  }
}

// What depends on several tensors: the masks and lengths of a kind, and queries that follow the keys.
void fill_together(std::string_view kind, const InputLayout& layout, const Problem& problem, std::uint64_t seed,
                   const TensorStorage& storage) {
  const auto tensor_of = [&](Role role) -> const Tensor* {
    const TensorSpec* spec = layout.find(role);
    return spec != nullptr ? storage.find(spec->name) : nullptr;
  };
  if (kind == "peaked") {
    fill_peaked_queries(*tensor_of(Role::query), tensor_of(Role::key)->view(), problem, seed);
  } else if (kind == "recall") {
    fill_with_keys(*tensor_of(Role::query), tensor_of(Role::key)->view(), problem, 1.0,
                   RandomStream(seed, "recall/key"));
  } else if (kind == "padded") {
    const std::vector<std::int64_t> lengths = padded_lengths(problem, seed);
    if (const Tensor* tensor = tensor_of(Role::kv_lengths)) {
      std::copy(lengths.begin(), lengths.end(), tensor->view().as<std::int64_t>());
    } else {
      fill_padding_mask(*tensor_of(Role::mask), problem, lengths);
    }
  } else if (kind == "fully_masked_rows") {
    fill_row_mask(*tensor_of(Role::mask), problem, seed);
  } else if (kind == "nan_behind_mask") {
    const Tensor& mask = *tensor_of(Role::mask);
    const std::vector<bool> hidden = hidden_keys(MaskLayout(mask.view().shape_vector(), problem), problem, seed);
    fill_hidden_mask(mask, problem, hidden);
    for (const TensorSpec& spec : layout.inputs()) {
      if (spec.role != Role::key && spec.role != Role::value) continue;
      if (const Tensor* tensor = storage.find(spec.name)) poison_hidden(*tensor, problem, seed, hidden);
    }
  } else if (kind == "nan_in_sight") {
    poison_in_sight(*tensor_of(Role::query), *tensor_of(Role::key), *tensor_of(Role::value), problem);
  } else if (kind == "infinite_bias") {
    fill_infinite_bias(*tensor_of(Role::bias), problem, seed);
    poison_behind_bias(*tensor_of(Role::key), problem);
    poison_behind_bias(*tensor_of(Role::value), problem);
  } else if (kind == "minilm") {
    fill_minilm(layout, problem, storage);
  }
}

Support supports_masked(std::string_view kind, const InputLayout& layout, const Variant& variant,
                        const Problem& problem) {
  const TensorSpec* mask = layout.find(Role::mask);
  if (mask == nullptr)
    return Support::no(fmt::format("{} hides keys by a mask, which {} does not take", kind, variant.name));
  const MaskLayout shape(mask->shape, problem);
  if (kind == "fully_masked_rows") {
    if (shape.lines() > 1) return Support::yes();
    return Support::no(
        fmt::format("fully_masked_rows leaves some lines of the mask empty and {} has one; give 2 or more{}",
                    text_of(mask->shape), shape.hides_keys_only() ? " batch entries" : " rows"));
  }
  if (problem.seq_kv < 2) return Support::no("nan_behind_mask hides some keys and not all; give skv of 2 or more");
  for (const TensorSpec& spec : layout.inputs()) {
    if (spec.role == Role::key && !spec.optional) return Support::yes();
  }
  return Support::no(
      fmt::format("nan_behind_mask puts NaN into keys, and {} makes them from its queries' own x; "
                  "give a problem with separate keys",
                  variant.name));
}

Support needs_heads(std::string_view kind, const InputLayout& layout, const Variant& variant) {
  if (layout.has_heads()) return Support::yes();
  return Support::no(
      fmt::format("{} sets q against k, and {} makes them from x; take large_logits", kind, variant.name));
}

std::uint16_t round_by_shift(double value, int fraction_bits, int bias) {
  const int shift = 52 - fraction_bits;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const std::uint64_t rounded = bits + ((std::uint64_t{1} << (shift - 1)) - 1) + ((bits >> shift) & 1);
  const std::uint64_t magnitude = (rounded & ~(std::uint64_t{1} << 63)) >> shift;
  const std::uint64_t rebased = magnitude - (static_cast<std::uint64_t>(1023 - bias) << fraction_bits);
  return static_cast<std::uint16_t>((bits >> 63) << 15 | rebased);
}

}  // namespace

void store_rounded(void* data, DType type, std::int64_t index, double value) {
  const double magnitude = std::fabs(value);
  if (type == DType::bf16 && magnitude >= 0x1p-126 && magnitude <= 0x1p126) {
    static_cast<std::uint16_t*>(data)[index] = round_by_shift(value, 7, 127);
  } else if (type == DType::f16 && magnitude >= 0x1p-14 && magnitude <= 0x1p15) {
    static_cast<std::uint16_t*>(data)[index] = round_by_shift(value, 10, 15);
  } else {
    store_element(data, type, index, value);
  }
}

InputLayout::InputLayout(const Variant& variant, const Problem& problem) : inputs_(tensors_of(variant, problem)) {
  std::erase_if(inputs_, [](const TensorSpec& spec) { return spec.role == Role::output; });
  const auto is_rank4 = [&](Role role) {
    const TensorSpec* spec = find(role);
    return spec != nullptr && spec->shape.size() == 4 && !spec->optional;
  };
  has_heads_ = is_rank4(Role::query) && is_rank4(Role::key) && is_rank4(Role::value);
}

const TensorSpec* InputLayout::find(Role role) const {
  const auto place =
      std::find_if(inputs_.begin(), inputs_.end(), [&](const TensorSpec& spec) { return spec.role == role; });
  return place == inputs_.end() ? nullptr : &*place;
}

const TensorSpec* InputLayout::find(std::string_view name) const {
  const auto place =
      std::find_if(inputs_.begin(), inputs_.end(), [&](const TensorSpec& spec) { return spec.name == name; });
  return place == inputs_.end() ? nullptr : &*place;
}

bool InputLayout::is_made(const TensorSpec& spec, const Presence& presence) {
  if (spec.role == Role::output) return false;
  if (!spec.optional || spec.role == Role::weight) return true;
  return (spec.role == Role::mask && presence.mask) || (spec.role == Role::bias && presence.bias) ||
         (spec.role == Role::kv_lengths && presence.kv_lengths);
}

std::span<const InputKind> input_kinds() {
  return kinds;
}

const InputKind& find_input_kind(std::string_view name) {
  const auto* place =
      std::find_if(kinds.begin(), kinds.end(), [&](const InputKind& kind) { return kind.name == name; });
  if (place == kinds.end()) {
    std::string known;
    for (const InputKind& kind : kinds)
      known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
    throw Error(fmt::format("'{}' is no kind of input; give one of {}", name, known));
  }
  return *place;
}

Presence presence_of_inputs(std::string_view kind) {
  const std::string_view name = find_input_kind(kind).name;
  return {.mask = name == "fully_masked_rows" || name == "nan_behind_mask",
          .bias = name == "infinite_bias",
          .kv_lengths = name == "padded"};
}

Presence presence_of_inputs(std::string_view kind, const Variant& variant, const Problem& problem) {
  const Presence standard = presence_of_inputs(kind);
  const InputLayout layout(variant, problem);
  if (kind == "minilm") return presence_of_minilm(layout);
  if (standard.kv_lengths && layout.find(Role::kv_lengths) == nullptr) return {.mask = true};
  return standard;
}

Support supports_inputs(std::string_view kind, const Variant& variant, const Problem& problem) {
  const std::string_view name = find_input_kind(kind).name;
  const InputLayout layout(variant, problem);
  if (name == "minilm") return supports_minilm(layout, variant, problem);
  if (name == "fully_masked_rows" || name == "nan_behind_mask") return supports_masked(name, layout, variant, problem);
  if (name == "nan_in_sight" || name == "infinite_bias") return supports_not_finite(name, layout, variant, problem);
  if (name == "padded" && layout.find(Role::kv_lengths) == nullptr && layout.find(Role::mask) == nullptr) {
    return Support::no(fmt::format("padded needs kv_lengths or a mask, and {} takes neither", variant.name));
  }
  if (name == "minus12") {
    if (!variant.is_softmax && layout.has_heads()) return Support::yes();
    return Support::no(
        fmt::format("minus12 is for feature maps of q and k, which {} has not; take a linear variant", variant.name));
  }
  if (name == "peaked" && !variant.is_softmax && layout.has_heads()) {
    return Support::no(
        fmt::format("peaked makes one softmax weight large, and {} has no softmax; take normal", variant.name));
  }
  if (name == "near_overflow" && problem.dtype != DType::f16) {
    return Support::no(
        fmt::format("near_overflow is at the edge of f16 and the problem is {}; give f16", name_of(problem.dtype)));
  }
  if (name == "peaked" || name == "recall" || name == "uniform_scores" || name == "near_overflow")
    return needs_heads(name, layout, variant);
  return Support::yes();
}

TensorStorage generate_inputs(std::string_view kind, const Variant& variant, const Problem& problem,
                              std::uint64_t seed) {
  if (const Support support = supports_inputs(kind, variant, problem); !support) {
    complain(fmt::format("inputs {}", kind), fmt::format("cannot be made for '{}'", problem.text()), support.reason);
  }
  const InputLayout layout(variant, problem);
  const Presence presence = presence_of_inputs(kind, variant, problem);
  TensorStorage storage;
  for (const TensorSpec& spec : layout.inputs()) {
    if (!InputLayout::is_made(spec, presence)) continue;
    const Tensor& tensor = storage.add(spec.name, spec.dtype, spec.shape);
    if (kind == "minilm" && is_drawn(spec.role)) continue;
    fill_tensor(kind, spec, tensor, problem, seed);
  }
  fill_together(kind, layout, problem, seed, storage);
  return storage;
}

double predicted_tensor_bytes(const Variant& variant, const Problem& problem, const Presence& presence) {
  double bytes = 0.0;
  for (const TensorSpec& spec : tensors_of(variant, problem)) {
    if (spec.role != Role::output && !InputLayout::is_made(spec, presence)) continue;
    double own = static_cast<double>(size_of(spec.dtype));
    for (const std::int64_t extent : spec.shape)
      own *= static_cast<double>(extent);
    bytes += own;
  }
  return bytes;
}

}  // namespace attest
