// Floating-point arithmetic in f32 and f64 that IEEE 754 fixes to the last bit.

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
