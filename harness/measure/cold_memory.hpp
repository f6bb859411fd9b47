#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace attest {

/// Memory that a kernel reads, such as a KV cache.
using ReadBytes = std::vector<std::span<const std::byte>>;

/// Drops the lines of `memory` from all caches, so that the next read comes from DRAM; on other processors than x86-64
/// none. The work is shared by the threads that kernels run on: they are awake when it ends, as in a model that runs
/// one layer after the other.
void flush_from_caches(const ReadBytes& memory, int threads);

/// Bytes a second at which the same threads read `memory` once from DRAM, each an equal part of each piece in order:
/// the bound of a kernel that must read all of it. Flushes first. 0 when there is nothing to read.
double cold_read_rate(const ReadBytes& memory, int threads);

}  // namespace attest
