#include "harness/core/variant.hpp"

#include <array>

#include "variants/standard/kernels.hpp"
#include "variants/standard/spec.hpp"

namespace attest::standard {
namespace {

const StandardSpec spec;
const std::array kernels{cpu_naive, cpu_blas, cpu_materialised, cuda_naive};

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "standard",
    .title = "Scaled dot-product attention",
    .equation = "out_i = sum_j softmax_j(scale * q_i.k_j) v_j over the keys j that row i sees",
    .source = "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762, equation 1",
    .is_softmax = true,
    .parameters = {},
    .spec = &spec,
    .kernels = kernels,
};

}  // namespace attest::standard
