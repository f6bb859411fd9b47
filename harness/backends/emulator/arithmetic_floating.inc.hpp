// Floating-point arithmetic in f32 and f64 that IEEE 754 fixes to the last bit.

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

// Copies the sign of a to b.
template <class V, V sign>
struct CopySign {
  ATTEST_INLINE V apply(V a, V b) { return (a & sign) | (b & ~sign); }
};

template <class T, bool ftz, bool sat, Rounding rounding>
ATTEST_DESCRIBES void add_basic(FormSink& sink) {
  constexpr const char* round = rounding_name<rounding>;
  constexpr const char* flush = ftz ? "ftz" : "";
  constexpr const char* saturate = sat ? "sat" : "";
  const auto two = [&]<class Op>(const char* opcode) {
    sink.add(
        {opcode, round, flush, saturate, T::name}, operands<out<T>(), in<T>(), in<T>()>,
        {.run = RoundedMap<rounding, Adjusted<Op, ftz, sat>, T, T, T>::run, .kind = Class::floating, .lane_flops = 1});
  };
  two.template operator()<AddFloat>("add");
  two.template operator()<SubtractFloat>("sub");
  two.template operator()<MultiplyFloat>("mul");
  if constexpr (rounding != Rounding::none) {
    for (const char* opcode : {"fma", "mad"})
      sink.add({opcode, round, flush, saturate, T::name}, operands<out<T>(), in<T>(), in<T>(), in<T>()>,
               {.run = RoundedMap<rounding, Adjusted<FusedMultiplyAdd, ftz, sat>, T, T, T, T>::run,
                .kind = Class::floating,
                .lane_flops = 2});
    if constexpr (!sat) {
      two.template operator()<DivideFloat>("div");
      const auto one = [&]<class Op>(const char* opcode) {
        sink.add({opcode, round, flush, T::name}, operands<out<T>(), in<T>()>,
                 {.run = RoundedMap<rounding, Adjusted<Op, ftz, false>, T, T>::run,
                  .kind = Class::special,
                  .lane_flops = 1});
      };
      one.template operator()<ReciprocalFloat>("rcp");
      one.template operator()<RootFloat>("sqrt");
    }
  }
}

template <class T, class Op, bool ftz>
ATTEST_DESCRIBES void add_sign(FormSink& sink, const char* opcode) {
  // The result's NaN keeps its payload: sign operations move bits, but ftz flushes.
  using Bits = std::conditional_t<T::bits == 64, B64, B32>;
  struct OnBits {
    ATTEST_INLINE typename T::Lane apply(typename T::Lane a) {
      return as_bits(Adjusted<Op, ftz, false>::apply(T::load(a)));
    }
  };
  sink.add({opcode, ftz ? "ftz" : "", T::name}, operands<out<T>(), in<T>()>,
           {.run = Map<OnBits, Bits, Bits>::run, .kind = Class::floating});
}

template <class T, Extreme extreme, bool ftz, bool nan, bool xor_sign>
ATTEST_DESCRIBES void add_extreme(FormSink& sink) {
  sink.add(
      {extreme == Extreme::minimum ? "min" : "max", ftz ? "ftz" : "", nan ? "NaN" : "", xor_sign ? "xorsign.abs" : "",
       T::name},
      operands<out<T>(), in<T>(), in<T>()>,
      {.run = Map<Adjusted<ExtremeFloat<extreme, nan, xor_sign>, ftz, false>, T, T, T>::run, .kind = Class::floating});
}

ATTEST_DESCRIBES void add_floating(FormSink& sink) {
  each_value<Rounding::none, Rounding::rn, Rounding::rz, Rounding::rm, Rounding::rp>([&]<Rounding rounding>() {
    add_basic<F64, false, false, rounding>(sink);
    each_value<false, true>(
        [&]<bool ftz>() { each_value<false, true>([&]<bool sat>() { add_basic<F32, ftz, sat, rounding>(sink); }); });
  });
  each_value<false, true>([&]<bool ftz>() {
    add_sign<F32, AbsoluteFloat, ftz>(sink, "abs");
    add_sign<F32, NegateFloat, ftz>(sink, "neg");
  });
  add_sign<F64, AbsoluteFloat, false>(sink, "abs");
  add_sign<F64, NegateFloat, false>(sink, "neg");
  each_value<Extreme::minimum, Extreme::maximum>([&]<Extreme extreme>() {
    add_extreme<F64, extreme, false, false, false>(sink);
    each_value<false, true>([&]<bool ftz>() {
      each_value<false, true>([&]<bool nan>() {
        each_value<false, true>([&]<bool xor_sign>() { add_extreme<F32, extreme, ftz, nan, xor_sign>(sink); });
      });
    });
  });
  sink.add({"copysign.f32"}, operands<out<F32>(), in<F32>(), in<F32>()>,
           {.run = Map<CopySign<std::uint32_t, 0x80000000u>, B32, B32, B32>::run, .kind = Class::floating});
  sink.add({"copysign.f64"}, operands<out<F64>(), in<F64>(), in<F64>()>,
           {.run = Map<CopySign<std::uint64_t, 0x8000000000000000u>, B64, B64, B64>::run, .kind = Class::floating});
}
