// Operations on integers that several files apply.

// Wrap-around in unsigned arithmetic of at least 32 bits, so that nothing overflows.
template <class V>
using Unsigned = std::conditional_t<sizeof(V) <= 4, std::uint32_t, std::uint64_t>;
template <class V>
ATTEST_INLINE V wrapped(Unsigned<V> value) {
  return static_cast<V>(value);
}
template <class V>
ATTEST_INLINE Unsigned<V> raw(V value) {
  return static_cast<Unsigned<V>>(value);
}
template <class V>
inline constexpr bool is_signed_value = V(-1) < V(0);
__extension__ using Signed128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;
template <std::size_t bytes, bool is_signed>
struct Double;
template <>
struct Double<2, true> {
  using Type = std::int32_t;
};
template <>
struct Double<2, false> {
  using Type = std::uint32_t;
};
template <>
struct Double<4, true> {
  using Type = std::int64_t;
};
template <>
struct Double<4, false> {
  using Type = std::uint64_t;
};
template <>
struct Double<8, true> {
  using Type = Signed128;
};
template <>
struct Double<8, false> {
  using Type = Unsigned128;
};
template <class V>
using Twice = typename Double<sizeof(V), is_signed_value<V>>::Type;

struct Add {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return wrapped<V>(raw(a) + raw(b));
  }
};
struct Subtract {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return wrapped<V>(raw(a) - raw(b));
  }
};
ATTEST_INLINE std::int32_t saturated(std::int64_t value) {
  constexpr std::int64_t low = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int32_t>::max();
  return static_cast<std::int32_t>(value < low ? low : value > high ? high : value);
}
struct AddSaturating {
  ATTEST_INLINE std::int32_t apply(std::int32_t a, std::int32_t b) { return saturated(std::int64_t{a} + b); }
};
struct SubtractSaturating {
  ATTEST_INLINE std::int32_t apply(std::int32_t a, std::int32_t b) { return saturated(std::int64_t{a} - b); }
};
struct MultiplyLow {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return wrapped<V>(raw(a) * raw(b));
  }
};
struct MultiplyHigh {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return static_cast<V>((static_cast<Twice<V>>(a) * static_cast<Twice<V>>(b)) >> (sizeof(V) * 8));
  }
};
struct MultiplyWide {
  template <class V>
  ATTEST_INLINE Twice<V> apply(V a, V b) {
    return static_cast<Twice<V>>(raw<Twice<V>>(a) * raw<Twice<V>>(b));
  }
};
template <class Multiply>
struct MultiplyAdd {
  template <class V, class C>
  ATTEST_INLINE C apply(V a, V b, C c) {
    return Add::apply<C>(Multiply::apply(a, b), c);
  }
};
struct MultiplyHighAddSaturating {
  ATTEST_INLINE std::int32_t apply(std::int32_t a, std::int32_t b, std::int32_t c) {
    return saturated(std::int64_t{MultiplyHigh::apply(a, b)} + c);
  }
};
struct Minimum {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a < b ? a : b;
  }
};
struct Maximum {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a > b ? a : b;
  }
};
struct And {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a & b;
  }
};
struct Or {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a | b;
  }
};
struct ExclusiveOr {
  template <class V>
  ATTEST_INLINE V apply(V a, V b) {
    return a ^ b;
  }
};
