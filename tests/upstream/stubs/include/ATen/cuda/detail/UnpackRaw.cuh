// In place of PyTorch's: seed and offset of a generator's state.
#pragma once
#include <ATen/cuda/CUDAGeneratorImpl.h>

namespace at::cuda::philox {

__host__ __device__ inline std::tuple<std::uint64_t, std::uint64_t> unpack(PhiloxCudaState state) {
  if (state.captured_)
    return {static_cast<std::uint64_t>(*state.seed_.ptr),
            static_cast<std::uint64_t>(*state.offset_.ptr) + state.offset_intragraph_};
  return {state.seed_.val, state.offset_.val};
}

}  // namespace at::cuda::philox
