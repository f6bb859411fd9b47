// Integer arithmetic: add to rem, extended precision with the carry flag, saturation, dot products of bytes.

// mul24: the low 24 bits of each operand, sign-extended where signed; lo: bits 0 to 31 of the product, hi: 16 to 47.
template <class V>
ATTEST_INLINE std::int64_t product_of_24(V a, V b) {
  if constexpr (is_signed_value<V>)
    return std::int64_t{static_cast<std::int32_t>(raw(a) << 8) >> 8} * (static_cast<std::int32_t>(raw(b) << 8) >> 8);
  else
    return static_cast<std::int64_t>(std::uint64_t{a & 0xffffffu} * (b & 0xffffffu));
}
template <int shift>
struct Multiply24 {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return static_cast<V>(product_of_24(a, b) >> shift);
  }
};

// Division by zero gives all ones on hardware, its remainder the dividend; PTX leaves both open.
struct Divide {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    if (b == 0) return static_cast<V>(~raw(V{0}));
    if (is_signed_value<V> && b == V(-1)) return wrapped<V>(0u - raw(a));
    return static_cast<V>(a / b);
  }
};
struct Remainder {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    if (b == 0) return a;
    if (is_signed_value<V> && b == V(-1)) return 0;
    return static_cast<V>(a % b);
  }
};
struct Absolute {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return a < 0 ? wrapped<V>(0u - raw(a)) : a;
  }
};
struct Negate {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return wrapped<V>(0u - raw(a));
  }
};
template <class Op>
struct ThenRelu {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    const V value = Op::apply(a, b);
    return value < 0 ? V{0} : value;
  }
};
struct SumOfAbsoluteDifference {
  template <class V>
  ATTEST_INLINE V apply(V a, V b, V c) {
    return wrapped<V>(raw(c) + (a < b ? raw(b) - raw(a) : raw(a) - raw(b)));
  }
};
// Two 16-bit values in a word, each by itself.
template <class Op, class V>
struct Packed16 {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b) {
    const V low = Op::template apply<V>(static_cast<V>(a), static_cast<V>(b));
    const V high = Op::template apply<V>(static_cast<V>(a >> 16), static_cast<V>(b >> 16));
    return static_cast<std::uint16_t>(low) | (std::uint32_t{static_cast<std::uint16_t>(high)} << 16);
  }
};

// dp4a: four products of bytes and c. dp2a: the two halves of a with the low or the high two bytes of b.
template <class A, class B>
struct Dot4 {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    for (int shift = 0; shift < 32; shift += 8)
      c += static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<A>(a >> shift)) *
                                      static_cast<std::int32_t>(static_cast<B>(b >> shift)));
    return c;
  }
};
template <class A, class B, int first>
struct Dot2 {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    for (int k = 0; k < 2; ++k)
      c += static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<A>(a >> (16 * k)))) *
           static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<B>(b >> (8 * (first + k)))));
    return c;
  }
};

// Extended precision. The carry flag is the carry of an addition, the borrow of a subtraction.
enum class Carry { add, subtract, multiply_low, multiply_high };
template <class T, Carry operation, bool takes_carry, bool sets_carry>
struct WithCarry {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    using Lane = typename T::Lane;
    constexpr bool multiplies = operation == Carry::multiply_low || operation == Carry::multiply_high;
    const Lane* a = warp.source_as<Lane>(instruction.operand[1]);
    const Lane* b = warp.source_as<Lane>(instruction.operand[2]);
    const Lane* c = multiplies ? warp.source_as<Lane>(instruction.operand[3]) : nullptr;
    Lane* d = warp.destination<Lane>(instruction.operand[0]);
    const Mask carries = warp.predicate(predicate_carry);
    Mask out = 0;
    for (int lane = 0; lane < warp_lanes; ++lane) {
      if (!holds<Lane>(active, lane)) continue;
      Lane x = a[lane];
      Lane y = b[lane];
      if constexpr (operation == Carry::multiply_low) x = MultiplyLow::apply(x, y);
      if constexpr (operation == Carry::multiply_high) x = T::store(MultiplyHigh::apply(T::load(x), T::load(y)));
      if constexpr (multiplies) y = c[lane];
      const Lane carry = takes_carry && holds<Lane>(carries, lane) ? 1 : 0;
      Lane result = 0;
      bool carried = false;
      if constexpr (operation == Carry::subtract) {
        result = x - y - carry;
        carried = x < y || (x == y && carry != 0);
      } else {
        result = x + y + carry;
        carried = result < x || (carry != 0 && result == x);
      }
      if (carried) out |= Mask{1} << lane;
      d[lane] = result;
    }
    if constexpr (sets_carry) warp.set_predicate(predicate_carry, out, active);
  }
};

template <class T>
ATTEST_DESCRIBES void add_carries(FormSink& sink) {
  const auto three = [&](const char* opcode, const char* suffix, Handler run) {
    sink.add({opcode, suffix, T::name}, operands<out<T>(), in<T>(), in<T>()>, {.run = run});
  };
  three("add.cc", "", WithCarry<T, Carry::add, false, true>::run);
  three("addc", "", WithCarry<T, Carry::add, true, false>::run);
  three("addc", "cc", WithCarry<T, Carry::add, true, true>::run);
  three("sub.cc", "", WithCarry<T, Carry::subtract, false, true>::run);
  three("subc", "", WithCarry<T, Carry::subtract, true, false>::run);
  three("subc", "cc", WithCarry<T, Carry::subtract, true, true>::run);
  const auto four = [&](const char* opcode, const char* suffix, Handler run) {
    sink.add({opcode, suffix, T::name}, operands<out<T>(), in<T>(), in<T>(), in<T>()>, {.run = run});
  };
  four("mad.lo", "cc", WithCarry<T, Carry::multiply_low, false, true>::run);
  four("mad.hi", "cc", WithCarry<T, Carry::multiply_high, false, true>::run);
  four("madc.lo", "", WithCarry<T, Carry::multiply_low, true, false>::run);
  four("madc.lo", "cc", WithCarry<T, Carry::multiply_low, true, true>::run);
  four("madc.hi", "", WithCarry<T, Carry::multiply_high, true, false>::run);
  four("madc.hi", "cc", WithCarry<T, Carry::multiply_high, true, true>::run);
}

template <class T, class Wide>
ATTEST_DESCRIBES void add_wide(FormSink& sink) {
  add_map<MultiplyWide, Wide, T, T>(sink, {"mul.wide", T::name});
  add_map<MultiplyAdd<MultiplyWide>, Wide, T, T, Wide>(sink, {"mad.wide", T::name});
}

ATTEST_DESCRIBES void add_integer(FormSink& sink) {
  each_type<U16, S16, U32, S32, U64, S64>([&]<class T>() {
    add_map<Add, T, T, T>(sink, {"add", T::name});
    add_map<Subtract, T, T, T>(sink, {"sub", T::name});
    add_map<MultiplyLow, T, T, T>(sink, {"mul.lo", T::name});
    add_map<MultiplyHigh, T, T, T>(sink, {"mul.hi", T::name});
    add_map<MultiplyAdd<MultiplyLow>, T, T, T, T>(sink, {"mad.lo", T::name});
    add_map<MultiplyAdd<MultiplyHigh>, T, T, T, T>(sink, {"mad.hi", T::name});
    add_map<Divide, T, T, T>(sink, {"div", T::name});
    add_map<Remainder, T, T, T>(sink, {"rem", T::name});
    add_map<Minimum, T, T, T>(sink, {"min", T::name});
    add_map<Maximum, T, T, T>(sink, {"max", T::name});
    add_map<SumOfAbsoluteDifference, T, T, T, T>(sink, {"sad", T::name});
  });
  each_type<S16, S32, S64>([&]<class T>() {
    add_map<Absolute, T, T>(sink, {"abs", T::name});
    add_map<Negate, T, T>(sink, {"neg", T::name});
  });
  add_wide<U16, U32>(sink);
  add_wide<S16, S32>(sink);
  add_wide<U32, U64>(sink);
  add_wide<S32, S64>(sink);
  add_map<AddSaturating, S32, S32, S32>(sink, {"add.sat.s32"});
  add_map<SubtractSaturating, S32, S32, S32>(sink, {"sub.sat.s32"});
  add_map<MultiplyHighAddSaturating, S32, S32, S32, S32>(sink, {"mad.hi.sat.s32"});
  each_type<U32, S32>([&]<class T>() {
    add_map<Multiply24<0>, T, T, T>(sink, {"mul24.lo", T::name});
    add_map<Multiply24<16>, T, T, T>(sink, {"mul24.hi", T::name});
    add_map<MultiplyAdd<Multiply24<0>>, T, T, T, T>(sink, {"mad24.lo", T::name});
    add_map<MultiplyAdd<Multiply24<16>>, T, T, T, T>(sink, {"mad24.hi", T::name});
  });
  add_map<Packed16<Add, std::uint16_t>, B32, B32, B32>(sink, {"add.u16x2"});
  add_map<Packed16<Add, std::int16_t>, B32, B32, B32>(sink, {"add.s16x2"});
  add_map<Packed16<Minimum, std::uint16_t>, B32, B32, B32>(sink, {"min.u16x2"});
  add_map<Packed16<Maximum, std::uint16_t>, B32, B32, B32>(sink, {"max.u16x2"});
  add_map<Packed16<Minimum, std::int16_t>, B32, B32, B32>(sink, {"min.s16x2"});
  add_map<Packed16<Maximum, std::int16_t>, B32, B32, B32>(sink, {"max.s16x2"});
  add_map<Packed16<ThenRelu<Minimum>, std::int16_t>, B32, B32, B32>(sink, {"min.relu.s16x2"});
  add_map<Packed16<ThenRelu<Maximum>, std::int16_t>, B32, B32, B32>(sink, {"max.relu.s16x2"});
  add_map<ThenRelu<Minimum>, S32, S32, S32>(sink, {"min.relu.s32"});
  add_map<ThenRelu<Maximum>, S32, S32, S32>(sink, {"max.relu.s32"});
  each_type<U32, S32, U64, S64>([&]<class T>() { add_carries<T>(sink); });

  using s8 = std::int8_t;
  using u8 = std::uint8_t;
  using s16 = std::int16_t;
  using u16 = std::uint16_t;
  add_map<Dot4<u8, u8>, U32, U32, U32, U32>(sink, {"dp4a.u32.u32"});
  add_map<Dot4<u8, s8>, S32, U32, S32, S32>(sink, {"dp4a.u32.s32"});
  add_map<Dot4<s8, u8>, S32, S32, U32, S32>(sink, {"dp4a.s32.u32"});
  add_map<Dot4<s8, s8>, S32, S32, S32, S32>(sink, {"dp4a.s32.s32"});
  add_map<Dot2<u16, u8, 0>, U32, U32, U32, U32>(sink, {"dp2a.lo.u32.u32"});
  add_map<Dot2<u16, s8, 0>, S32, U32, S32, S32>(sink, {"dp2a.lo.u32.s32"});
  add_map<Dot2<s16, u8, 0>, S32, S32, U32, S32>(sink, {"dp2a.lo.s32.u32"});
  add_map<Dot2<s16, s8, 0>, S32, S32, S32, S32>(sink, {"dp2a.lo.s32.s32"});
  add_map<Dot2<u16, u8, 2>, U32, U32, U32, U32>(sink, {"dp2a.hi.u32.u32"});
  add_map<Dot2<u16, s8, 2>, S32, U32, S32, S32>(sink, {"dp2a.hi.u32.s32"});
  add_map<Dot2<s16, u8, 2>, S32, S32, U32, S32>(sink, {"dp2a.hi.s32.u32"});
  add_map<Dot2<s16, s8, 2>, S32, S32, S32, S32>(sink, {"dp2a.hi.s32.s32"});
}
