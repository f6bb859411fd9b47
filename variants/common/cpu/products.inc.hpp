#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// The two matrix products. A block of row_block x panel_vectors registers of sums stays in registers while one operand
// is read in order and the other is broadcast from memory (Goto and van de Geijn 2008, the inner kernel). The block is
// wide rather than tall: of the loads that serve row_block * panel_vectors multiply-adds, a square one would have
// fewest, but the broadcasts are the dearer ones. Panels are the outer loop and strips of rows the inner one, so that a
// panel that fits L1 is read from L2 once for all of them.

namespace attest::tiles::ATTEST_TILES_ISA {

enum class Start { zero, scaled, plain };

/// One step of a product: a float of the left operand, times a register of the right one.
struct FloatStep {
  static constexpr int terms = 1;
  static ATTEST_TILES_INLINE Floats splat_of(const float* from) { return splat(*from); }
  static ATTEST_TILES_INLINE Floats add(Floats left, Floats right, Floats sum) {
    return multiply_add(left, right, sum);
  }
};

/// out[r] = start + sum over `count` steps of left[r][n] * right[n], for row_block rows and kVectors registers of
/// columns. Rows of `right` are `panel` floats apart.
template <class Step, int kVectors, Start kStart>
void product_block(const float* __restrict left, std::ptrdiff_t left_stride, const float* __restrict right, int count,
                   const float* __restrict factors, float* __restrict out, std::ptrdiff_t out_stride) {
  Floats sums[row_block][kVectors];
#pragma GCC unroll 16
  for (int row = 0; row < row_block; ++row) {
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; ++vector) {
      if constexpr (kStart == Start::zero) {
        sums[row][vector] = Floats{};
      } else {
        sums[row][vector] = load(out + row * out_stride + vector * width);
        if constexpr (kStart == Start::scaled) sums[row][vector] *= splat(factors[row]);
      }
    }
  }
  for (int place = 0; place < count; ++place) {
    Floats columns[kVectors];
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; ++vector)
      columns[vector] = load(right + vector * width);
#pragma GCC unroll 16
    for (int row = 0; row < row_block; ++row) {
      const Floats factor = Step::splat_of(left + row * left_stride + place);
#pragma GCC unroll 4
      for (int vector = 0; vector < kVectors; ++vector)
        sums[row][vector] = Step::add(factor, columns[vector], sums[row][vector]);
    }
    right += panel;
  }
#pragma GCC unroll 16
  for (int row = 0; row < row_block; ++row) {
#pragma GCC unroll 4
    for (int vector = 0; vector < kVectors; ++vector)
      store(out + row * out_stride + vector * width, sums[row][vector]);
  }
}

/// The same for 1 to panel_vectors registers of columns.
template <class Step, Start kStart, int kVectors = panel_vectors>
ATTEST_TILES_INLINE void product_of(int vectors, const float* left, std::ptrdiff_t left_stride, const float* right,
                                    int count, const float* factors, float* out, std::ptrdiff_t out_stride) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) {
      return product_of<Step, kStart, kVectors - 1>(vectors, left, left_stride, right, count, factors, out, out_stride);
    }
  }
  product_block<Step, kVectors, kStart>(left, left_stride, right, count, factors, out, out_stride);
}

ATTEST_TILES_INLINE int smaller_of(int a, int b) {
  return a < b ? a : b;
}
ATTEST_TILES_INLINE int larger_of(int a, int b) {
  return a > b ? a : b;
}

/// Keys that any strip needs.
inline KeyRange joint_range(const KeyRange* ranges, int strips) {
  KeyRange joint{tile_keys, 0};
  for (int strip = 0; strip < strips; ++strip) {
    if (ranges[strip].begin >= ranges[strip].end) continue;
    joint = {smaller_of(joint.begin, ranges[strip].begin), larger_of(joint.end, ranges[strip].end)};
  }
  return joint;
}

template <class Step>
void scores_by(const float* queries, std::ptrdiff_t query_stride, const KeyRange* ranges, int strips, const float* keys,
               int head_dim, float* scores) {
  const int steps = (head_dim + Step::terms - 1) / Step::terms;
  const KeyRange joint = joint_range(ranges, strips);
  for (int first = joint.begin / panel * panel; first < joint.end; first += panel) {
    const float* from = keys + std::ptrdiff_t{first} * steps;
    for (int strip = 0; strip < strips; ++strip) {
      const int begin = larger_of(ranges[strip].begin, first) / width * width;
      const int end = smaller_of(ranges[strip].end, first + panel);
      if (begin >= end) continue;
      product_of<Step, Start::zero>((end - begin + width - 1) / width,
                                    queries + std::ptrdiff_t{strip} * row_block * query_stride, query_stride,
                                    from + (begin - first), steps, nullptr,
                                    scores + std::ptrdiff_t{strip} * row_block * score_stride + begin, score_stride);
    }
  }
}

inline void scores(const float* queries, std::ptrdiff_t query_stride, const KeyRange* ranges, int strips,
                   const float* keys, int head_dim, float* scores) {
  scores_by<FloatStep>(queries, query_stride, ranges, strips, keys, head_dim, scores);
}

inline void accumulate(const float* weights, std::ptrdiff_t weight_stride, const KeyRange* ranges, int strips,
                       const float* values, int columns, int chunk, const float* factors, float* out,
                       std::ptrdiff_t out_stride) {
  const KeyRange joint = joint_range(ranges, strips);
  for (int column = 0; column < columns; column += panel) {
    const int vectors = smaller_of(columns - column, panel) / width;
    for (int first = joint.begin; first < joint.end; first += chunk) {
      for (int strip = 0; strip < strips; ++strip) {
        const int begin = larger_of(ranges[strip].begin, first);
        const int end = smaller_of(ranges[strip].end, first + chunk);
        if (begin >= end) continue;
        const float* left = weights + std::ptrdiff_t{strip} * row_block * weight_stride + begin;
        const float* right = values + std::ptrdiff_t{column} * tile_keys + std::ptrdiff_t{begin} * panel;
        float* to = out + std::ptrdiff_t{strip} * row_block * out_stride + column;
        if (factors != nullptr && begin == ranges[strip].begin) {
          product_of<FloatStep, Start::scaled>(vectors, left, weight_stride, right, end - begin,
                                               factors + strip * row_block, to, out_stride);
        } else {
          product_of<FloatStep, Start::plain>(vectors, left, weight_stride, right, end - begin, nullptr, to,
                                              out_stride);
        }
      }
    }
  }
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
