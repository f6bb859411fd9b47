// Approximate functions. Hardware documents bounds, not bits: these keep well inside them, by additions and
// multiplications alone, so that every instruction set computes the same bits.

// 2^x: within 1.1 units in the last place (documented: 2). 2^x = 2^n * 2^f with |f| <= 1/2 and
// 2^f = 1 + f*p(f), p interpolating (2^f-1)/f in Chebyshev's points.
struct PowerOfTwo {
  ATTEST_INLINE float apply(float x) {
    // Beyond these the result is 0 or infinity.
    float bounded = x < -160.0f ? -160.0f : x;
    bounded = bounded > 130.0f ? 130.0f : bounded;
    const float shifted = bounded + 0x1.8p23f;
    const float whole = shifted - 0x1.8p23f;
    const float f = bounded - whole;
    float p = 0.000154531634f;
    p = p * f + 0.00133908633f;
    p = p * f + 0.00961808302f;
    p = p * f + 0.0555035695f;
    p = p * f + 0.240226507f;
    p = p * f + 0.693147182f;
    p = p * f + 1.0f;
    // In two steps, so that only the last one can round: to a subnormal.
    const auto n = static_cast<std::int32_t>(as_bits(shifted) - as_bits(0x1.8p23f));
    const std::int32_t low = n >> 1;
    const std::int32_t high = n - low;
    p = p * as_float(static_cast<std::uint32_t>(low + 127) << 23);
    p = p * as_float(static_cast<std::uint32_t>(high + 127) << 23);
    return x != x ? x : p;
  }
};

// tanh: within 2e-6 of itself (documented: 2^-11).
struct HyperbolicTangent {
  ATTEST_INLINE float apply(float x) {
    const float size = as_float(as_bits(x) & 0x7fffffffu);
    const float square = x * x;
    float series = -17.0f / 315.0f;
    series = series * square + 2.0f / 15.0f;
    series = series * square - 1.0f / 3.0f;
    series = x + x * (series * square);
    const float bounded = size < 10.0f ? size : 10.0f;
    const float power = PowerOfTwo::apply(bounded * 2.88539008f);  // e^(2|x|)
    const float quotient = 1.0f - 2.0f / (power + 1.0f);
    const float far = as_float(as_bits(quotient) | (as_bits(x) & 0x80000000u));
    const float result = size < 0.25f ? series : far;
    return x != x || x == 0.0f ? x : result;  // of -0 too
  }
};

// log2 in double, then rounded (documented: 2^-22 absolute or relative). m in [sqrt(1/2), sqrt(2)), t = (m-1)/(m+1):
// log2(m) = 2/ln(2) * (t + t^3/3 + ... + t^13/13), up to 2e-12.
struct LogarithmBase2 {
  ATTEST_INLINE float apply(float x) {
    constexpr std::uint64_t one = 0x3ff0000000000000ull;
    constexpr std::uint64_t root_of_half = 0x3fe6a09e667f3bcdull;
    const std::uint64_t bits = as_bits(static_cast<double>(x));
    const std::uint64_t biased = (bits + (one - root_of_half)) >> 52;
    const double exponent = as_double(biased | 0x4330000000000000ull) - (0x1p52 + 1023.0);
    const double m = as_double(bits - (biased << 52) + one);
    const double t = (m - 1.0) / (m + 1.0);
    const double y = t * t;
    double series = 1.0 / 13.0;
    series = series * y + 1.0 / 11.0;
    series = series * y + 1.0 / 9.0;
    series = series * y + 1.0 / 7.0;
    series = series * y + 1.0 / 5.0;
    series = series * y + 1.0 / 3.0;
    series = series * y + 1.0;
    float result = static_cast<float>(exponent + 2.8853900817779268147 * (t * series));
    const float infinity = as_float(0x7f800000u);
    result = x == infinity ? infinity : result;
    result = x == 0.0f ? -infinity : result;
    return x < 0.0f || x != x ? as_float(canonical_nan) : result;
  }
};

// Sine and cosine in double, then rounded (documented: 2^-20.5 absolute near 0). Quarter turns are taken off with pi/2
// in two parts, exact for fewer than 2^20 of them; larger arguments are reduced first, by the caller.
template <int quarter>
struct Trigonometric {
  ATTEST_INLINE float apply(double x) {
    const double shifted = x * 0.63661977236758134308 + 0x1.8p52;
    const double turns = shifted - 0x1.8p52;
    const std::uint64_t quadrant = as_bits(shifted) + quarter;
    const double r = (x - turns * 1.57079632673412561417e+00) - turns * 6.07710050650619224932e-11;
    const double y = r * r;
    double sine = -1.0 / 39916800.0;
    sine = sine * y + 1.0 / 362880.0;
    sine = sine * y - 1.0 / 5040.0;
    sine = sine * y + 1.0 / 120.0;
    sine = sine * y - 1.0 / 6.0;
    sine = r + r * (sine * y);
    double cosine = 1.0 / 479001600.0;
    cosine = cosine * y - 1.0 / 3628800.0;
    cosine = cosine * y + 1.0 / 40320.0;
    cosine = cosine * y - 1.0 / 720.0;
    cosine = cosine * y + 1.0 / 24.0;
    cosine = cosine * y - 0.5;
    cosine = cosine * y + 1.0;
    const double chosen = (quadrant & 1u) != 0 ? cosine : sine;
    return static_cast<float>((quadrant & 2u) != 0 ? -chosen : chosen);
  }
};
template <int quarter, bool ftz>
void trigonometric(const Instruction& instruction, Warp& warp, Mask active) {
  const auto* a = warp.source_as<std::uint32_t>(instruction.operand[1]);
  alignas(64) double reduced[warp_lanes];
  std::uint32_t large = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const float x = as_float(a[lane]);
    reduced[lane] = ftz ? flushed(x) : x;
    large |= magnitude(x) > 1e6f ? 1u : 0u;
  }
  if (large != 0)  // infinity becomes NaN
    for (int lane = 0; lane < warp_lanes; ++lane)
      if (!(magnitude(reduced[lane]) <= 1e6)) reduced[lane] = __builtin_fmod(reduced[lane], 6.283185307179586);
  write_lanes(
      warp.destination<std::uint32_t>(instruction.operand[0]), active, [&](int lane) __attribute__((always_inline)) {
        const float result = Trigonometric<quarter>::apply(reduced[lane]);
        // The sine of a zero or a subnormal is itself, sign included.
        const float small = static_cast<float>(reduced[lane]);
        return F32::store(quarter == 0 && magnitude(small) < 0x1p-60f ? small : result);
      });
}

// 1 / sqrt(x) by two correct roundings: within 2^-23 (documented: 2^-22.9).
struct ReciprocalRoot {
  ATTEST_INLINE float apply(float a) { return 1.0f / __builtin_sqrtf(a); }
  ATTEST_INLINE double apply(double a) { return 1.0 / __builtin_sqrt(a); }
};
// a / b, but 0 of the quotient's sign for |b| > 2^126, and NaN when a is infinite there: hardware multiplies by a
// flushed reciprocal.
struct DivideApproximately {
  ATTEST_INLINE float apply(float a, float b) {
    const float zero = as_float(as_bits(b) & 0x80000000u);
    const bool vanishes = magnitude(b) > 0x1p126f;
    return vanishes ? a * zero : a / b;
  }
};
// The f64 approximations with .ftz look at the upper word alone and give one with a lower word of zero.
template <class Op>
struct OnUpperWord {
  ATTEST_INLINE std::uint64_t apply(std::uint64_t lane) {
    std::uint64_t upper = lane & 0xffffffff00000000ull;
    upper = (upper & 0x7ff0000000000000ull) == 0 ? upper & 0x8000000000000000ull : upper;
    std::uint64_t result = F64::store(Op::apply(F64::load(upper)));
    result = (result & 0x7ff0000000000000ull) == 0 ? result & 0x8000000000000000ull : result;
    return result & 0xffffffff00000000ull;
  }
};

ATTEST_DESCRIBES void add_special(FormSink& sink) {
  each_value<false, true>([&]<bool ftz>() {
    constexpr const char* flush = ftz ? "ftz" : "";
    const auto one = [&]<class Op>(const char* opcode) {
      add_map<Adjusted<Op, ftz, false>, F32, F32>(sink, {opcode, flush, "f32"}, Class::special, 1);
    };
    one.template operator()<PowerOfTwo>("ex2.approx");
    one.template operator()<LogarithmBase2>("lg2.approx");
    one.template operator()<ReciprocalFloat>("rcp.approx");
    one.template operator()<RootFloat>("sqrt.approx");
    one.template operator()<ReciprocalRoot>("rsqrt.approx");
    sink.add({"sin.approx", flush, "f32"}, operands<out<F32>(), in<F32>()>,
             {.run = trigonometric<0, ftz>, .kind = Class::special, .lane_flops = 1});
    sink.add({"cos.approx", flush, "f32"}, operands<out<F32>(), in<F32>()>,
             {.run = trigonometric<1, ftz>, .kind = Class::special, .lane_flops = 1});
    add_map<Adjusted<DivideApproximately, ftz, false>, F32, F32, F32>(sink, {"div.approx", flush, "f32"},
                                                                      Class::floating, 1);
    add_map<Adjusted<DivideFloat, ftz, false>, F32, F32, F32>(sink, {"div.full", flush, "f32"}, Class::floating, 1);
  });
  add_map<ReciprocalRoot, F64, F64>(sink, {"rsqrt.approx.f64"}, Class::special, 1);
  sink.add({"rsqrt.approx.ftz.f64"}, operands<out<F64>(), in<F64>()>,
           {.run = Map<OnUpperWord<ReciprocalRoot>, B64, B64>::run, .kind = Class::special, .lane_flops = 1});
  add_map<HyperbolicTangent, F32, F32>(sink, {"tanh.approx.f32"}, Class::special, 1);
  sink.add({"rcp.approx.ftz.f64"}, operands<out<F64>(), in<F64>()>,
           {.run = Map<OnUpperWord<ReciprocalFloat>, B64, B64>::run, .kind = Class::special, .lane_flops = 1});
}
