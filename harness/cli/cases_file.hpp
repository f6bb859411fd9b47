#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/core/registry.hpp"

namespace attest {

/// One [[case]] of a cases file: tensors with an expected `out`.
struct ExpectedCase {
  std::string name;
  std::string tensors;  ///< path, relative ones seen from the cases file
  std::string problem;  ///< text; sizes that it leaves out come from the tensors
  double rtol = 0.0;
  double atol = 0.0;
  std::string place;  ///< "cases.toml:9: case 'name'"
};

/// Reads a cases file. Throws Error (exit 2) naming file, line and key.
std::vector<ExpectedCase> read_cases(const std::string& path);

/// The problems of a variant's own cases.toml: of [smoke]; with level "ci" also of [ci]; with "full" of all three.
/// Throws Error for another level, and naming the variant where its file is malformed.
std::vector<std::string> own_cases(const RegisteredVariant& variant, std::string_view level);

}  // namespace attest
