#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/core/variant.hpp"

namespace attest {

// What the generators share; not for others.

/// The tensors of a variant as the generators see them.
class InputLayout {
 public:
  InputLayout(const Variant& variant, const Problem& problem);

  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  /// The input of that role or name, or null.
  const TensorSpec* find(Role role) const;
  const TensorSpec* find(std::string_view name) const;
  /// Whether q, k and v come as such, with heads; false for a module that makes them from x.
  bool has_heads() const { return has_heads_; }
  /// Whether generate_inputs() makes the tensor: all that is not optional, weights, and what the kind brings.
  static bool is_made(const TensorSpec& spec, const Presence& presence);

 private:
  std::vector<TensorSpec> inputs_;
  bool has_heads_ = false;
};

/// A mask's extents over (b, hq, sq, skv), each whole or 1. A mask of shape (b, skv) hides keys of a batch entry.
struct MaskLayout {
  std::int64_t batch = 1, heads = 1, rows = 1, keys = 1;

  MaskLayout(const Shape& shape, const Problem& problem);
  /// Whether each row of a batch entry sees the same keys.
  bool hides_keys_only() const { return heads == 1 && rows == 1; }
  std::int64_t lines() const { return batch * heads * rows; }
};

/// `value` rounded to nearest even and written: store_element() with a short way for 16-bit types.
void store_rounded(void* data, DType type, std::int64_t index, double value);

/// Fills the dense tensor with value(index), index in memory order.
template <class Value>
void fill(const Tensor& tensor, Value value) {
  void* data = tensor.view().data;
  const DType type = tensor.view().dtype;
  const std::int64_t count = tensor.view().element_count();
  for (std::int64_t index = 0; index < count; ++index)
    store_rounded(data, type, index, value(index));
}

/// One length a batch entry, in 1..skv: where there are several entries, at least one is whole and one has one key.
std::vector<std::int64_t> padded_lengths(const Problem& problem, std::uint64_t seed);

/// Masks key j of batch entry b where j is at or past lengths[b].
void fill_padding_mask(const Tensor& mask, const Problem& problem, const std::vector<std::int64_t>& lengths);

/// Masks some lines wholly and a quarter of the keys of the others, which keep at least one key.
void fill_row_mask(const Tensor& mask, const Problem& problem, std::uint64_t seed);

/// Keys hidden from every row of a batch entry, [b * skv + j]; at least one is and one is not (skv must be 2 or more).
std::vector<bool> hidden_keys(const MaskLayout& layout, const Problem& problem, std::uint64_t seed);

/// Masks those keys.
void fill_hidden_mask(const Tensor& mask, const Problem& problem, const std::vector<bool>& hidden);

/// Overwrites the hidden keys of a (b, ..., skv, width) tensor with NaN and both infinities.
void poison_hidden(const Tensor& tensor, const Problem& problem, std::uint64_t seed, const std::vector<bool>& hidden);

// not_finite.cpp: infinities and NaN that rows meet.

/// Some lines of the bias are -inf throughout, a quarter of the others' elements and one key of all; the rest is
/// N(0,1).
void fill_infinite_bias(const Tensor& bias, const Problem& problem, std::uint64_t seed);
/// NaN and infinities in the key that fill_infinite_bias() hides from all rows.
void poison_behind_bias(const Tensor& tensor, const Problem& problem);
/// A NaN in one query row, an infinity and perhaps a NaN in one key head, infinities and a NaN in columns of one value
/// head; most rows meet none of them.
void poison_in_sight(const Tensor& q, const Tensor& k, const Tensor& v, const Problem& problem);
Support supports_not_finite(std::string_view kind, const InputLayout& layout, const Variant& variant,
                            const Problem& problem);

// minilm.cpp: real activations.

Support supports_minilm(const InputLayout& layout, const Variant& variant, const Problem& problem);
Presence presence_of_minilm(const InputLayout& layout);
/// Fills those of the inputs that the activations give; the storage already holds every input.
void fill_minilm(const InputLayout& layout, const Problem& problem, const TensorStorage& storage);

}  // namespace attest
