#pragma once

#include <cstddef>

#include "variants/common/cpu/microkernels.hpp"

namespace attest::linear {

/// What the chunked kernel does between products, for one instruction set; the products are the common micro-kernels'.
/// No inline function of the standard library, for the reason that microkernels.hpp gives.
struct Elementwise {
  /// elu(x) + 1 in place: exp(x) for x < 0, relative error under 2^-23; 0 below -87. NaN stays. `count` is a multiple
  /// of 16.
  void (*feature)(float* values, int count);
  /// Packed keys to their transpose: dimension c of key n at to[(c - first) * score_stride + n], `keys` rounded up to a
  /// panel.
  void (*unpack_keys)(const float* packed, int keys, int head_dim, int panel, int first, int columns, float* to);
  /// sums[r] += sum of `count` elements of row r, rows score_stride apart.
  void (*add_row_sums)(const float* rows, int row_count, int count, float* sums);
  /// Sets row[visible .. end - 1] to 0 and returns the sum of row[0 .. visible - 1].
  float (*cut_and_sum)(float* row, int visible, int end);
  /// sum of a[n] * b[n].
  float (*dot)(const float* a, const float* b, int count);
  /// to[n] += from[n].
  void (*add)(float* to, const float* from, std::ptrdiff_t count);
};

namespace portable {
extern const Elementwise elementwise;
}
namespace avx2 {
extern const Elementwise elementwise;
}
namespace avx512 {
extern const Elementwise elementwise;
}

/// The table for the instruction set of those micro-kernels.
inline const Elementwise& elementwise_of(const tiles::Microkernels& kernels) {
  if (kernels.vector_floats == 16) return avx512::elementwise;
  return kernels.vector_floats == 8 ? avx2::elementwise : portable::elementwise;
}

}  // namespace attest::linear
