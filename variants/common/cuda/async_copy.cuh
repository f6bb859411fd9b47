#pragma once

#include <cstdint>

namespace attest::cuda {

/// Address in the shared window, as inline PTX takes it.
__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Copies 16 bytes from global to shared memory, `Offset` from `to`, past the registers, or writes zeros and reads
/// nothing. Both addresses are multiples of 16. The copy lands at a wait.
template <int Offset = 0>
__device__ __forceinline__ void copy_16(std::uint32_t to, const void* from, bool present) {
  asm volatile("cp.async.cg.shared.global [%0+%3], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(present ? 16 : 0),
               "n"(Offset)
               : "memory");
}
/// The same of 4 bytes.
__device__ __forceinline__ void copy_4(std::uint32_t to, const void* from, bool present) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(present ? 4 : 0) : "memory");
}

/// Closes a group of copies of this thread.
__device__ __forceinline__ void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until all but the newest `Pending` groups of this thread have landed. Other threads see them after a barrier.
template <int Pending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace attest::cuda
