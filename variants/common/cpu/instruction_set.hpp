#pragma once

#include <string_view>

#include "variants/common/cpu/microkernels.hpp"

namespace attest::tiles {

/// The micro-kernels of the instruction set called `name` (portable, avx2, avx512).
/// Throws Error naming `place` when the name is unknown or this CPU lacks the set.
const Microkernels& microkernels_of(std::string_view name, std::string_view place);

/// Whether this CPU can run the set of that name; false for an unknown name.
bool has_instruction_set(std::string_view name);

/// The fastest set this CPU has, or the one that the environment variable ATTEST_ISA names. Chosen once a process.
/// Throws Error when ATTEST_ISA is unknown or this CPU lacks it.
const Microkernels& microkernels();

}  // namespace attest::tiles
