// The micro-kernels for any x86-64 (SSE2): correct everywhere, fast nowhere.
#define ATTEST_TILES_ISA portable
#define ATTEST_TILES_WIDTH 4

#include "variants/common/cpu/tiles.inc.hpp"

namespace attest::tiles {

void philox4x32_10(std::uint32_t counter[4], const std::uint32_t key[2]) {
  portable::philox(counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
}

}  // namespace attest::tiles
