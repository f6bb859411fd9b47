#pragma once

#include "variants/common/cpu/vector.inc.hpp"

// Storing: one row of sums is divided, rounded once to the type of the result and written.

namespace attest::tiles::ATTEST_TILES_ISA {

/// Whether each lane is in 2^-60 .. 2^60, where the residual of a division is exact. A zero is not: it would lose its
/// sign.
ATTEST_TILES_INLINE bool all_moderate(Floats value) {
  const Ints magnitude = (Ints)value & 0x7fffffff;
  return !any_of((magnitude < bits_of_power(-60)) | (magnitude > bits_of_power(60)));
}

/// Quotients by one divisor. A division of a register takes 16 cycles; a product by the reciprocal and a correction by
/// the residual take three instructions and round as the division does (Markstein 1990, theorem 8.1).
class Quotient {
 public:
  explicit ATTEST_TILES_INLINE Quotient(float divisor)
      : divisor_(splat(divisor)),
        reciprocal_(splat(1.0f / divisor)),
        corrects_(width > 4 && divisor >= 0x1p-60f && divisor <= 0x1p60f) {}

  ATTEST_TILES_INLINE Floats of(Floats value) const {
    if (!corrects_ || !all_moderate(value)) return value / divisor_;
    const Floats quotient = value * reciprocal_;
    return multiply_add(multiply_add(-quotient, divisor_, value), reciprocal_, quotient);
  }

 private:
  Floats divisor_, reciprocal_;
  bool corrects_;
};

template <Storage kStorage>
void store_row_of(const float* source, int count, float divisor, typename Element<kStorage>::type* to,
                  std::ptrdiff_t stride) {
  const Quotient quotient(divisor);
  int place = 0;
  for (; stride == 1 && place + width <= count; place += width)
    Element<kStorage>::narrow(quotient.of(load(source + place)), to + place);
  for (; place < count; place += width) {
    const int lanes = count - place < width ? count - place : width;
    float values[width] = {};
    for (int lane = 0; lane < lanes; ++lane)
      values[lane] = source[place + lane];
    typename Element<kStorage>::type narrowed[width];
    Element<kStorage>::narrow(quotient.of(load(values)), narrowed);
    for (int lane = 0; lane < lanes; ++lane)
      to[(place + lane) * stride] = narrowed[lane];
  }
}

inline void store_row(const float* source, int count, float divisor, void* out, Storage storage,
                      std::ptrdiff_t stride) {
  switch (storage) {
    case Storage::f32:
      return store_row_of<Storage::f32>(source, count, divisor, static_cast<float*>(out), stride);
    case Storage::bf16:
      return store_row_of<Storage::bf16>(source, count, divisor, static_cast<std::uint16_t*>(out), stride);
    case Storage::f16:
      return store_row_of<Storage::f16>(source, count, divisor, static_cast<std::uint16_t*>(out), stride);
  }
}

}  // namespace attest::tiles::ATTEST_TILES_ISA
