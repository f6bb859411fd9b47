#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/split_keys.hpp"

namespace attest::tiles {

/// Decoding: one query row a head against a KV cache that is read once, in order and where it lies, for the whole group
/// of heads that share it (Ainslie et al. 2023; split keys: Dao et al. 2023, Flash-Decoding). The time is that of
/// reading K and V. For sq1 without dropout.

/// Query heads that share one key head, at most.
inline constexpr std::int64_t largest_stream_group = 64;
/// Keys of one piece, a power of 2 from 64 to 256: its K and V stay in L2 until all query rows of the group have used
/// them, while those of the next piece are on their way. K of a piece takes up to a 32nd of L2.
std::int64_t stream_piece(const Problem& problem);

/// Workspace of attend_in_streams(), exact.
std::size_t stream_bytes(const Problem& problem, int threads);

/// Computes out and lse. One task is a (batch, key head, chunk of keys); chunks are merged by their maxima.
void attend_in_streams(const KernelCall& call, const AttentionCall& attention);

/// Rescales of a row: pieces of a chunk less 1 and chunks less 1 together are at most all pieces less 1.
std::int64_t stream_rescales(const Problem& problem);

}  // namespace attest::tiles
