// Rounding, flushing and saturation of floating-point results.

enum class Rounding { none, rn, rz, rm, rp };
template <Rounding rounding>
inline constexpr const char* rounding_name = rounding == Rounding::none ? ""
                                             : rounding == Rounding::rn ? "rn"
                                             : rounding == Rounding::rz ? "rz"
                                             : rounding == Rounding::rm ? "rm"
                                                                        : "rp";

// Sets the rounding of the host's arithmetic for its scope. The compiler does not know that arithmetic depends on it:
// what is rounded so stands in a function that it neither inlines nor looks into.
#if defined(__clang__)
#define ATTEST_OPAQUE [[gnu::noinline]]
#else
#define ATTEST_OPAQUE [[gnu::noipa]]
#endif
class RoundingScope {
 public:
  explicit RoundingScope(Rounding rounding) {
#if defined(__SSE2__)
    saved_ = _mm_getcsr();
    const unsigned mode = rounding == Rounding::rz   ? 3u
                          : rounding == Rounding::rm ? 1u
                          : rounding == Rounding::rp ? 2u
                                                     : 0u;
    _mm_setcsr((saved_ & ~0x6000u) | (mode << 13));
#else
    saved_ = std::fegetround();
    std::fesetround(rounding == Rounding::rz   ? FE_TOWARDZERO
                    : rounding == Rounding::rm ? FE_DOWNWARD
                    : rounding == Rounding::rp ? FE_UPWARD
                                               : FE_TONEAREST);
#endif
  }
  ~RoundingScope() {
#if defined(__SSE2__)
    _mm_setcsr(saved_);
#else
    std::fesetround(saved_);
#endif
  }
  RoundingScope(const RoundingScope&) = delete;
  RoundingScope& operator=(const RoundingScope&) = delete;

 private:
#if defined(__SSE2__)
  unsigned saved_ = 0;
#else
  int saved_ = 0;
#endif
};

// Subnormals to zero of their sign.
ATTEST_INLINE float flushed(float value) {
  const std::uint32_t bits = as_bits(value);
  return as_float((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}
// To [0, 1]; NaN to +0.
template <class V>
ATTEST_INLINE V saturated_to_one(V value) {
  const V low = value > V{0} ? value : V{0};
  return low < V{1} ? low : V{1};
}
// .relu: negative values and -0 to +0; NaN stays.
template <class V>
ATTEST_INLINE V without_negatives(V value) {
  return value > V{0} || value != value ? value : V{0};
}

// Rounds to float so that a second rounding to fewer bits is right in every direction: a result that is not exact gets
// an odd last bit (Boldo and Melquiond 2008).
ATTEST_INLINE float rounded_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = nearest;
  const std::uint32_t bits = as_bits(nearest);
  // Away from zero: one bit back gives the truncated value. A zero never is: what vanished lies outside of it.
  const bool outward = back > 0.0 ? back > value : back < 0.0 && back < value;
  const std::uint32_t truncated = outward ? bits - 1 : bits;
  return as_float(back == value || value != value ? bits : truncated | 1u);
}

// Op with what .ftz does to its sources and result, then .sat.
template <class Op, bool ftz, bool sat>
struct Adjusted {
  template <class... V>
  ATTEST_INLINE auto apply(V... v) {
    auto result = Op::apply(v...);
    if constexpr (ftz) result = flushed(Op::apply(flushed(v)...));
    if constexpr (sat) result = saturated_to_one(result);
    return result;
  }
};

// A map under a directed rounding, or the plain one.
template <Rounding rounding, class Op, class D, class... S>
struct RoundedMap {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    if constexpr (rounding == Rounding::none || rounding == Rounding::rn)
      Map<Op, D, S...>::run(instruction, warp, active);
    else
      directed(instruction, warp, active, std::index_sequence_for<S...>{});
  }
  template <std::size_t... K>
  ATTEST_INLINE void directed(const Instruction& instruction, Warp& warp, Mask active, std::index_sequence<K...>) {
    const RoundingScope scope(rounding);
    lanes(warp.destination<typename D::Lane>(instruction.operand[0]), active,
          warp.source_as<typename S::Lane>(instruction.operand[K + 1])...);
  }
  ATTEST_OPAQUE static void lanes(typename D::Lane* d, Mask active, const typename S::Lane*... s) {
    Map<Op, D, S...>::lanes(d, active, s...);
  }
};
