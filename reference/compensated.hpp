#pragma once

#include <cmath>
#include <cstddef>
#include <span>

// Sums and dot products in twice the working precision, from Ogita, Rump and Oishi, "Accurate sum and dot product",
// SIAM J. Sci. Comput. 26 (2005): results are as good as if computed in 106 bits and rounded once. They live on exact
// IEEE operations in the order written, so a compiler that may reassociate would delete the very errors they keep.
// Sources that include this are compiled with -ffp-contract=off (a product fused into the next addition is another
// value).
#ifdef __FAST_MATH__
#error "compensated arithmetic needs IEEE semantics: compile without -ffast-math"
#endif

namespace attest {

/// A value with what rounding took from it: value + error is exact.
struct Compensated {
  double value = 0.0;
  double error = 0.0;
};

/// a + b without error (Knuth), for any order of magnitude. Overflow or a non-finite operand makes the error NaN.
inline Compensated two_sum(double a, double b) {
  const double sum = a + b;
  const double b_virtual = sum - a;
  const double a_virtual = sum - b_virtual;
  return {sum, (a - a_virtual) + (b - b_virtual)};
}

/// The upper 26 bits of `a` and the rest (Veltkamp). |a| must be below 2^996.
inline Compensated split(double a) {
  const double factor = 134217729.0 * a;  // 2^27 + 1
  const double high = factor - (factor - a);
  return {high, a - high};
}

/// a * b without error (Dekker, or one fma where the machine has it). Exact while the product and its error are normal
/// numbers and the operands are below 2^996.
inline Compensated two_product(double a, double b) {
  const double product = a * b;
#ifdef __FP_FAST_FMA
  return {product, std::fma(a, b, -product)};
#else
  const Compensated x = split(a);
  const Compensated y = split(b);
  return {product, ((x.value * y.value - product) + x.value * y.error + x.error * y.value) + x.error * y.error};
#endif
}

/// A running sum that carries its own rounding error. add() takes single numbers, add_product() exact products.
/// Non-finite terms give what a plain sum gives: infinity, or NaN where infinities of both signs or a NaN are met.
class CompensatedSum {
 public:
  void add(double term) {
    const Compensated next = two_sum(sum_, term);
    sum_ = next.value;
    error_ += next.error;
  }

  void add_product(double a, double b) {
    const Compensated product = two_product(a, b);
    add(product.value);
    error_ += product.error;
  }

  /// The sum, rounded once. The compensation of a sum that met an infinity is NaN and means nothing.
  double value() const { return std::isfinite(sum_) ? sum_ + error_ : sum_; }

 private:
  double sum_ = 0.0;
  double error_ = 0.0;
};

/// Sum of the terms (algorithm Sum2): error at most u|sum| + gamma(n-1)^2 * sum|term|.
inline double sum2(std::span<const double> terms) {
  CompensatedSum sum;
  for (const double term : terms)
    sum.add(term);
  return sum.value();
}

/// sum_i a_i*b_i (algorithm Dot2): error at most u|a.b| + gamma(n)^2 * |a|.|b|. The spans have equal sizes.
inline double dot2(std::span<const double> a, std::span<const double> b) {
  CompensatedSum sum;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum.add_product(a[i], b[i]);
  return sum.value();
}

}  // namespace attest
