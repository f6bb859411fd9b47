#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

std::uint32_t count_sectors(const std::uint64_t* address, Mask active) {
  // A table of 64 places with at most 32 sectors in it; neighbours mostly share a sector and are skipped.
  constexpr std::uint64_t places = 64;
  std::uint64_t table[places];
  std::uint64_t used = 0;
  std::uint64_t last = ~std::uint64_t{0};
  std::uint32_t distinct = 0;
  for (Mask rest = active; rest != 0; rest &= rest - 1) {
    const std::uint64_t sector = address[std::countr_zero(rest)] / sector_bytes;
    if (sector == last) continue;
    last = sector;
    std::uint64_t place = (sector ^ sector >> 6) % places;
    while ((used >> place & 1u) != 0 && table[place] != sector)
      place = (place + 1) % places;
    if ((used >> place & 1u) != 0) continue;
    used |= std::uint64_t{1} << place;
    table[place] = sector;
    ++distinct;
  }
  return distinct;
}

Wavefronts count_wavefronts(const std::uint32_t* offset, Mask active, std::uint32_t bytes) {
  constexpr unsigned banks = 32;
  const std::uint32_t words = bytes < 4 ? 1 : bytes / 4;
  const std::uint32_t lanes = warp_lanes / words;  // of a phase
  Wavefronts result;
  std::uint32_t word_of[banks][warp_lanes];
  for (std::uint32_t first = 0; first < warp_lanes; first += lanes) {
    std::uint8_t count[banks] = {};
    std::uint32_t most = 0;
    for (std::uint32_t lane = first; lane < first + lanes; ++lane) {
      if ((active >> lane & 1u) == 0) continue;
      for (std::uint32_t index = 0; index < words; ++index) {
        const std::uint32_t word = offset[lane] / 4 + index;
        std::uint32_t* const seen = word_of[word % banks];
        std::uint8_t& known = count[word % banks];
        if (std::find(seen, seen + known, word) != seen + known) continue;
        seen[known++] = word;
        most = std::max<std::uint32_t>(most, known);
      }
    }
    result.taken += most;
    result.ideal += most > 0 ? 1 : 0;
  }
  return result;
}

}  // namespace attest::emulator
