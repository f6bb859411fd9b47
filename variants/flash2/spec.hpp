#pragma once

#include "harness/core/oracle.hpp"

namespace attest::flash2 {

/// FlashAttention-2 is another order of the same sums: nothing to add to the common meaning.
class Flash2Spec final : public Spec {};

}  // namespace attest::flash2
