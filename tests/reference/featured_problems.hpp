#pragma once

#include <string_view>

#include "tests/defects/kernels/simulated_kernel.hpp"
#include "tests/support/random_problem.hpp"

// What the tests share that hold the oracle's changes against kernels with the defect.

namespace attest::test {

/// A problem that brings features for defects to show on.
struct FeaturedProblem {
  const char* text;
  Extras extras;
};

inline const FeaturedProblem featured_problems[] = {
    {"b2 hq4 hkv2 sq33 skv61 d32 dv24 causal", {}},
    {"hq4 hkv2 sq40 skv56 d32 dv16 causal window=13,-1", {}},
    {"b2 hq2 sq24 skv48 d24 dv32", {.mask = true, .bias = true, .kv_lengths = true}},
    {"hq2 sq24 skv80 d32 dv16 dropout=0.3 seed=77", {}},
};

/// Simulated defects under the names that the oracle gives them; with two heads the other head is the next.
inline std::string_view oracle_name(const PlantedDefect& defect) {
  if (defect.defect == Defect::heads_swapped) return "K and V of another head";
  if (defect.defect == Defect::value_row_swapped) return "V rows swapped";
  if (defect.defect == Defect::zeros) return "output all zeros";
  if (defect.defect == Defect::previous_head) return "output of the previous head";
  return defect.name;
}

inline bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace attest::test
