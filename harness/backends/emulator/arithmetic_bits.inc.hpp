// Logic, shifts and bit fields.

struct Not {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return static_cast<V>(~a);
  }
};
struct LogicalNot {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return a == 0 ? V{1} : V{0};
  }
};
template <class Op>
void combine_predicates(const Instruction& instruction, Warp& warp, Mask active) {
  const Mask a = predicate_source(instruction, warp, 1);
  const Mask b = predicate_source(instruction, warp, 2);
  warp.set_predicate(instruction.operand[0], Op::apply(a, b), active);
}
static void invert_predicate(const Instruction& instruction, Warp& warp, Mask active) {
  warp.set_predicate(instruction.operand[0], ~predicate_source(instruction, warp, 1), active);
}

// Amounts from the width on give 0, or the sign in every bit. The shift itself stays below the width.
struct ShiftLeft {
  template <class V>
  ATTEST_INLINE V apply(V a, std::uint32_t amount) {
    constexpr std::uint32_t width = sizeof(V) * 8;
    const auto shifted = static_cast<V>(a << (amount & (width - 1)));
    return amount < width ? shifted : V{0};
  }
};
struct ShiftRight {
  template <class V>
  ATTEST_INLINE V apply(V a, std::uint32_t amount) {
    constexpr std::uint32_t width = sizeof(V) * 8;
    if constexpr (is_signed_value<V>) {
      return static_cast<V>(a >> (amount < width ? amount : width - 1));
    } else {
      const auto shifted = static_cast<V>(a >> (amount & (width - 1)));
      return amount < width ? shifted : V{0};
    }
  }
};
// shf: a 64-bit value {b, a} shifted; wrap takes the amount modulo 32, clamp at most 32.
template <bool left, bool clamp>
struct FunnelShift {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t amount) {
    const std::uint64_t both = (static_cast<std::uint64_t>(b) << 32) | a;
    const std::uint64_t n = clamp ? (amount < 32 ? amount : 32u) : amount & 31u;
    return static_cast<std::uint32_t>(left ? (both << n) >> 32 : both >> n);
  }
};

// lop3: the bit of the table at index {a, b, c}. A tree of choices, leaves by c, then b, then a. Sources are operands
// `first` to `first` + 2.
struct Lookup3 {
  static void run(const Instruction& instruction, Warp& warp, Mask active) { look_up(instruction, warp, active, 1); }
  ATTEST_INLINE void look_up(const Instruction& instruction, Warp& warp, Mask active, int first) {
    const auto* a = warp.source_as<std::uint32_t>(instruction.operand[first]);
    const auto* b = warp.source_as<std::uint32_t>(instruction.operand[first + 1]);
    const auto* c = warp.source_as<std::uint32_t>(instruction.operand[first + 2]);
    const auto table = static_cast<std::uint32_t>(instruction.immediate);
    const auto spread = [=](int bit) { return 0u - ((table >> bit) & 1u); };
    std::uint32_t low[4];
    std::uint32_t differs[4];
    for (int pair = 0; pair < 4; ++pair) {
      low[pair] = spread(2 * pair);
      differs[pair] = low[pair] ^ spread(2 * pair + 1);
    }
    write_lanes(
        warp.destination<std::uint32_t>(instruction.operand[0]), active, [&](int lane) __attribute__((always_inline)) {
          const std::uint32_t x = a[lane];
          const std::uint32_t y = b[lane];
          const std::uint32_t z = c[lane];
          const std::uint32_t leaf0 = low[0] ^ (z & differs[0]);
          const std::uint32_t leaf1 = low[1] ^ (z & differs[1]);
          const std::uint32_t leaf2 = low[2] ^ (z & differs[2]);
          const std::uint32_t leaf3 = low[3] ^ (z & differs[3]);
          const std::uint32_t without_a = leaf0 ^ (y & (leaf0 ^ leaf1));
          const std::uint32_t with_a = leaf2 ^ (y & (leaf2 ^ leaf3));
          return without_a ^ (x & (without_a ^ with_a));
        });
  }
};

// lop3 with a predicate: whether any bit of the result is set, combined with another predicate.
template <class Op>
void look_up_and_test(const Instruction& instruction, Warp& warp, Mask active) {
  Lookup3::look_up(instruction, warp, active, 2);
  const auto* result = warp.source_as<std::uint32_t>(instruction.operand[0]);
  const Mask some = collect<std::uint32_t>([=](int lane) __attribute__((always_inline)) { return result[lane] != 0; });
  warp.set_predicate(instruction.operand[1], Op::apply(some, predicate_source(instruction, warp, 6)), active);
}

// bfe: position and length are the low bytes of b and c. Bits beyond the top repeat the sign of the field's last bit
// that exists, or are 0.
struct ExtractField {
  template <class V>
  ATTEST_INLINE V apply(V a, std::uint32_t b, std::uint32_t c) {
    constexpr std::uint32_t width = sizeof(V) * 8;
    const std::uint32_t position = b & 0xffu;
    const std::uint32_t length = c & 0xffu;
    const Unsigned<V> bits = raw(a);
    const Unsigned<V> shifted = position < width ? bits >> (position & (width - 1)) : Unsigned<V>{0};
    const Unsigned<V> mask = length < width ? (Unsigned<V>{1} << (length & (width - 1))) - 1 : ~Unsigned<V>{0};
    if constexpr (is_signed_value<V>) {
      const std::uint32_t last = position + length - 1;
      const Unsigned<V> sign = (bits >> (last < width ? last : width - 1)) & 1u;
      const Unsigned<V> fill = length == 0 ? Unsigned<V>{0} : Unsigned<V>{0} - sign;
      // The field's bits that lie inside the value; all above them are filled.
      const std::uint32_t inside = position < width ? width - position : 0u;
      const Unsigned<V> present = length < inside  ? mask
                                  : inside < width ? (Unsigned<V>{1} << (inside & (width - 1))) - 1
                                                   : ~Unsigned<V>{0};
      return static_cast<V>((shifted & present) | (fill & ~present));
    } else {
      return static_cast<V>(shifted & mask);
    }
  }
};
// bfi: the low `length` bits of a put into b at `position`; what lies beyond the top is lost.
struct InsertField {
  template <class V>
  ATTEST_INLINE V apply(V a, V b, std::uint32_t c, std::uint32_t d) {
    constexpr std::uint32_t width = sizeof(V) * 8;
    const std::uint32_t position = c & 0xffu;
    const std::uint32_t length = d & 0xffu;
    const V field = length < width ? (V{1} << (length & (width - 1))) - 1 : ~V{0};
    const V mask = position < width ? field << (position & (width - 1)) : V{0};
    return (b & ~mask) | ((a << (position & (width - 1))) & mask);
  }
};
struct ReverseBits {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    constexpr V ones = ~V{0};
    a = ((a >> 1) & (ones / 3)) | ((a & (ones / 3)) << 1);
    a = ((a >> 2) & (ones / 5)) | ((a & (ones / 5)) << 2);
    a = ((a >> 4) & (ones / 17)) | ((a & (ones / 17)) << 4);
    if constexpr (sizeof(V) == 8)
      return __builtin_bswap64(a);
    else
      return __builtin_bswap32(a);
  }
};
template <class V>
ATTEST_INLINE std::uint32_t leading_zeros(V a) {
  if (a == 0) return sizeof(V) * 8;
  if constexpr (sizeof(V) == 8)
    return static_cast<std::uint32_t>(__builtin_clzll(a));
  else
    return static_cast<std::uint32_t>(__builtin_clz(a));
}
struct CountLeadingZeros {
  template <class V>
  ATTEST_INLINE std::uint32_t apply(V a) {
    return leading_zeros(a);
  }
};
struct CountOnes {
  template <class V>
  ATTEST_INLINE std::uint32_t apply(V a) {
    constexpr V ones = ~V{0};
    a = a - ((a >> 1) & (ones / 3));
    a = (a & (ones / 5)) + ((a >> 2) & (ones / 5));
    a = (a + (a >> 4)) & (ones / 17);
    return static_cast<std::uint32_t>((a * (ones / 255)) >> (sizeof(V) * 8 - 8));
  }
};
// bfind: the highest bit that is not the sign; shiftamt: how far left that bit would have to go. None: all ones.
template <bool shift_amount>
struct FindHighestBit {
  template <class V>
  ATTEST_INLINE std::uint32_t apply(V a) {
    const Unsigned<V> bits = a < 0 ? ~raw(a) : raw(a);
    if (bits == 0) return 0xffffffffu;
    const std::uint32_t zeros = leading_zeros(bits);
    return shift_amount ? zeros : static_cast<std::uint32_t>(sizeof(V) * 8) - 1 - zeros;
  }
};
// fns: the position of the n-th set bit of a, counted from base upwards (n > 0, base included), downwards (n < 0), or
// base itself when that is set (n = 0). None: all ones.
struct FindNthSet {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t mask, std::uint32_t base, std::int32_t n) {
    if (base > 31) return 0xffffffffu;
    const int step = n < 0 ? -1 : 1;
    std::int64_t wanted = n < 0 ? -std::int64_t{n} : n;
    if (wanted == 0) return ((mask >> base) & 1u) != 0 ? base : 0xffffffffu;
    for (int position = static_cast<int>(base); position >= 0 && position < 32; position += step)
      if (((mask >> position) & 1u) != 0 && --wanted == 0) return static_cast<std::uint32_t>(position);
    return 0xffffffffu;
  }
};
// bmsk: b ones from bit a on. szext: the low b bits of a, extended to the whole word.
template <bool clamp>
struct MakeMask {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b) {
    const std::uint64_t from = a < 32 ? a : clamp ? 32u : a % 32;
    const std::uint64_t count = b < 32 ? b : clamp ? 32u : b % 32;
    return static_cast<std::uint32_t>(((std::uint64_t{1} << count) - 1) << from);
  }
};
template <bool clamp>
struct ExtendBits {
  template <class V>
  ATTEST_INLINE V apply(V a, std::uint32_t b) {
    if (clamp && b >= 32) return a;
    const std::uint32_t count = b & 31u;
    if (count == 0) return 0;
    return static_cast<V>(static_cast<V>(raw(a) << (32 - count)) >> (32 - count));
  }
};

ATTEST_DESCRIBES void add_bits(FormSink& sink) {
  each_type<B16, B32, B64>([&]<class T>() {
    add_map<And, T, T, T>(sink, {"and", T::name});
    add_map<Or, T, T, T>(sink, {"or", T::name});
    add_map<ExclusiveOr, T, T, T>(sink, {"xor", T::name});
    add_map<Not, T, T>(sink, {"not", T::name});
    add_map<LogicalNot, T, T>(sink, {"cnot", T::name});
    add_map<ShiftLeft, T, T, U32>(sink, {"shl", T::name});
    add_map<ShiftRight, T, T, U32>(sink, {"shr", T::name});
  });
  each_type<U16, S16, U32, S32, U64, S64>([&]<class T>() { add_map<ShiftRight, T, T, U32>(sink, {"shr", T::name}); });
  sink.add({"and.pred"}, operands<out_predicate(), in_predicate(), in_predicate()>, {.run = combine_predicates<And>});
  sink.add({"or.pred"}, operands<out_predicate(), in_predicate(), in_predicate()>, {.run = combine_predicates<Or>});
  sink.add({"xor.pred"}, operands<out_predicate(), in_predicate(), in_predicate()>,
           {.run = combine_predicates<ExclusiveOr>});
  sink.add({"not.pred"}, operands<out_predicate(), in_predicate()>, {.run = invert_predicate});
  sink.add({"lop3.b32"}, operands<out<B32>(), in<B32>(), in<B32>(), in<B32>(), constant_only()>, {.run = Lookup3::run});
  constexpr std::span<const OperandForm> tested =
      operands<out<B32>(), out_predicate(), in<B32>(), in<B32>(), in<B32>(), constant_only(), in_predicate()>;
  sink.add({"lop3.or.b32"}, tested, {.run = look_up_and_test<Or>});
  sink.add({"lop3.and.b32"}, tested, {.run = look_up_and_test<And>});
  sink.add({"lop3.xor.b32"}, tested, {.run = look_up_and_test<ExclusiveOr>});
  add_map<FunnelShift<true, false>, B32, B32, B32, U32>(sink, {"shf.l.wrap.b32"});
  add_map<FunnelShift<true, true>, B32, B32, B32, U32>(sink, {"shf.l.clamp.b32"});
  add_map<FunnelShift<false, false>, B32, B32, B32, U32>(sink, {"shf.r.wrap.b32"});
  add_map<FunnelShift<false, true>, B32, B32, B32, U32>(sink, {"shf.r.clamp.b32"});
  each_type<U32, S32, U64, S64>([&]<class T>() {
    add_map<ExtractField, T, T, U32, U32>(sink, {"bfe", T::name});
    add_map<FindHighestBit<false>, U32, T>(sink, {"bfind", T::name});
    add_map<FindHighestBit<true>, U32, T>(sink, {"bfind.shiftamt", T::name});
  });
  each_type<B32, B64>([&]<class T>() {
    add_map<InsertField, T, T, T, U32, U32>(sink, {"bfi", T::name});
    add_map<ReverseBits, T, T>(sink, {"brev", T::name});
    add_map<CountLeadingZeros, U32, T>(sink, {"clz", T::name});
    add_map<CountOnes, U32, T>(sink, {"popc", T::name});
  });
  add_map<FindNthSet, B32, B32, B32, S32>(sink, {"fns.b32"});
  add_map<MakeMask<true>, B32, U32, U32>(sink, {"bmsk.clamp.b32"});
  add_map<MakeMask<false>, B32, U32, U32>(sink, {"bmsk.wrap.b32"});
  each_type<U32, S32>([&]<class T>() {
    add_map<ExtendBits<true>, T, T, U32>(sink, {"szext.clamp", T::name});
    add_map<ExtendBits<false>, T, T, U32>(sink, {"szext.wrap", T::name});
  });
}
