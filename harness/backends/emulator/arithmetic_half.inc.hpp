// Arithmetic in f16 and bf16, alone and in pairs: every result rounded once.

// Sum of two numbers rounded to odd (see rounded_to_odd): the rounding to 16 bits that follows is then the only one
// that counts. The error of a sum is itself a floating-point number (Knuth's two-sum).
template <class V>
ATTEST_INLINE V odd_sum(V a, V b) {
  const V sum = a + b;
  const V part = sum - a;
  const V error = (a - (sum - part)) + (b - part);
  auto bits = as_bits(sum);
  const bool inexact = error > V{0} || error < V{0};  // false for NaN, from infinities
  const bool outward = (error < V{0}) == (sum > V{0});
  const auto truncated = outward ? bits - 1 : bits;
  bits = inexact ? truncated | 1 : bits;
  return __builtin_bit_cast(V, bits);
}

// Results as floats that one rounding brings to the type. Sums of two halves, and of two bfloats, fit twice rounded: a
// float has more than twice their digits and two.
template <class T>
struct HalfAdd {
  ATTEST_INLINE float apply(float a, float b) { return a + b; }
};
template <class T>
struct HalfSubtract {
  ATTEST_INLINE float apply(float a, float b) { return a - b; }
};
// A product of halves is exact in float; one of bfloats may underflow there, and is exact in double.
template <class T>
struct HalfMultiply {
  ATTEST_INLINE float apply(float a, float b) {
    if constexpr (std::is_same_v<T, F16>)
      return a * b;
    else
      return rounded_to_odd(static_cast<double>(a) * static_cast<double>(b));
  }
};
template <class T>
struct HalfFused {
  ATTEST_INLINE float apply(float a, float b, float c) {
    if constexpr (std::is_same_v<T, F16>)
      return odd_sum(a * b, c);
    else
      return rounded_to_odd(odd_sum(static_cast<double>(a) * static_cast<double>(b), static_cast<double>(c)));
  }
};
ATTEST_INLINE std::uint32_t flushed_half(std::uint32_t bits) {
  return (bits & 0x7c00u) == 0 ? bits & 0x8000u : bits;
}

enum class Clip { none, sat, relu };
template <class T, class Op, bool ftz, Clip clip>
struct OnHalf {
  template <class... B>
  ATTEST_INLINE std::uint32_t apply(B... lanes) {
    float value = Op::apply(T::load(ftz ? flushed_half(lanes) : lanes)...);
    if constexpr (clip == Clip::sat) value = saturated_to_one(value);
    if constexpr (clip == Clip::relu) value = without_negatives(value);
    const std::uint32_t result = T::store(value);
    return ftz ? flushed_half(result) : result;
  }
};
template <class Op>
struct OnHalves {
  template <class... B>
  ATTEST_INLINE std::uint32_t apply(B... lanes) {
    return Op::apply((lanes & 0xffffu)...) | (Op::apply((lanes >> 16)...) << 16);
  }
};
// Signs are bits.
template <std::uint32_t bits_cleared, std::uint32_t bits_flipped, bool ftz>
struct HalfSign {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a) {
    const std::uint32_t value = (a & ~bits_cleared) ^ bits_flipped;
    return ftz ? flushed_half(value) : value;
  }
};

template <class T>
inline constexpr const char* packed_name = std::is_same_v<T, F16> ? "f16x2" : "bf16x2";

// Adds an operation alone and in pairs.
template <class T, class Op, class... S>
ATTEST_DESCRIBES void add_half(FormSink& sink, const char* opcode, const char* first, const char* second,
                               const char* third, Class kind, std::uint32_t flops) {
  sink.add({opcode, first, second, third, T::name}, operands<out<T>(), in<S>()...>,
           {.run = Map<Op, B32, std::conditional_t<true, B32, S>...>::run, .kind = kind, .lane_flops = flops});
  sink.add(
      {opcode, first, second, third, packed_name<T>}, operands<out<B32>(), in<std::conditional_t<true, B32, S>>()...>,
      {.run = Map<OnHalves<Op>, B32, std::conditional_t<true, B32, S>...>::run, .kind = kind, .lane_flops = 2 * flops});
}
template <class T, bool ftz, Clip clip>
ATTEST_DESCRIBES void add_half_arithmetic(FormSink& sink) {
  constexpr const char* flush = ftz ? "ftz" : "";
  constexpr const char* clipped = clip == Clip::sat ? "sat" : clip == Clip::relu ? "relu" : "";
  if constexpr (clip != Clip::relu) {
    for (const char* round : {"", "rn"}) {
      add_half<T, OnHalf<T, HalfAdd<T>, ftz, clip>, T, T>(sink, "add", round, flush, clipped, Class::floating, 1);
      add_half<T, OnHalf<T, HalfSubtract<T>, ftz, clip>, T, T>(sink, "sub", round, flush, clipped, Class::floating, 1);
      add_half<T, OnHalf<T, HalfMultiply<T>, ftz, clip>, T, T>(sink, "mul", round, flush, clipped, Class::floating, 1);
    }
  }
  add_half<T, OnHalf<T, HalfFused<T>, ftz, clip>, T, T, T>(sink, "fma", "rn", flush, clipped, Class::floating, 2);
}
template <class T, bool ftz>
ATTEST_DESCRIBES void add_half_signs_and_extremes(FormSink& sink) {
  constexpr const char* flush = ftz ? "ftz" : "";
  add_half<T, HalfSign<0, 0x8000u, ftz>, T>(sink, "neg", flush, "", "", Class::floating, 0);
  add_half<T, HalfSign<0x8000u, 0, ftz>, T>(sink, "abs", flush, "", "", Class::floating, 0);
  each_value<Extreme::minimum, Extreme::maximum>([&]<Extreme extreme>() {
    constexpr const char* opcode = extreme == Extreme::minimum ? "min" : "max";
    each_value<false, true>([&]<bool nan>() {
      each_value<false, true>([&]<bool xor_sign>() {
        add_half<T, OnHalf<T, ExtremeFloat<extreme, nan, xor_sign>, ftz, Clip::none>, T, T>(
            sink, opcode, flush, nan ? "NaN" : "", xor_sign ? "xorsign.abs" : "", Class::floating, 0);
      });
    });
  });
}

ATTEST_DESCRIBES void add_halves(FormSink& sink) {
  each_value<false, true>([&]<bool ftz>() {
    add_half_arithmetic<F16, ftz, Clip::none>(sink);
    add_half_arithmetic<F16, ftz, Clip::sat>(sink);
    add_half_arithmetic<F16, ftz, Clip::relu>(sink);
    add_half_signs_and_extremes<F16, ftz>(sink);
  });
  add_half_arithmetic<BF16, false, Clip::none>(sink);
  add_half_arithmetic<BF16, false, Clip::relu>(sink);
  add_half_signs_and_extremes<BF16, false>(sink);

  add_half<F16, OnHalf<F16, PowerOfTwo, false, Clip::none>, F16>(sink, "ex2.approx", "", "", "", Class::special, 1);
  add_half<BF16, OnHalf<BF16, Adjusted<PowerOfTwo, true, false>, false, Clip::none>, BF16>(sink, "ex2.approx", "ftz",
                                                                                           "", "", Class::special, 1);
  add_half<F16, OnHalf<F16, HyperbolicTangent, false, Clip::none>, F16>(sink, "tanh.approx", "", "", "", Class::special,
                                                                        1);
  add_half<BF16, OnHalf<BF16, HyperbolicTangent, false, Clip::none>, BF16>(sink, "tanh.approx", "", "", "",
                                                                           Class::special, 1);
}
