// In place of PyTorch's: the state of a generator, which lies in the kernels' parameters with this layout.
#pragma once
#include <cstdint>
#include <tuple>

namespace at {

struct PhiloxCudaState {
  union Payload {
    std::uint64_t val;
    std::int64_t* ptr;
  };
  Payload seed_{};
  Payload offset_{};
  std::uint64_t offset_intragraph_ = 0;
  bool captured_ = false;
};

}  // namespace at
