#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace attest {

/// Ten rounds of Philox4x32 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11;
/// constants of Random123). Any counter and key give four independent uniform words.
inline std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// The dropout mask of a problem: key = {seed low, seed high}, counter = {key j, row i, head h, batch b}; a weight is
/// kept when the first word is at least floor(p * 2^32).
class DropoutMask {
 public:
  DropoutMask(double probability, std::uint64_t seed)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        threshold_(static_cast<std::uint64_t>(std::floor(probability * 0x1p32))) {}

  bool keeps(std::int64_t batch, std::int64_t head, std::int64_t row, std::int64_t key) const {
    const auto words = philox4x32_10({static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(row),
                                      static_cast<std::uint32_t>(head), static_cast<std::uint32_t>(batch)},
                                     key_);
    return words[0] >= threshold_;
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint64_t threshold_;
};

}  // namespace attest
