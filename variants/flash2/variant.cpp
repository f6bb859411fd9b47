#include "harness/core/variant.hpp"

#include <array>

#include "variants/flash2/kernels.hpp"
#include "variants/flash2/spec.hpp"

namespace attest::flash2 {
namespace {

const Flash2Spec spec;
const std::array kernels{cpu_tiled, cpu_split_kv, cuda_mma, cuda_tiled, cuda_split_kv};

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "flash2",
    .title = "FlashAttention-2",
    .equation =
        "out_i = sum_j softmax_j(scale * q_i.k_j) v_j over the keys j that row i sees, by tiles with an online softmax",
    .source = "Dao 2023, FlashAttention-2, arXiv:2307.08691, algorithm 1; split keys: Dao et al. 2023, Flash-Decoding",
    .is_softmax = true,
    .spec = &spec,
    .kernels = kernels,
};

}  // namespace attest::flash2
