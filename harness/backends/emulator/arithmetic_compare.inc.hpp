// setp, set and testp.

enum class Compare { eq, ne, lt, le, gt, ge, lo, ls, hi, hs, equ, neu, ltu, leu, gtu, geu, num, nan };
inline constexpr const char* compare_names[] = {"eq", "ne",  "lt",  "le",  "gt",  "ge",  "lo",  "ls",  "hi",
                                                "hs", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
template <Compare compare>
inline constexpr const char* compare_name = compare_names[static_cast<int>(compare)];

// eq to ge are false when an operand is NaN, ne included; equ to geu are true then.
template <Compare compare, class V>
ATTEST_INLINE bool compared(V a, V b) {
  if constexpr (compare == Compare::eq) {
    return a == b;
  } else if constexpr (compare == Compare::ne) {
    if constexpr (std::is_floating_point_v<V>)
      return a < b || a > b;
    else
      return a != b;
  } else if constexpr (compare == Compare::lt || compare == Compare::lo) {
    return a < b;
  } else if constexpr (compare == Compare::le || compare == Compare::ls) {
    return a <= b;
  } else if constexpr (compare == Compare::gt || compare == Compare::hi) {
    return a > b;
  } else if constexpr (compare == Compare::ge || compare == Compare::hs) {
    return a >= b;
  } else if constexpr (compare == Compare::equ) {
    return !(a < b || a > b);
  } else if constexpr (compare == Compare::neu) {
    return a != b;
  } else if constexpr (compare == Compare::ltu) {
    return !(a >= b);
  } else if constexpr (compare == Compare::leu) {
    return !(a > b);
  } else if constexpr (compare == Compare::gtu) {
    return !(a <= b);
  } else if constexpr (compare == Compare::geu) {
    return !(a < b);
  } else if constexpr (compare == Compare::num) {
    return a == a && b == b;
  } else {
    return a != a || b != b;
  }
}

enum class Combine { none, both, either, one };
template <Combine combine>
inline constexpr const char* combine_name = combine == Combine::none     ? ""
                                            : combine == Combine::both   ? "and"
                                            : combine == Combine::either ? "or"
                                                                         : "xor";
template <Combine combine>
ATTEST_INLINE Mask combined(Mask compared_lanes, Mask other) {
  if constexpr (combine == Combine::both) return compared_lanes & other;
  if constexpr (combine == Combine::either) return compared_lanes | other;
  if constexpr (combine == Combine::one) return compared_lanes ^ other;
  return compared_lanes;
}

// The value, flushed where asked and possible: integers and doubles have no .ftz. A subnormal half is no subnormal
// float.
template <class T, bool ftz>
ATTEST_INLINE auto prepared(typename T::Lane lane) {
  if constexpr (ftz && T::bits == 16)
    return T::load((lane & 0x7c00u) == 0 ? lane & 0x8000u : lane);
  else if constexpr (ftz)
    return flushed(T::load(lane));
  else
    return T::load(lane);
}

template <class T, Compare compare, bool ftz>
[[gnu::noinline]] Mask compare_lanes(const typename T::Lane* a, const typename T::Lane* b) {
  return collect<typename T::Lane>([=](int lane) __attribute__((always_inline)) {
    return compared<compare>(prepared<T, ftz>(a[lane]), prepared<T, ftz>(b[lane]));
  });
}
// One half of packed operands.
template <class T, Compare compare, bool ftz, int shift>
[[gnu::noinline]] Mask compare_halves(const std::uint32_t* a, const std::uint32_t* b) {
  return collect<std::uint32_t>([=](int lane) __attribute__((always_inline)) {
    return compared<compare>(prepared<T, ftz>((a[lane] >> shift) & 0xffffu),
                             prepared<T, ftz>((b[lane] >> shift) & 0xffffu));
  });
}

// setp: p, q, a, b[, c]. p = t op c and q = !t op c. Scalars of 16 bits have no q: `first` is the index of a.
template <class T, Compare compare, bool ftz, Combine combine, int first>
void set_predicates(const Instruction& instruction, Warp& warp, Mask active) {
  using Lane = typename T::Lane;
  const Mask t = compare_lanes<T, compare, ftz>(warp.source_as<Lane>(instruction.operand[first]),
                                                warp.source_as<Lane>(instruction.operand[first + 1]));
  const Mask other = combine == Combine::none ? 0u : predicate_source(instruction, warp, first + 2);
  warp.set_predicate(instruction.operand[0], combined<combine>(t, other), active);
  if constexpr (first == 2) warp.set_predicate(instruction.operand[1], combined<combine>(~t, other), active);
}
// setp on packed halves: p of the low ones, q of the high ones.
template <class T, Compare compare, bool ftz, Combine combine>
void set_predicates_packed(const Instruction& instruction, Warp& warp, Mask active) {
  const auto* a = warp.source_as<std::uint32_t>(instruction.operand[2]);
  const auto* b = warp.source_as<std::uint32_t>(instruction.operand[3]);
  const Mask low = compare_halves<T, compare, ftz, 0>(a, b);
  const Mask high = compare_halves<T, compare, ftz, 16>(a, b);
  const Mask other = combine == Combine::none ? 0u : predicate_source(instruction, warp, 4);
  warp.set_predicate(instruction.operand[0], combined<combine>(low, other), active);
  warp.set_predicate(instruction.operand[1], combined<combine>(high, other), active);
}

// What set writes for true: all ones, or 1.0.
struct TrueWord {
  static constexpr std::uint32_t value = 0xffffffffu;
};
struct TrueHalfWord {
  static constexpr std::uint32_t value = 0xffffu;
};
struct TrueFloat {
  static constexpr std::uint32_t value = 0x3f800000u;
};
struct TrueHalf {
  static constexpr std::uint32_t value = 0x3c00u;
};
struct TrueBfloat {
  static constexpr std::uint32_t value = 0x3f80u;
};
template <class True>
[[gnu::noinline]] void write_truth(std::uint32_t* d, Mask result, Mask active) {
  write_lanes(
      d, active, [=](int lane) __attribute__((always_inline)) {
        return holds<std::uint32_t>(result, lane) ? True::value : 0u;
      });
}
template <class True>
[[gnu::noinline]] void write_truths(std::uint32_t* d, Mask low, Mask high, Mask active) {
  write_lanes(
      d, active, [=](int lane) __attribute__((always_inline)) {
        return (holds<std::uint32_t>(low, lane) ? True::value : 0u) |
               (holds<std::uint32_t>(high, lane) ? True::value << 16 : 0u);
      });
}

// set: d, a, b[, c].
template <class True, class T, Compare compare, bool ftz, Combine combine>
void set_value(const Instruction& instruction, Warp& warp, Mask active) {
  using Lane = typename T::Lane;
  const Mask t = compare_lanes<T, compare, ftz>(warp.source_as<Lane>(instruction.operand[1]),
                                                warp.source_as<Lane>(instruction.operand[2]));
  const Mask other = combine == Combine::none ? 0u : predicate_source(instruction, warp, 3);
  write_truth<True>(warp.destination<std::uint32_t>(instruction.operand[0]), combined<combine>(t, other), active);
}
template <class True, class T, Compare compare, bool ftz, Combine combine>
void set_value_packed(const Instruction& instruction, Warp& warp, Mask active) {
  const auto* a = warp.source_as<std::uint32_t>(instruction.operand[1]);
  const auto* b = warp.source_as<std::uint32_t>(instruction.operand[2]);
  const Mask other = combine == Combine::none ? 0u : predicate_source(instruction, warp, 3);
  write_truths<True>(warp.destination<std::uint32_t>(instruction.operand[0]),
                     combined<combine>(compare_halves<T, compare, ftz, 0>(a, b), other),
                     combined<combine>(compare_halves<T, compare, ftz, 16>(a, b), other), active);
}

// lo to hs are lt to ge under names for unsigned integers: they share handlers.
template <Compare compare>
inline constexpr Compare canonical = compare == Compare::lo   ? Compare::lt
                                     : compare == Compare::ls ? Compare::le
                                     : compare == Compare::hi ? Compare::gt
                                     : compare == Compare::hs ? Compare::ge
                                                              : compare;

// The operand c is there only where it is combined.
template <class True, class T, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_set(FormSink& sink, const char* destination) {
  constexpr OperandForm d = True::value > 0xffffu ? out<B32>() : out<B16>();
  constexpr std::span<const OperandForm> forms = operands<d, in<T>(), in<T>(), in_predicate()>;
  each_value<Combine::none, Combine::both, Combine::either, Combine::one>([&]<Combine combine>() {
    sink.add({"set", compare_name<compare>, combine_name<combine>, ftz ? "ftz" : "", destination, T::name},
             combine == Combine::none ? forms.first(3) : forms,
             {.run = set_value<True, T, canonical<compare>, ftz, combine>,
              .kind = T::is_float ? Class::floating : Class::integer});
  });
}
template <class True, class T, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_set_packed(FormSink& sink, const char* destination, const char* source) {
  constexpr std::span<const OperandForm> forms = operands<out<B32>(), in<B32>(), in<B32>(), in_predicate()>;
  each_value<Combine::none, Combine::both, Combine::either, Combine::one>([&]<Combine combine>() {
    sink.add({"set", compare_name<compare>, combine_name<combine>, ftz ? "ftz" : "", destination, source},
             combine == Combine::none ? forms.first(3) : forms,
             {.run = set_value_packed<True, T, compare, ftz, combine>, .kind = Class::floating});
  });
}

template <Compare compare, bool ftz, Combine combine>
ATTEST_DESCRIBES void add_setp_row(FormSink& sink, const char* type, std::span<const OperandForm> forms, Handler run,
                                   Class kind) {
  // The operand c is there only where it is combined.
  sink.add({"setp", compare_name<compare>, combine_name<combine>, ftz ? "ftz" : "", type},
           combine == Combine::none ? forms.first(forms.size() - 1) : forms, {.run = run, .kind = kind});
}
template <class T, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_setp(FormSink& sink) {
  each_value<Combine::none, Combine::both, Combine::either, Combine::one>([&]<Combine combine>() {
    constexpr bool one = T::is_float && T::bits == 16;
    constexpr std::span<const OperandForm> forms =
        one ? operands<out_predicate(), in<T>(), in<T>(), in_predicate()>
            : operands<out_predicate(), out_predicate(true), in<T>(), in<T>(), in_predicate()>;
    add_setp_row<compare, ftz, combine>(sink, T::name, forms, set_predicates < T, canonical<compare>, ftz, combine,
                                        one ? 1 : 2 >, T::is_float ? Class::floating : Class::integer);
  });
}
template <class T, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_setp_packed(FormSink& sink, const char* type) {
  each_value<Combine::none, Combine::both, Combine::either, Combine::one>([&]<Combine combine>() {
    add_setp_row<compare, ftz, combine>(
        sink, type, operands<out_predicate(), out_predicate(true), in<B32>(), in<B32>(), in_predicate()>,
        set_predicates_packed<T, compare, ftz, combine>, Class::floating);
  });
}

// f<compare>() for the comparisons of floating types, of signed and of unsigned integers.
template <class F>
ATTEST_INLINE void each_float_compare(F f) {
  each_value<Compare::eq, Compare::ne, Compare::lt, Compare::le, Compare::gt, Compare::ge, Compare::equ, Compare::neu,
             Compare::ltu, Compare::leu, Compare::gtu, Compare::geu, Compare::num, Compare::nan>(f);
}
template <class T, class F>
ATTEST_INLINE void each_integer_compare(F f) {
  each_value<Compare::eq, Compare::ne>(f);
  if constexpr (T::name[0] != 'b') each_value<Compare::lt, Compare::le, Compare::gt, Compare::ge>(f);
  if constexpr (T::name[0] == 'u') each_value<Compare::lo, Compare::ls, Compare::hi, Compare::hs>(f);
}

// testp: what a value is, by its bits.
enum class Kind { finite, infinite, number, not_a_number, normal, subnormal };
template <class T, Kind kind>
void test_kind(const Instruction& instruction, Warp& warp, Mask active) {
  using Lane = typename T::Lane;
  constexpr int fraction = T::bits == 64 ? 52 : 23;
  [[maybe_unused]] constexpr Lane infinity =
      T::bits == 64 ? Lane{0x7ff} << (fraction & 63) : Lane{0xff} << (fraction & 31);
  const Lane* a = warp.source_as<Lane>(instruction.operand[1]);
  const Mask result = collect<Lane>([=](int lane) __attribute__((always_inline)) {
    const Lane size = static_cast<Lane>(a[lane] << 1) >> 1;
    if constexpr (kind == Kind::finite) return size < infinity;
    if constexpr (kind == Kind::infinite) return size == infinity;
    if constexpr (kind == Kind::number) return size <= infinity;
    if constexpr (kind == Kind::not_a_number) return size > infinity;
    // Zeros count as normal.
    if constexpr (kind == Kind::normal) return size == 0 || (size < infinity && size >= (Lane{1} << fraction));
    return size < (Lane{1} << fraction) && size != 0;
  });
  warp.set_predicate(instruction.operand[0], result, active);
}

template <class T>
ATTEST_DESCRIBES void add_testp(FormSink& sink) {
  const auto one = [&](const char* name, Handler run) {
    sink.add({"testp", name, T::name}, operands<out_predicate(), in<T>()>, {.run = run, .kind = Class::floating});
  };
  one("finite", test_kind<T, Kind::finite>);
  one("infinite", test_kind<T, Kind::infinite>);
  one("number", test_kind<T, Kind::number>);
  one("notanumber", test_kind<T, Kind::not_a_number>);
  one("normal", test_kind<T, Kind::normal>);
  one("subnormal", test_kind<T, Kind::subnormal>);
}

// Every comparison of an integer, a float or a double.
template <class T, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_whole_compare(FormSink& sink) {
  add_setp<T, compare, ftz>(sink);
  add_set<TrueWord, T, compare, ftz>(sink, "u32");
  add_set<TrueWord, T, compare, ftz>(sink, "s32");
  add_set<TrueFloat, T, compare, ftz>(sink, "f32");
}
// Every comparison of a floating type of 16 bits, of which `True` is 1.0, and of pairs of it.
template <class T, class True, Compare compare, bool ftz>
ATTEST_DESCRIBES void add_half_compare(FormSink& sink, const char* pair) {
  add_setp<T, compare, ftz>(sink);
  add_setp_packed<T, compare, ftz>(sink, pair);
  for (const char* word : {"u32", "s32"}) {
    add_set<TrueWord, T, compare, ftz>(sink, word);
    add_set_packed<TrueHalfWord, T, compare, ftz>(sink, word, pair);
  }
  for (const char* half : {"u16", "s16"})
    add_set<TrueHalfWord, T, compare, ftz>(sink, half);
  add_set<True, T, compare, ftz>(sink, T::name);
  add_set_packed<True, T, compare, ftz>(sink, pair, pair);
}

ATTEST_DESCRIBES void add_compare(FormSink& sink) {
  each_type<B16, U16, S16, B32, U32, S32, B64, U64, S64>([&]<class T>() {
    each_integer_compare<T>([&]<Compare compare>() { add_whole_compare<T, compare, false>(sink); });
  });
  each_float_compare([&]<Compare compare>() {
    each_value<false, true>([&]<bool ftz>() {
      add_whole_compare<F32, compare, ftz>(sink);
      add_half_compare<F16, TrueHalf, compare, ftz>(sink, "f16x2");
    });
    add_whole_compare<F64, compare, false>(sink);
    add_half_compare<BF16, TrueBfloat, compare, false>(sink, "bf16x2");
  });
  add_testp<F32>(sink);
  add_testp<F64>(sink);
}
