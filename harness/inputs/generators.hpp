#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/nature.hpp"
#include "harness/core/variant.hpp"

namespace attest {

/// One kind of generated input. Which verdict rules apply follows from its nature.
struct InputKind {
  std::string_view name;
  std::string_view summary;  ///< one line: the distribution
  Nature nature{.continuous = true, .exchangeable = true};
};

/// Every kind, in the order of the documentation: normal, outliers, large_logits, huge_logits, peaked, uniform_scores,
/// two_valued, padded, fully_masked_rows, nan_behind_mask, nan_in_sight, infinite_bias, near_overflow, minus12, recall,
/// minilm.
std::span<const InputKind> input_kinds();

/// The kind of that name. Throws Error (exit 2) listing the known ones.
const InputKind& find_input_kind(std::string_view name);

/// Which optional tensors the kind brings to a variant of the standard tensors.
Presence presence_of_inputs(std::string_view kind);

/// Which optional tensors the kind brings to this variant: `padded` hides by the mask where there are no lengths, and
/// `minilm` brings the module its padding mask.
Presence presence_of_inputs(std::string_view kind, const Variant& variant, const Problem& problem);

/// Whether the kind can be made for this variant and problem (minilm has fixed head sizes, near_overflow is for f16).
Support supports_inputs(std::string_view kind, const Variant& variant, const Problem& problem);

/// Every input tensor of the variant for this problem, in the problem's type, values drawn by a counter-based generator
/// keyed by `seed`, the tensor's name and the element's index: the same on every machine and for any thread count.
/// Throws Error when supports_inputs() says no.
TensorStorage generate_inputs(std::string_view kind, const Variant& variant, const Problem& problem,
                              std::uint64_t seed);

/// Bytes that generate_inputs() and the outputs will take, for planning.
double predicted_tensor_bytes(const Variant& variant, const Problem& problem, const Presence& presence);

/// Makes the inputs of a variant from the arrays of a file: those that the variant names, converted to the problem's
/// type; shapes are checked against the problem. A `mask` of rank 2 and shape (b, skv) that does not broadcast as
/// (sq, skv) hides padding keys. Throws Error naming `place` and the array: an input is missing, has a shape or type
/// that does not fit, a finite value overflows the problem's type, or a length is not in 0..skv.
TensorStorage inputs_from_file(const TensorSet& arrays, const Variant& variant, const Problem& problem,
                               std::string_view place);

/// The array that goes by that tensor's name, or by another name in use for it (`lengths` for kv_lengths, `attn` for
/// weights); null when there is none. The tensor's own name wins.
const TensorView* find_array(const TensorSet& arrays, std::string_view tensor);

/// Arrays that are no input and no output of the variant, by their names in the file: inputs_from_file() leaves them.
std::vector<std::string> unknown_arrays(const TensorSet& arrays, const Variant& variant, const Problem& problem);

}  // namespace attest
