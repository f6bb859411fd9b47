#pragma once

#include <string_view>

namespace attest {

/// What became of planted kernels and right ones under the rules of this project and of others: the text of
/// reports/verifier.json, which the test program `test_defects` writes, and holds against what it finds.
extern const std::string_view embedded_verifier_table;

}  // namespace attest
