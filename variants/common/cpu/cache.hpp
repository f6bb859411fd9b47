#pragma once

#include <cstddef>

namespace attest::tiles {

/// Bytes of the data caches of one core, as the system tells them; where it does not, those of a small core.
struct CacheSizes {
  std::size_t l1;
  std::size_t l2;
};

/// The caches of this machine. Asked for once a process.
const CacheSizes& cache_sizes();

}  // namespace attest::tiles
