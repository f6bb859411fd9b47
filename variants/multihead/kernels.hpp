#pragma once

#include "harness/core/variant.hpp"

namespace attest::multihead {

extern const Kernel cpu;
extern const Kernel cuda;

/// The module's oracle: every stage on the kernel's own stage inputs, and the output from x. See oracle.cpp.
std::unique_ptr<Oracle> make_module_oracle(const Problem& problem, const TensorSet& inputs, const TensorSet& outputs);

}  // namespace attest::multihead
