#pragma once

#include "harness/core/oracle.hpp"

namespace attest::gqa {

/// Query head h reads key head h / (hq / hkv), which is the common meaning already.
class GqaSpec final : public Spec {};

}  // namespace attest::gqa
