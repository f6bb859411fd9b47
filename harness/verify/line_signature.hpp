#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace attest {

/// The same number for lines whose values agree to 36 bits of significand: of lines with one truth a kernel's errors
/// are no independent ones. A reference in double errs some 2^-50, so that one in 1e4 elements at most falls to another
/// side.
inline std::uint64_t signature_of(const std::vector<double>& line) {
  constexpr int kept_bits = 36;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, a word at a time
  for (const double value : line) {
    int exponent = 0;
    const double significand = std::nearbyint(std::ldexp(std::frexp(value, &exponent), kept_bits));
    hash = (hash ^ std::bit_cast<std::uint64_t>(std::ldexp(significand, exponent))) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

}  // namespace attest
