#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "harness/core/variant.hpp"

namespace attest::cuda {

/// How SplitAttention divides a problem: by query rows that share a read of K and V, and by chunks of keys, so that a
/// device has work also for one short sequence of queries.
struct SplitCut {
  int width = 0;                ///< head dim that entries are made for
  int rows = 0;                 ///< query rows a block
  std::int64_t row_tiles = 0;   ///< a slot
  std::int64_t slots = 0;       ///< heads of `slot_rows` query rows each
  std::int64_t chunk_keys = 0;  ///< a multiple of 256
  std::int64_t chunks = 0;
};

/// `slot_rows` query rows in each of `slots` heads; blocks of `shared_rows` of them, or of the only one.
SplitCut split_cut(const Problem& problem, std::int64_t slots, std::int64_t slot_rows, int shared_rows);

/// f32, bf16 or f16, head dims to 256, lengths and heads that a grid takes.
Support split_supports(const Problem& problem);

/// f32 sums; weights are not stored in a narrower type.
Arithmetic split_arithmetic(const Problem& problem, const SplitCut& cut);

/// What the chunks leave: a Partial and dv sums a query row and chunk.
std::size_t split_workspace_bytes(const Problem& problem, const SplitCut& cut);

/// Two launches: "<prefix>_<type>_d<width>_rows<rows>" and "<prefix>_merge_<type>".
LaunchPlan split_plan(std::string_view prefix, const Problem& problem, const TensorSet& inputs, const SplitCut& cut);

/// What a Kernel is told where `cut_of` divides its problems.
template <SplitCut (*cut_of)(const Problem& problem)>
struct SplitBy {
  static Arithmetic arithmetic(const Problem& problem) { return split_arithmetic(problem, cut_of(problem)); }
  static std::size_t workspace_bytes(const Problem& problem, int) {
    return split_workspace_bytes(problem, cut_of(problem));
  }
};

}  // namespace attest::cuda
