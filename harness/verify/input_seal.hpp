#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/tensor.hpp"

namespace attest {

/// What the inputs were before a kernel ran. The truth is computed from them afterwards, so that a kernel that wrote to
/// them would be judged by what it left there.
class InputSeal {
 public:
  explicit InputSeal(const TensorSet& inputs);

  /// Name of the first input whose bytes are others now; empty where none are.
  std::string broken() const;

 private:
  TensorSet inputs_;
  std::vector<std::uint64_t> hashes_;
};

}  // namespace attest
