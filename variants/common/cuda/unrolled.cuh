#pragma once

namespace attest::cuda {

/// A number that the compiler knows, as an argument.
template <int Value>
struct Constant {
  static constexpr int value = Value;
};

/// visit(Constant<0>{}), ..., visit(Constant<Count - 1>{}): for what must be a constant, such as the offset of an
/// address in inline PTX.
template <int Count, int First = 0, class Visit>
__device__ __forceinline__ void unrolled(const Visit& visit) {
  if constexpr (First < Count) {
    visit(Constant<First>{});
    unrolled<Count, First + 1>(visit);
  }
}

}  // namespace attest::cuda
