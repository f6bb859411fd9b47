#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/variant.hpp"

namespace attest::cuda {

/// Sizes of MmaAttention (bf16, f16) or SimtAttention (f32), whichever takes a problem.
struct TileSizes {
  int width = 0;         ///< head dim that entries are made for; smaller ones are padded on the chip
  int rows = 0;          ///< query rows a block
  int keys = 0;          ///< keys a tile
  int threads = 0;       ///< a block
  int shared_bytes = 0;  ///< a block
};

/// The narrowest kernel that holds both head dims.
TileSizes tile_sizes(const Problem& problem);

/// Whichever of the two takes the type: head dims to `greatest`, multiples of 8 but in f32; lengths and heads that a
/// grid takes.
Support tile_supports(const Problem& problem, std::int64_t greatest);
/// MmaAttention alone: bf16 or f16, head dims to 256.
Support mma_supports(const Problem& problem, const Presence& presence);
/// SimtAttention alone: f32, head dims to 256.
Support simt_supports(const Problem& problem, const Presence& presence);

/// Rounding of either on this problem.
Arithmetic tile_arithmetic(const Problem& problem);

/// Neither keeps anything in workspace.
std::size_t tile_workspace_bytes(const Problem& problem, int threads);

/// "<prefix>_<type>_d<width>", and "_pairs" where scores are shaped one by one: where the problem needs it, or always
/// with `own_pairs`, a term of the variant's own.
std::string tile_entry(std::string_view prefix, const Problem& problem, const Presence& presence,
                       bool own_pairs = false);

/// One launch of either over `slots` heads of `rows` (packed) query rows each, with attention_arguments().
LaunchPlan tile_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, std::int64_t slots,
                     std::int64_t rows, bool own_pairs = false);

}  // namespace attest::cuda
