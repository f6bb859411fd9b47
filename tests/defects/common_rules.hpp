#pragma once

#include <string>
#include <vector>

#include "harness/core/tensor.hpp"

namespace attest::test {

/// The elements of one output with what rules in common use hold them against, all in one order.
struct Compared {
  DType type = DType::f32;  ///< of the output
  const std::vector<double>& got;
  const std::vector<double>& truth;    ///< in double
  const std::vector<double>& rounded;  ///< the truth in the output's type
  const std::vector<double>& plain;    ///< run_textbook()
};

/// Sum of squared errors over the sum of squares of the truth.
double relative_square(const Compared& compared);

/// The elements of a dense tensor.
std::vector<double> elements_of(const TensorView& view);

/// How others accept a kernel.
struct CommonRule {
  std::string name;
  std::string source;  ///< where it is written
  bool (*accepts)(const Compared& compared) = nullptr;
};

/// allclose at 1e-2 and 1e-3, PyTorch's assert_close, cuDNN's, ggml's and flash-attention's. A comparison is of the
/// output with the truth rounded to the output's type, as those tests have it; ggml's is with the truth itself. NaN is
/// never accepted.
const std::vector<CommonRule>& common_rules();

}  // namespace attest::test
