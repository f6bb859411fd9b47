// Operations on floating-point values that several files apply.

struct AddFloat {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a + b;
  }
};
struct SubtractFloat {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a - b;
  }
};
struct MultiplyFloat {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a * b;
  }
};
struct DivideFloat {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a / b;
  }
};
struct FusedMultiplyAdd {
  ATTEST_INLINE float apply(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
  ATTEST_INLINE double apply(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
struct ReciprocalFloat {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return V{1} / a;
  }
};
struct RootFloat {
  ATTEST_INLINE float apply(float a) { return __builtin_sqrtf(a); }
  ATTEST_INLINE double apply(double a) { return __builtin_sqrt(a); }
};

// Signs are bits: NaN included. V is float or double, of any PTX type that is computed in it.
ATTEST_INLINE float magnitude(float a) {
  return as_float(as_bits(a) & 0x7fffffffu);
}
ATTEST_INLINE double magnitude(double a) {
  return as_double(as_bits(a) & 0x7fffffffffffffffull);
}
ATTEST_INLINE float opposite(float a) {
  return as_float(as_bits(a) ^ 0x80000000u);
}
ATTEST_INLINE double opposite(double a) {
  return as_double(as_bits(a) ^ 0x8000000000000000ull);
}
ATTEST_INLINE float signed_by_product(float value, float a, float b) {
  return as_float(as_bits(value) | ((as_bits(a) ^ as_bits(b)) & 0x80000000u));
}
struct AbsoluteFloat {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return magnitude(a);
  }
};
struct NegateFloat {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return opposite(a);
  }
};

// min, max: the operand that is a number; with .NaN, NaN when either is one. -0 is less than +0. xorsign.abs: of the
// magnitudes, with the sign of the product.
enum class Extreme { minimum, maximum };
template <Extreme extreme, bool propagates_nan, bool xor_sign>
struct ExtremeFloat {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    V x = a;
    V y = b;
    if constexpr (xor_sign) {
      x = magnitude(a);
      y = magnitude(b);
    }
    V result = extreme == Extreme::minimum ? (x < y ? x : y) : (x > y ? x : y);
    // Equal operands differ at most in the sign of zero.
    const auto either = as_bits(x) | as_bits(y);
    const auto both = as_bits(x) & as_bits(y);
    const V equal = __builtin_bit_cast(V, extreme == Extreme::minimum ? either : both);
    result = x == y ? equal : result;
    if constexpr (propagates_nan)
      result = x != x ? x : result;  // a NaN in y was chosen already
    else
      result = y != y ? x : result;
    if constexpr (xor_sign) result = signed_by_product(result, a, b);
    return result;
  }
};
