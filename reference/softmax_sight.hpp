#pragma once

#include <cstdint>
#include <vector>

#include "reference/softmax_row.hpp"

namespace attest {

/// Which rows of a problem see a NaN or an infinity in their inputs: found by a scan of the tensors and a look at
/// whether the keys that hold one are visible, without a product. What a row does not see cannot make its result NaN.
class NotFiniteSight {
 public:
  /// Scans all tensors but q once. `inputs` outlives the object.
  explicit NotFiniteSight(const SoftmaxInputs& inputs);

  /// Whether the row's q, or k or v of a visible key, holds one. True for all rows where the bias (-inf excepted, which
  /// hides a key) or a tensor of the variant's own holds one, whoever reads it.
  bool sees(const RowPlace& place) const;

 private:
  const SoftmaxInputs& inputs_;
  bool everywhere_ = false;
  std::vector<std::vector<std::int64_t>> keys_;  ///< that hold one, of each (batch entry, key head)
};

}  // namespace attest
