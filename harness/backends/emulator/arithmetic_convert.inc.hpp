// cvt between integers and floating types, with every rounding.

template <class T>
constexpr OperandForm may_be_wider(OperandForm form) {
  form.may_be_wider = !T::is_float;
  return form;
}
template <class V>
using Limits = std::numeric_limits<V>;

struct ConvertInteger {
  template <class D, class S>
  struct To {
    ATTEST_INLINE D apply(S value) { return static_cast<D>(value); }
  };
  // .sat: to the destination's range.
  template <class D, class S>
  struct Saturating {
    ATTEST_INLINE D apply(S value) {
      if constexpr (is_signed_value<S>) {
        constexpr std::int64_t low = is_signed_value<D> ? static_cast<std::int64_t>(Limits<D>::min()) : 0;
        constexpr auto high = static_cast<std::uint64_t>(Limits<D>::max());
        const std::int64_t wide = value;
        if (wide < low) return static_cast<D>(low);
        if (wide > 0 && static_cast<std::uint64_t>(wide) > high) return Limits<D>::max();
      } else {
        if (static_cast<std::uint64_t>(value) > static_cast<std::uint64_t>(Limits<D>::max())) return Limits<D>::max();
      }
      return static_cast<D>(value);
    }
  };
};

// Float to a type of 16 bits in the rounding asked for.
template <Rounding rounding, int fraction, int smallest_exponent>
ATTEST_INLINE std::uint32_t narrowed(float value) {
  // Exponents as in the float's bits; the type's own lie `rebias` lower.
  constexpr std::uint32_t rebias = 127 + smallest_exponent - 1;
  constexpr std::uint32_t dropped = 23 - fraction;
  constexpr std::uint32_t infinity = fraction == 10 ? 0x7c00u : 0x7f80u;
  const std::uint32_t bits = as_bits(value);
  const std::uint32_t size = bits & 0x7fffffffu;
  const std::uint32_t sign = bits >> 31;
  if (size > 0x7f800000u) return canonical_nan_half;
  if (size == 0x7f800000u) return (sign << 15) | infinity;
  std::uint32_t kept = 0;
  std::uint32_t rest = 0;
  std::uint32_t half = 0;
  const std::uint32_t exponent = size >> 23;
  if (exponent > rebias) {
    const std::uint32_t moved = size - (rebias << 23);
    kept = moved >> dropped;
    rest = moved & ((1u << dropped) - 1);
    half = 1u << (dropped - 1);
  } else {
    const std::uint32_t significand = (size & 0x7fffffu) | (exponent != 0 ? 0x800000u : 0u);
    const std::uint32_t far = dropped + rebias + 1 - (exponent != 0 ? exponent : 1u);
    const std::uint32_t shift = far < 31 ? far : 31u;
    kept = significand >> shift;
    rest = significand & ((1u << shift) - 1);
    half = 1u << (shift - 1);
  }
  if constexpr (rounding == Rounding::rn) kept += rest > half || (rest == half && (kept & 1u) != 0);
  if constexpr (rounding == Rounding::rm) kept += sign != 0 && rest != 0;
  if constexpr (rounding == Rounding::rp) kept += sign == 0 && rest != 0;
  // Beyond the largest number: infinity, unless the rounding leads back.
  if (kept >= infinity) {
    const bool leads_back =
        rounding == Rounding::rz || (rounding == Rounding::rm && sign == 0) || (rounding == Rounding::rp && sign != 0);
    kept = leads_back ? infinity - 1 : infinity;
  }
  return (sign << 15) | kept;
}

// What rounds a float or a double to each destination type.
template <class D, Rounding rounding>
struct Narrow {
  template <class V>
  ATTEST_INLINE typename D::Lane lane(V value) {
    if constexpr (std::is_same_v<D, F32> || std::is_same_v<D, F64>) {
      return D::store(static_cast<typename D::Value>(value));
    } else {
      float single = 0.0f;
      if constexpr (std::is_same_v<V, double>)
        single = rounded_to_odd(value);
      else
        single = value;
      if constexpr (rounding == Rounding::none || rounding == Rounding::rn)
        return D::store(single);
      else if constexpr (std::is_same_v<D, F16>)
        return narrowed<rounding, 10, -14>(single);
      else
        return narrowed<rounding, 7, -126>(single);
    }
  }
};
// .satfinite: the largest number in the place of infinity.
template <class D>
ATTEST_INLINE std::uint32_t without_infinity(std::uint32_t half) {
  constexpr std::uint32_t infinity = std::is_same_v<D, F16> ? 0x7c00u : 0x7f80u;
  return (half & 0x7fffu) == infinity ? half - 1 : half;
}
// Float to float of another type, or of the same.
template <class D, class S, Rounding rounding, bool ftz, bool sat, bool relu, bool finite>
struct ConvertFloat {
  ATTEST_INLINE typename D::Lane apply(typename S::Lane lane) {
    auto value = S::load(lane);
    if constexpr (ftz && std::is_same_v<S, F32>) value = flushed(value);
    if constexpr (sat) value = saturated_to_one(value);
    if constexpr (relu) value = without_negatives(value);
    typename D::Lane result = Narrow<D, rounding>::lane(value);
    if constexpr (ftz && std::is_same_v<D, F32>) result = as_bits(flushed(as_float(result)));
    if constexpr (finite) result = without_infinity<D>(result);
    return result;
  }
};
// f32 and f64 are narrowed by the host under the rounding; halves by integers, which need none.
template <class D, class S, Rounding rounding, class Op>
constexpr Handler convert_handler() {
  using To = std::conditional_t<D::bits == 64, B64, B32>;
  using From = std::conditional_t<S::bits == 64, B64, B32>;
  constexpr bool by_host = std::is_same_v<D, F32> || std::is_same_v<D, F64>;
  return RoundedMap < by_host ? rounding : Rounding::none, Op, To, From > ::run;
}

// Integer to float. An integer beyond 48 bits is folded to fewer with a sticky last bit where halves follow.
template <class D, class S, Rounding rounding>
struct IntegerToFloat {
  ATTEST_INLINE typename D::Lane apply(typename S::Lane lane) {
    const auto value = S::load(lane);
    if constexpr (std::is_same_v<D, F32> || std::is_same_v<D, F64>) {
      auto result = static_cast<typename D::Value>(value);
      // Rounding down, the host's way to convert an unsigned zero may give -0.
      if (value == 0) result = 0;
      return D::store(result);
    } else {
      double wide = 0.0;
      if constexpr (S::bits == 64) {
        using V = typename S::Value;
        const V folded = (value >> 16) | ((value & 0xffff) != 0 ? 1 : 0);
        constexpr std::int64_t bound = std::int64_t{1} << 47;
        bool large = value > static_cast<V>(bound);
        if constexpr (is_signed_value<V>) large = large || value < -bound;
        wide = large ? static_cast<double>(folded) * 65536.0 : static_cast<double>(value);
      } else {
        wide = static_cast<double>(value);
      }
      return Narrow<D, rounding>::lane(wide);
    }
  }
};

// To an integral value in the type itself.
enum class Integral { rni, rzi, rmi, rpi };
template <Integral integral>
inline constexpr const char* integral_name = integral == Integral::rni   ? "rni"
                                             : integral == Integral::rzi ? "rzi"
                                             : integral == Integral::rmi ? "rmi"
                                                                         : "rpi";
template <Integral integral>
ATTEST_INLINE float to_integral(float value) {
  if constexpr (integral == Integral::rni) return __builtin_rintf(value);
  if constexpr (integral == Integral::rzi) return __builtin_truncf(value);
  if constexpr (integral == Integral::rmi) return __builtin_floorf(value);
  return __builtin_ceilf(value);
}
template <Integral integral>
ATTEST_INLINE double to_integral(double value) {
  if constexpr (integral == Integral::rni) return __builtin_rint(value);
  if constexpr (integral == Integral::rzi) return __builtin_trunc(value);
  if constexpr (integral == Integral::rmi) return __builtin_floor(value);
  return __builtin_ceil(value);
}
template <class T, Integral integral, bool ftz, bool sat>
struct RoundToIntegral {
  ATTEST_INLINE typename T::Value apply(typename T::Value value) {
    if constexpr (ftz) value = flushed(value);
    value = to_integral<integral>(value);
    if constexpr (sat) value = saturated_to_one(value);
    return value;
  }
};

// Float to integer: beyond the range its end. NaN gives 0, or the top bit alone where f64 or a 64-bit type is involved.
template <class D, class S, Integral integral, bool ftz>
struct FloatToInteger {
  using I = typename D::Value;
  ATTEST_INLINE I apply(typename S::Value source) {
    if constexpr (ftz) source = flushed(source);
    constexpr bool wide = std::is_same_v<S, F64> || D::bits == 64;
    constexpr I of_nan = wide ? static_cast<I>(std::uint64_t{1} << (D::bits - 1)) : I{0};
    const auto integral_value = to_integral<integral>(source);
    if constexpr (D::bits == 64) {
      constexpr double end = is_signed_value<I> ? 0x1p63 : 0x1p64;
      const auto value = static_cast<double>(integral_value);
      if (value != value) return of_nan;
      if (value >= end) return Limits<I>::max();
      if (value < (is_signed_value<I> ? -end : 0.0)) return Limits<I>::min();
      return static_cast<I>(value);
    } else {
      constexpr double low = static_cast<double>(Limits<I>::min());
      constexpr double high = static_cast<double>(Limits<I>::max());
      double value = static_cast<double>(integral_value);
      const bool is_nan = value != value;
      value = value > low ? value : low;
      value = value < high ? value : high;
      if constexpr (std::is_same_v<I, std::uint32_t>) {
        // By way of the signed conversion, which every instruction set has.
        const auto shifted = static_cast<std::int32_t>(value - 0x1p31);
        return is_nan ? of_nan : static_cast<std::uint32_t>(shifted) ^ 0x80000000u;
      } else {
        const auto number = static_cast<I>(static_cast<std::int32_t>(value));
        return is_nan ? of_nan : number;
      }
    }
  }
};

template <class D, class S, Rounding rounding>
ATTEST_DESCRIBES void add_narrowing(FormSink& sink) {
  constexpr const char* round = rounding_name<rounding>;
  const auto one = [&]<bool ftz, bool sat, bool relu, bool finite = false>() {
    sink.add({"cvt", round, ftz ? "ftz" : "", relu ? "relu" : "", sat ? "sat" : "", finite ? "satfinite" : "", D::name,
              S::name},
             operands<out<D>(), in<S>()>,
             {.run = convert_handler<D, S, rounding, ConvertFloat<D, S, rounding, ftz, sat, relu, finite>>(),
              .kind = Class::floating});
  };
  one.template operator()<false, false, false>();
  // bf16 knows no .sat, and .ftz of what is narrowed to it alone.
  if constexpr (std::is_same_v<D, BF16> && std::is_same_v<S, F32>) one.template operator()<true, false, false>();
  if constexpr (!std::is_same_v<D, BF16> && !std::is_same_v<S, BF16>) {
    one.template operator()<false, true, false>();
    if constexpr (std::is_same_v<S, F32> || std::is_same_v<D, F32>) {
      one.template operator()<true, false, false>();
      one.template operator()<true, true, false>();
    }
  }
  if constexpr (std::is_same_v<S, F32> && D::bits == 16 && (rounding == Rounding::rn || rounding == Rounding::rz)) {
    one.template operator()<false, false, true>();
    one.template operator()<false, false, false, true>();
    one.template operator()<false, false, true, true>();
  }
}

// cvt.rn.f16x2.f32 d, a, b: a above, b below.
template <class D, Rounding rounding, bool relu, bool finite>
struct ConvertPair {
  using Half = ConvertFloat<D, F32, rounding, false, false, relu, finite>;
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b) {
    return (Half::apply(a) << 16) | Half::apply(b);
  }
};

// tf32 keeps 10 bits of fraction in a float's place; rna: ties away from zero.
template <Rounding rounding, bool relu, bool finite_only>
struct ConvertTf32 {
  ATTEST_INLINE std::uint32_t apply(float value) {
    if constexpr (relu) value = without_negatives(value);
    std::uint32_t bits = as_bits(value);
    const std::uint32_t added = rounding == Rounding::none ? 0x1000u
                                : rounding == Rounding::rn ? 0xfffu + ((bits >> 13) & 1u)
                                                           : 0u;
    const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    bits = finite ? (bits + added) & 0xffffe000u : bits;
    if constexpr (finite_only) bits = (bits & 0x7fffffffu) == 0x7f800000u ? bits - 0x2000u : bits;
    return value != value ? canonical_nan : bits;
  }
};

// cvt.pack: a and b saturated, a above b; with c, its low half goes above both.
template <class I>
struct PackSaturated {
  static constexpr int bits = sizeof(I) * 8;
  ATTEST_INLINE std::uint32_t part(std::int32_t value) {
    using U = std::make_unsigned_t<I>;
    return static_cast<U>(ConvertInteger::Saturating<I, std::int32_t>::apply(value));
  }
  ATTEST_INLINE std::uint32_t apply(std::int32_t a, std::int32_t b) { return (part(a) << bits) | part(b); }
  ATTEST_INLINE std::uint32_t apply(std::int32_t a, std::int32_t b, std::uint32_t c) {
    return (c << (2 * bits)) | apply(a, b);
  }
};

template <class D, class S>
ATTEST_DESCRIBES void add_integer_conversion(FormSink& sink) {
  using From = typename S::Value;
  using To = typename D::Value;
  constexpr OperandForm d = may_be_wider<D>(out<D>());
  constexpr OperandForm s = may_be_wider<S>(in<S>());
  sink.add({"cvt", D::name, S::name}, operands<d, s>,
           {.run = Map<typename ConvertInteger::To<To, From>, D, S>::run, .kind = Class::integer});
  // PTX knows .sat only where a value can lie outside.
  constexpr bool fits = S::is_signed   ? D::is_signed && S::bits <= D::bits
                        : D::is_signed ? S::bits < D::bits
                                       : S::bits <= D::bits;
  if constexpr (!fits)
    sink.add({"cvt.sat", D::name, S::name}, operands<d, s>,
             {.run = Map<typename ConvertInteger::Saturating<To, From>, D, S>::run, .kind = Class::integer});
}
template <class D, class S, Rounding rounding>
ATTEST_DESCRIBES void add_from_integer(FormSink& sink) {
  sink.add({"cvt", rounding_name<rounding>, D::name, S::name}, operands<out<D>(), may_be_wider<S>(in<S>())>,
           {.run = convert_handler<D, S, rounding, IntegerToFloat<D, S, rounding>>(), .kind = Class::floating});
}
template <class D, class S, bool ftz>
ATTEST_DESCRIBES void add_to_integer(FormSink& sink) {
  each_value<Integral::rni, Integral::rzi, Integral::rmi, Integral::rpi>([&]<Integral integral>() {
    // .sat changes nothing here.
    for (const char* saturate : {"", "sat"}) {
      if (std::is_same_v<S, BF16> && *saturate != '\0') continue;
      sink.add({"cvt", integral_name<integral>, ftz ? "ftz" : "", saturate, D::name, S::name},
               operands<may_be_wider<D>(out<D>()), in<S>()>,
               {.run = Map<FloatToInteger<D, S, integral, ftz>, D, S>::run, .kind = Class::floating});
    }
  });
}
template <class T, bool ftz>
ATTEST_DESCRIBES void add_to_integral(FormSink& sink) {
  each_value<false, true>([&]<bool sat>() {
    if constexpr (sat && std::is_same_v<T, BF16>)
      return;
    else
      each_value<Integral::rni, Integral::rzi, Integral::rmi, Integral::rpi>([&]<Integral integral>() {
        sink.add({"cvt", integral_name<integral>, ftz ? "ftz" : "", sat ? "sat" : "", T::name, T::name},
                 operands<out<T>(), in<T>()>,
                 {.run = Map<RoundToIntegral<T, integral, ftz, sat>, T, T>::run, .kind = Class::floating});
      });
  });
}

ATTEST_DESCRIBES void add_convert(FormSink& sink) {
  const auto each_integer = []<class F>(F f) { each_type<U8, S8, U16, S16, U32, S32, U64, S64>(f); };
  const auto each_float = []<class F>(F f) { each_type<F32, F64, F16, BF16>(f); };
  each_integer([&]<class D>() { each_integer([&]<class S>() { add_integer_conversion<D, S>(sink); }); });
  each_integer([&]<class I>() {
    each_value<Rounding::rn, Rounding::rz, Rounding::rm, Rounding::rp>(
        [&]<Rounding rounding>() { each_float([&]<class F>() { add_from_integer<F, I, rounding>(sink); }); });
    each_float([&]<class F>() { add_to_integer<I, F, false>(sink); });
    add_to_integer<I, F32, true>(sink);
  });
  each_float([&]<class F>() { add_to_integral<F, false>(sink); });
  add_to_integral<F32, true>(sink);

  // Exact: to a wider type, or to the same.
  each_float([&]<class F>() { add_narrowing<F, F, Rounding::none>(sink); });
  each_type<F16, BF16>([&]<class H>() {
    add_narrowing<F32, H, Rounding::none>(sink);
    add_narrowing<F64, H, Rounding::none>(sink);
  });
  add_narrowing<F64, F32, Rounding::none>(sink);
  each_value<Rounding::rn, Rounding::rz, Rounding::rm, Rounding::rp>([&]<Rounding rounding>() {
    each_type<F16, BF16>([&]<class H>() {
      add_narrowing<H, F32, rounding>(sink);
      add_narrowing<H, F64, rounding>(sink);
    });
    add_narrowing<F32, F64, rounding>(sink);
    add_narrowing<BF16, F16, rounding>(sink);
    add_narrowing<F16, BF16, rounding>(sink);
  });
  each_value<Rounding::rn, Rounding::rz>([&]<Rounding rounding>() {
    each_value<false, true>([&]<bool relu>() {
      constexpr const char* round = rounding_name<rounding>;
      constexpr const char* clip = relu ? "relu" : "";
      each_value<false, true>([&]<bool finite>() {
        const char* const saturate = finite ? "satfinite" : "";
        sink.add({"cvt", round, clip, saturate, "f16x2.f32"}, operands<out<B32>(), in<F32>(), in<F32>()>,
                 {.run = Map<ConvertPair<F16, rounding, relu, finite>, B32, B32, B32>::run, .kind = Class::floating});
        sink.add({"cvt", round, clip, saturate, "bf16x2.f32"}, operands<out<B32>(), in<F32>(), in<F32>()>,
                 {.run = Map<ConvertPair<BF16, rounding, relu, finite>, B32, B32, B32>::run, .kind = Class::floating});
      });
      add_map<ConvertTf32<rounding, relu, false>, B32, F32>(sink, {"cvt", round, clip, "tf32.f32"}, Class::floating);
    });
  });
  add_map<ConvertTf32<Rounding::none, false, false>, B32, F32>(sink, {"cvt.rna.tf32.f32"}, Class::floating);
  add_map<ConvertTf32<Rounding::none, false, true>, B32, F32>(sink, {"cvt.rna.satfinite.tf32.f32"}, Class::floating);
  add_map<PackSaturated<std::int16_t>, B32, S32, S32>(sink, {"cvt.pack.sat.s16.s32"});
  add_map<PackSaturated<std::uint16_t>, B32, S32, S32>(sink, {"cvt.pack.sat.u16.s32"});
  add_map<PackSaturated<std::int8_t>, B32, S32, S32, B32>(sink, {"cvt.pack.sat.s8.s32.b32"});
  add_map<PackSaturated<std::uint8_t>, B32, S32, S32, B32>(sink, {"cvt.pack.sat.u8.s32.b32"});
}
