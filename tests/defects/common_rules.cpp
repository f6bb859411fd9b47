#include "tests/defects/common_rules.hpp"

#include <algorithm>
#include <cmath>

namespace attest::test {
namespace {

bool all_close(const Compared& compared, double rtol, double atol) {
  for (std::size_t index = 0; index < compared.got.size(); ++index) {
    const double expected = compared.rounded[index];
    if (!(std::fabs(compared.got[index] - expected) <= atol + rtol * std::fabs(expected))) return false;
  }
  return true;
}

bool allclose_2(const Compared& compared) {
  return all_close(compared, 1e-2, 1e-2);
}
bool allclose_3(const Compared& compared) {
  return all_close(compared, 1e-3, 1e-3);
}
bool cudnn(const Compared& compared) {
  return all_close(compared, 2e-2, 2e-2);
}

bool torch_default(const Compared& compared) {
  switch (compared.type) {
    case DType::bf16:
      return all_close(compared, 1.6e-2, 1e-5);
    case DType::f16:
      return all_close(compared, 1e-3, 1e-5);
    default:
      return all_close(compared, 1.3e-6, 1e-5);
  }
}

bool ggml(const Compared& compared) {
  return relative_square(compared) <= 5e-4;
}

double largest_error(const std::vector<double>& got, const std::vector<double>& expected) {
  double largest = 0.0;
  for (std::size_t index = 0; index < got.size(); ++index) {
    const double error = std::fabs(got[index] - expected[index]);
    if (std::isnan(error)) return error;
    largest = std::max(largest, error);
  }
  return largest;
}

bool flash_attention(const Compared& compared) {
  return largest_error(compared.got, compared.rounded) <= 2.0 * largest_error(compared.plain, compared.rounded);
}

}  // namespace

double relative_square(const Compared& compared) {
  double errors = 0.0;
  double squares = 0.0;
  for (std::size_t index = 0; index < compared.got.size(); ++index) {
    errors += std::pow(compared.got[index] - compared.truth[index], 2);
    squares += std::pow(compared.truth[index], 2);
  }
  return errors / squares;
}

std::vector<double> elements_of(const TensorView& view) {
  std::vector<double> elements(static_cast<std::size_t>(view.element_count()));
  for (std::size_t index = 0; index < elements.size(); ++index)
    elements[index] = load_element(view.data, view.dtype, static_cast<std::int64_t>(index));
  return elements;
}

const std::vector<CommonRule>& common_rules() {
  static const std::vector<CommonRule> rules{
      {"allclose 1e-2", "|got - expected| <= 1e-2 + 1e-2 |expected|, a common choice for 16-bit types", allclose_2},
      {"allclose 1e-3", "|got - expected| <= 1e-3 + 1e-3 |expected|, a common choice", allclose_3},
      {"torch default", "torch.testing.assert_close: rtol 1.6e-2 (bf16), 1e-3 (f16), 1.3e-6 (f32), atol 1e-5",
       torch_default},
      {"cuDNN 2e-2", "cudnn-frontend, test/python/test_mhas.py: assert_close with atol and rtol 2e-2", cudnn},
      {"ggml NMSE",
       "llama.cpp, tests/test-backend-ops.cpp, test_flash_attn_ext: mean squared error / mean square <= 5e-4", ggml},
      {"FA 2x", "flash-attention, tests/test_flash_attn.py: largest error <= 2 times that of PyTorch in the same type",
       flash_attention},
  };
  return rules;
}

}  // namespace attest::test
