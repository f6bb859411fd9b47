#pragma once

namespace attest::cuda {

/// Byte offset of a chunk of 16 bytes in a tile of rows of `Chunks` chunks: chunks of a row change places by XOR, so
/// that the same chunk of 8 neighbouring rows lies in 8 different groups of 4 banks, as do 8 neighbouring chunks of a
/// row.
template <int Chunks>
__device__ __forceinline__ int swizzled(int row, int chunk) {
  static_assert(Chunks == 4 || Chunks % 8 == 0, "for rows of 64 bytes and of multiples of 128");
  const int mixed = chunk ^ (Chunks == 4 ? row >> 1 & 3 : row & 7);
  return (row * Chunks + mixed) * 16;
}

}  // namespace attest::cuda
