#pragma once

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>

#include "harness/core/arithmetic.hpp"

namespace attest {

/// Unit roundoff of double, the reference's own.
inline constexpr double reference_roundoff = 0x1p-53;

/// gamma(n) = n*u/(1-n*u): relative error of n roundings in a row (Higham, Accuracy and Stability, lemma 3.1). Infinity
/// when n*u reaches 1, where the lemma says nothing.
inline double gamma(double n, double u) {
  const double nu = n * u;
  return nu < 1.0 ? nu / (1.0 - nu) : std::numeric_limits<double>::infinity();
}

/// Azuma: independent terms of size c_i exceed 6.5 sqrt(sum c_i^2) once in 1.3e9.
inline constexpr double far_out = 6.5;
/// Root mean square of a rounding, in unit roundoffs, over numbers whose leading digits are those of a product.
inline constexpr double typical_rounding = 0.41;

/// Length of the longest accumulation chain over the keys: as declared, or the row's own number of keys.
inline double chain_length(const Arithmetic& arithmetic, std::int64_t keys) {
  return static_cast<double>(arithmetic.longest_chain > 0 ? arithmetic.longest_chain : keys);
}

/// Whether the kernel accumulates in double: then a reference in double is no better than the kernel.
inline bool accumulates_in_double(const Arithmetic& arithmetic) {
  return arithmetic.accumulate < 0x1p-40;
}

/// Smallest normal number of the accumulation type: what a product, a weight or a sum below it may lose, since CPUs
/// and GPUs may flush subnormal numbers to zero.
inline double underflow_floor(const Arithmetic& arithmetic) {
  return accumulates_in_double(arithmetic) ? DBL_MIN : static_cast<double>(FLT_MIN);
}

/// Unit roundoff that the kernel's accumulation and a reference in double make together: u + 2^-53, since the
/// reference's own error obeys the same formulas with its own unit roundoff.
inline double judged_roundoff(const Arithmetic& arithmetic) {
  return arithmetic.accumulate + reference_roundoff;
}

/// Relative error of exp, the reference's own (under 2^-52, glibc) included.
inline double judged_exponential(const Arithmetic& arithmetic) {
  return arithmetic.exponential + 2.0 * reference_roundoff;
}

/// N + n_r: roundings that a sum over the keys of a row goes through.
inline double sum_steps(const Arithmetic& arithmetic, std::int64_t keys) {
  return chain_length(arithmetic, keys) + static_cast<double>(arithmetic.rescales);
}

}  // namespace attest
