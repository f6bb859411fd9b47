#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace attest {

/// The quantile of the standard normal distribution, by Wichura's algorithm AS 241 (PPND16), Applied Statistics 37
/// (1988), 477-484. Uses only operations that IEEE 754 rounds correctly and a logarithm made of them, so that the
/// result has the same bits on every machine. `probability` lies in (0, 1).
double inverse_normal(double probability);

/// Random numbers by index: the same for the same seed, name and index whatever was drawn before.
/// Philox4x32-10 (Salmon et al., SC11) keyed by the seed, counter (index, hash of the name).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name);

  std::uint64_t bits(std::uint64_t index);
  /// In (0, 1), never an end.
  double uniform(std::uint64_t index);
  /// N(0, 1).
  double normal(std::uint64_t index) { return inverse_normal(uniform(index)); }
  bool chance(std::uint64_t index, double probability) { return uniform(index) < probability; }
  /// In 0 .. count-1.
  std::int64_t below(std::uint64_t index, std::int64_t count);

 private:
  std::uint64_t seed_ = 0;
  std::uint64_t name_hash_ = 0;
  std::uint64_t block_ = ~std::uint64_t{0};  // of the two numbers at hand
  std::array<std::uint64_t, 2> at_hand_{};
};

}  // namespace attest
