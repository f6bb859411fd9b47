#pragma once

#include <cstdint>
#include <string>

#include "harness/core/variant.hpp"

namespace attest::cuda {

/// Sizes of the tensor-core kernel that takes a problem.
struct MmaSizes {
  int width = 0;         ///< head dim that entries are made for; smaller ones are padded on the chip
  int rows = 0;          ///< query rows a block
  int keys = 0;          ///< keys a tile
  int threads = 0;       ///< a block
  int shared_bytes = 0;  ///< a block
};

/// The narrowest kernel that holds both head dims.
MmaSizes mma_sizes(const Problem& problem);

/// bf16 or f16, head dims that are multiples of 8 up to 256, lengths and heads that a grid takes.
Support mma_supports(const Problem& problem);

/// Rounding of MmaAttention on this problem.
Arithmetic mma_arithmetic(const Problem& problem);

/// "<prefix>_<type>_d<width>", and "_pairs" where scores are shaped one by one.
std::string mma_entry(std::string_view prefix, const Problem& problem, const Presence& presence);

/// One launch of MmaAttention over `slots` heads of `rows` packed query rows each, the usual arguments.
LaunchPlan mma_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, std::int64_t slots,
                    std::int64_t rows);

}  // namespace attest::cuda
