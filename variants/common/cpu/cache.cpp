#include "variants/common/cpu/cache.hpp"

#include <unistd.h>

namespace attest::tiles {

namespace {

std::size_t size_or(int name, std::size_t otherwise) {
  const long bytes = sysconf(name);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : otherwise;
}

}  // namespace

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes{size_or(_SC_LEVEL1_DCACHE_SIZE, 32 << 10), size_or(_SC_LEVEL2_CACHE_SIZE, 512 << 10)};
  return sizes;
}

}  // namespace attest::tiles
