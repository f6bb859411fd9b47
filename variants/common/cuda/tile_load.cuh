#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/swizzle.cuh"

namespace attest::cuda {

/// A row in global memory, or none: then `from` is any readable address.
template <class Element>
struct SourceRow {
  const Element* from;
  bool present;
};

/// Copies Rows rows of `columns` elements into a swizzled tile of Chunks chunks a row, asynchronously; absent rows and
/// columns become 0. row_of(n) gives row n. By 16 bytes where every row starts at a multiple of 16 bytes, else by 4.
template <class Element, int Rows, int Chunks, int Threads, class RowOf>
__device__ __forceinline__ void copy_tile(unsigned char* tile, int columns, const RowOf& row_of) {
  constexpr int chunk_elements = 16 / static_cast<int>(sizeof(Element));
  const int thread = static_cast<int>(threadIdx.x);
  const std::uint32_t to = shared_address(tile);
  if (sizeof(Element) == 2 || columns % chunk_elements == 0) {
    static_assert(Threads % Chunks == 0);
    constexpr int rows_at_once = Threads / Chunks;
    const int chunk = thread % Chunks;
    const bool inside = chunk * chunk_elements < columns;
#pragma unroll
    for (int n = 0; n < (Rows + rows_at_once - 1) / rows_at_once; ++n) {
      const int row = thread / Chunks + n * rows_at_once;
      if (Rows % rows_at_once != 0 && row >= Rows) break;
      const SourceRow<Element> source = row_of(row);
      const bool present = inside && source.present;
      copy_16(to + swizzled<Chunks>(row, chunk), present ? source.from + chunk * chunk_elements : source.from, present);
    }
  } else if constexpr (sizeof(Element) == 4) {
    constexpr int width = Chunks * chunk_elements;
    static_assert(Threads % width == 0);
    const int column = thread % width;
#pragma unroll 1
    for (int row = thread / width; row < Rows; row += Threads / width) {
      const SourceRow<Element> source = row_of(row);
      const bool present = column < columns && source.present;
      copy_4(to + swizzled<Chunks>(row, column / 4) + column % 4 * 4, present ? source.from + column : source.from,
             present);
    }
  }
}

}  // namespace attest::cuda
