// What people choose attention by, each claim held against the store.
#pragma once

#include <string>
#include <vector>

#include "reports/study.hpp"

namespace attest::reports {

enum class ClaimAnswer { holds, does_not_hold, unclear, not_measured };

struct Finding {
  ClaimAnswer answer = ClaimAnswer::not_measured;
  std::string figures;     ///< that decided it
  std::string conditions;  ///< under which: problems, lengths, kernels
};

struct Claim {
  const char* text;
  const char* test;  ///< when it holds, and when it does not
  Finding (*judge)(const Study&);
};

/// Bytes of K and V in memory: what the tensors of the cell take beside q, out and lse.
double cache_bytes(const View& view);

/// In the order in which a reader meets them.
const std::vector<Claim>& selection_claims();

}  // namespace attest::reports
