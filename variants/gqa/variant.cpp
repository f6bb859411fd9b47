#include "harness/core/variant.hpp"

#include <array>

#include "variants/gqa/kernels.hpp"
#include "variants/gqa/spec.hpp"

namespace attest::gqa {
namespace {

const GqaSpec spec;
const std::array kernels{cpu_packed, cpu_decode, cuda_packed, cuda_decode};

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "gqa",
    .title = "Grouped-query attention",
    .equation = "out_hi = sum_j softmax_j(scale * q_hi.k_gj) v_gj with key head g = h / (hq / hkv)",
    .source = "Ainslie et al. 2023, GQA, arXiv:2305.13245; one key head: Shazeer 2019, arXiv:1911.02150",
    .is_softmax = true,
    .spec = &spec,
    .kernels = kernels,
};

}  // namespace attest::gqa
