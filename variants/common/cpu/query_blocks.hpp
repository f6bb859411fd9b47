#pragma once

#include <cstddef>

#include "variants/common/cpu/attention_call.hpp"

namespace attest::tiles {

/// Attention cut into (batch, query head, block of query rows), which the threads take one by one, the longest first.
/// Each thread packs the tiles of keys that its block sees, so that memory does not grow with the sequence.

/// Workspace of attend_in_query_blocks(), exact.
std::size_t query_blocks_bytes(const Problem& problem, int threads);

/// Computes out and lse. `attention` is `call` with the variant's own term and global tokens set.
void attend_in_query_blocks(const KernelCall& call, const AttentionCall& attention);

}  // namespace attest::tiles
