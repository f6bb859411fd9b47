#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// The two matrix products. A block of row_block x 2 registers of sums stays in registers while one operand is read in
// order and the other is broadcast from memory (Goto and van de Geijn 2008, the inner kernel).

namespace attest::tiles::ATTEST_TILES_ISA {

/// One register block of scores: row_block rows, one panel of keys.
inline void score_block(const float* __restrict queries, const float* __restrict keys, int head_dim,
                        float* __restrict scores) {
  Floats sums[row_block][2] = {};
  for (int chunk = 0; chunk < head_dim; chunk += query_chunk) {
    const int columns = head_dim - chunk < query_chunk ? head_dim - chunk : query_chunk;
    for (int column = 0; column < columns; ++column) {
      const Floats left = load(keys);
      const Floats right = load(keys + width);
#pragma GCC unroll 16
      for (int row = 0; row < row_block; ++row) {
        const Floats query = splat(queries[row * query_chunk + column]);
        sums[row][0] = multiply_add(query, left, sums[row][0]);
        sums[row][1] = multiply_add(query, right, sums[row][1]);
      }
      keys += panel;
    }
    queries += row_block * query_chunk;
  }
#pragma GCC unroll 16
  for (int row = 0; row < row_block; ++row) {
    store(scores + row * score_stride, sums[row][0]);
    store(scores + row * score_stride + width, sums[row][1]);
  }
}

inline void scores(const float* queries, const float* keys, int row_blocks, int panels, int head_dim, float* scores) {
  const int chunks = (head_dim + query_chunk - 1) / query_chunk;
  for (int place = 0; place < panels; ++place) {
    for (int block = 0; block < row_blocks; ++block) {
      score_block(queries + std::ptrdiff_t{block} * chunks * row_block * query_chunk,
                  keys + std::ptrdiff_t{place} * panel * head_dim, head_dim,
                  scores + block * row_block * score_stride + place * panel);
    }
  }
}

/// One register block of the output: row_block rows, `kVectors` registers of columns.
template <int kVectors>
void accumulate_block(const float* __restrict weights, const float* __restrict values, int keys,
                      const float* __restrict factor, float* __restrict out, std::ptrdiff_t out_stride) {
  Floats sums[row_block][kVectors];
#pragma GCC unroll 16
  for (int row = 0; row < row_block; ++row) {
    const Floats scale = splat(factor[row]);
#pragma GCC unroll 2
    for (int vector = 0; vector < kVectors; ++vector) {
      sums[row][vector] = load(out + row * out_stride + vector * width) * scale;
    }
  }
  for (int key = 0; key < keys; ++key) {
    Floats value[kVectors];
#pragma GCC unroll 2
    for (int vector = 0; vector < kVectors; ++vector)
      value[vector] = load(values + vector * width);
#pragma GCC unroll 16
    for (int row = 0; row < row_block; ++row) {
      const Floats weight = splat(weights[row * score_stride + key]);
#pragma GCC unroll 2
      for (int vector = 0; vector < kVectors; ++vector) {
        sums[row][vector] = multiply_add(weight, value[vector], sums[row][vector]);
      }
    }
    values += panel;
  }
#pragma GCC unroll 16
  for (int row = 0; row < row_block; ++row) {
#pragma GCC unroll 2
    for (int vector = 0; vector < kVectors; ++vector) {
      store(out + row * out_stride + vector * width, sums[row][vector]);
    }
  }
}

inline void accumulate(const float* weights, const float* values, int row_blocks, int keys, int columns,
                       const float* factor, float* out, std::ptrdiff_t out_stride) {
  for (int column = 0; column < columns; column += panel) {
    const float* from = values + std::ptrdiff_t{column} * tile_keys;
    for (int block = 0; block < row_blocks; ++block) {
      const float* rows = weights + block * row_block * score_stride;
      float* to = out + block * row_block * out_stride + column;
      if (columns - column >= panel) {
        accumulate_block<2>(rows, from, keys, factor + block * row_block, to, out_stride);
      } else {
        accumulate_block<1>(rows, from, keys, factor + block * row_block, to, out_stride);
      }
    }
  }
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
