#pragma once

#include "harness/core/oracle.hpp"

namespace attest::standard {

/// Softmax attention is the common meaning itself: nothing to add.
class StandardSpec final : public Spec {};

}  // namespace attest::standard
