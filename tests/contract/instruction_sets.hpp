#pragma once

#include <random>
#include <vector>

#include "variants/common/cpu/instruction_set.hpp"

namespace attest::test {

inline std::vector<const tiles::Microkernels*> sets_of_this_machine() {
  std::vector<const tiles::Microkernels*> sets;
  for (const char* name : {"portable", "avx2", "avx512", "avx512bf16"}) {
    if (tiles::has_instruction_set(name)) sets.push_back(&tiles::microkernels_of(name, "test"));
  }
  return sets;
}

inline std::vector<float> normal_values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(random);
  return values;
}

}  // namespace attest::test
