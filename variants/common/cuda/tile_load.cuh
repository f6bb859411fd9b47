#pragma once

#include <cstdint>

#include "variants/common/cuda/async_copy.cuh"
#include "variants/common/cuda/swizzle.cuh"
#include "variants/common/cuda/unrolled.cuh"

namespace attest::cuda {

/// A row in global memory, or none: then `from` is any readable address.
template <class Element>
struct SourceRow {
  const Element* from;
  bool present;
};

/// What a thread copies of rows of `Chunks` chunks: neighbouring threads take neighbouring chunks, so that a warp's
/// request asks for whole sectors.
template <int Chunks>
struct ThreadPlace {
  int row = static_cast<int>(threadIdx.x) / Chunks;  ///< and every Threads / Chunks rows on
  int chunk = static_cast<int>(threadIdx.x) % Chunks;
};

/// Copies Rows rows of `columns` elements into a swizzled tile of Chunks chunks a row, asynchronously; absent rows and
/// columns become 0. row_of(n) gives row n. By 16 bytes where every row starts at a multiple of 16 bytes, else by 4.
template <class Element, int Rows, int Chunks, int Threads, class RowOf>
__device__ __forceinline__ void copy_tile(unsigned char* tile, int columns, const RowOf& row_of) {
  constexpr int chunk_elements = 16 / static_cast<int>(sizeof(Element));
  const std::uint32_t to = shared_address(tile);
  if (sizeof(Element) == 2 || columns % chunk_elements == 0) {
    static_assert(Threads % Chunks == 0);
    constexpr int rows_at_once = Threads / Chunks;
    const ThreadPlace<Chunks> place;
    const bool inside = place.chunk * chunk_elements < columns;
#pragma unroll
    for (int n = 0; n < (Rows + rows_at_once - 1) / rows_at_once; ++n) {
      const int row = place.row + n * rows_at_once;
      if (Rows % rows_at_once != 0 && row >= Rows) break;
      const SourceRow<Element> source = row_of(row);
      const bool present = inside && source.present;
      copy_16(to + swizzled<Chunks>(row, place.chunk),
              present ? source.from + place.chunk * chunk_elements : source.from, present);
    }
  } else if constexpr (sizeof(Element) == 4) {
    constexpr int width = Chunks * chunk_elements;
    static_assert(Threads % width == 0);
    const int thread = static_cast<int>(threadIdx.x);
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

/// Copies tiles of Rows neighbouring rows out of one matrix, as copy_tile does. Of every tile a thread copies the same
/// chunk of rows that are a fixed number apart, so that all but the tile's place is worked out once. Elements of 16
/// bits, `columns` a multiple of 8.
template <class Element, int Rows, int Chunks, int Threads>
class RowTiles {
 public:
  __device__ RowTiles(const Element* rows, int columns, ThreadPlace<Chunks> place = {})
      : from_(reinterpret_cast<const char*>(rows + static_cast<std::int64_t>(place.row) * columns) + place.chunk * 16),
        row_bytes_(columns * static_cast<int>(sizeof(Element))),
        rows_(place.chunk * 16 < row_bytes_ ? place.row : none),
        to_(swizzled<Chunks>(place.row, place.chunk)) {}

  /// Rows first .. last - 1; the rest of the tile becomes 0.
  __device__ void copy(std::uint32_t tile, int first, int last) const {
    const char* from = from_ + static_cast<std::int64_t>(first) * row_bytes_;
    const int left = last - first - rows_;
    unrolled<Rows / rows_at_once>([&](auto n) {
      constexpr int row = n.value * rows_at_once;
      // Its own row is below rows_at_once, so that the sum of rows is an XOR, and the swizzle is one too.
      constexpr int turned = Chunks == 4 ? 0 : row % 8 * 16;
      copy_16<row * Chunks * 16>(tile + (to_ ^ turned), from, row < left);
      from += rows_at_once * row_bytes_;
    });
  }

 private:
  static constexpr int rows_at_once = Threads / Chunks;
  static constexpr int none = 1 << 30;  // of no row that is there: the chunk lies behind the columns
  static_assert(sizeof(Element) == 2 && Threads % Chunks == 0 && Rows % rows_at_once == 0);
  static_assert((rows_at_once & (rows_at_once - 1)) == 0 && (Chunks != 4 || rows_at_once % 8 == 0));

  const char* from_;  // this thread's chunk of the first row that it copies
  int row_bytes_;
  int rows_;  // before that one
  int to_;
};

}  // namespace attest::cuda
