// The two forward kernels of FlashAttention-2 that its own dispatch takes for bf16, head dim 64, ragged lengths, with
// and without causal mask: run_mha_fwd_hdim64 in flash_fwd_launch_template.h. The sources are those of the package.
#include <flash_fwd_launch_template.h>
#include <namespace_config.h>

namespace FLASH_NAMESPACE {

using Traits = Flash_fwd_kernel_traits<64, 128, 128, 4, false, false, cutlass::bfloat16_t>;

// Is_dropout, Is_causal, Is_local, Has_alibi, Is_even_MN, Is_even_K, Is_softcap, Return_softmax
template __global__ void flash_fwd_kernel<Traits, false, false, false, false, false, true, false, false>(
    KERNEL_PARAM_MODIFIER const Flash_fwd_params);
template __global__ void flash_fwd_kernel<Traits, false, true, false, false, false, true, false, false>(
    KERNEL_PARAM_MODIFIER const Flash_fwd_params);

}  // namespace FLASH_NAMESPACE
