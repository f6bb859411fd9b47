// Included by arithmetic_<isa>.cpp in a namespace of its own: what all handlers stand on. A handler is a template over
// the types of its operands and an operation on one lane; the loops over 32 lanes are written so that GCC vectorises
// them.

// A destination may be the very register of a source: lane k of it depends on lane k only.
#define ATTEST_EACH_LANE _Pragma("GCC ivdep") for (int lane = 0; lane < warp_lanes; ++lane)
#define ATTEST_INLINE [[gnu::always_inline]] static inline

ATTEST_INLINE float as_float(std::uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}
ATTEST_INLINE std::uint32_t as_bits(float value) {
  return __builtin_bit_cast(std::uint32_t, value);
}
ATTEST_INLINE double as_double(std::uint64_t bits) {
  return __builtin_bit_cast(double, bits);
}
ATTEST_INLINE std::uint64_t as_bits(double value) {
  return __builtin_bit_cast(std::uint64_t, value);
}

// Masks are spread over lanes by this table rather than by shifts, which SSE2 cannot vectorise.
struct LaneBits {
  alignas(64) std::uint32_t word[warp_lanes] = {};
  alignas(64) std::uint64_t pair[warp_lanes] = {};
  constexpr LaneBits() {
    for (int lane = 0; lane < warp_lanes; ++lane)
      word[lane] = pair[lane] = 1u << lane;
  }
};
static constexpr LaneBits lane_bits;

template <class Lane>
ATTEST_INLINE bool holds(Mask mask, int lane) {
  if constexpr (sizeof(Lane) == 8)
    return (mask & lane_bits.pair[lane]) != 0;
  else
    return (mask & lane_bits.word[lane]) != 0;
}

// NaN results are canonical: hardware gives one pattern whatever comes in, and the instruction sets of the host, which
// propagate payloads in ways of their own, must agree bit for bit.
inline constexpr std::uint32_t canonical_nan = 0x7fffffffu;
inline constexpr std::uint32_t canonical_nan_half = 0x7fffu;
inline constexpr std::uint64_t canonical_nan_double = 0xfff8000000000000ull;

// Half precision to float by integers and one exact subtraction for subnormals: the same bits on every instruction set.
ATTEST_INLINE float half_to_float(std::uint32_t half) {
  const std::uint32_t magnitude = (half & 0x7fffu) << 13;
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t normal = magnitude + (112u << 23);
  const std::uint32_t special = magnitude + (224u << 23);
  const std::uint32_t subnormal = as_bits(as_float(magnitude + (113u << 23)) - as_float(113u << 23));
  std::uint32_t bits = magnitude >= (31u << 23) ? special : normal;
  bits = magnitude < (1u << 23) ? subnormal : bits;
  return as_float(bits | sign);
}

// Float to half precision, to nearest even.
ATTEST_INLINE std::uint32_t float_to_half(float value) {
  const std::uint32_t bits = as_bits(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Adding 0.5 aligns the last bit of a half's subnormals with the float's: the addition rounds.
  const std::uint32_t subnormal = as_bits(as_float(magnitude) + 0.5f) - as_bits(0.5f);
  std::uint32_t half = magnitude < (113u << 23) ? subnormal : normal;
  half = magnitude >= (143u << 23) ? 0x7c00u : half;
  half |= sign;
  return magnitude > (255u << 23) ? canonical_nan_half : half;
}

ATTEST_INLINE float bfloat_to_float(std::uint32_t bfloat) {
  return as_float(bfloat << 16);
}

// Float to bfloat16, to nearest even.
ATTEST_INLINE std::uint32_t float_to_bfloat(float value) {
  const std::uint32_t bits = as_bits(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return value != value ? canonical_nan_half : rounded;
}

// Types of PTX: Lane is what a lane of the register holds, Value what is computed with.
template <class V, class L>
struct IntegerType {
  using Value = V;
  using Lane = L;
  static constexpr int bits = sizeof(V) * 8;
  static constexpr bool floating_constant = false;
  static constexpr bool is_signed = V(-1) < V(0);
  static constexpr bool is_float = false;
  ATTEST_INLINE V load(L lane) { return static_cast<V>(lane); }
  // By way of the unsigned type of the same size: small values lie zero-extended.
  ATTEST_INLINE L store(V value) {
    if constexpr (sizeof(V) == 1) return static_cast<std::uint8_t>(value);
    if constexpr (sizeof(V) == 2) return static_cast<std::uint16_t>(value);
    return static_cast<L>(value);
  }
};
#define ATTEST_INTEGER(Name, text, V, L)      \
  struct Name : IntegerType<V, L> {           \
    static constexpr const char* name = text; \
  };
ATTEST_INTEGER(U8, "u8", std::uint8_t, std::uint32_t)
ATTEST_INTEGER(S8, "s8", std::int8_t, std::uint32_t)
ATTEST_INTEGER(B8, "b8", std::uint8_t, std::uint32_t)
ATTEST_INTEGER(U16, "u16", std::uint16_t, std::uint32_t)
ATTEST_INTEGER(S16, "s16", std::int16_t, std::uint32_t)
ATTEST_INTEGER(B16, "b16", std::uint16_t, std::uint32_t)
ATTEST_INTEGER(U32, "u32", std::uint32_t, std::uint32_t)
ATTEST_INTEGER(S32, "s32", std::int32_t, std::uint32_t)
ATTEST_INTEGER(U64, "u64", std::uint64_t, std::uint64_t)
ATTEST_INTEGER(S64, "s64", std::int64_t, std::uint64_t)
#undef ATTEST_INTEGER
// Untyped registers take floating constants too: 0f3F800000 is a pattern of 32 bits.
struct B32 : U32 {
  static constexpr const char* name = "b32";
  static constexpr bool floating_constant = true;
};
struct B64 : U64 {
  static constexpr const char* name = "b64";
  static constexpr bool floating_constant = true;
};

template <class V, class L, int Bits>
struct FloatType {
  using Value = V;
  using Lane = L;
  static constexpr int bits = Bits;
  static constexpr bool floating_constant = Bits >= 32;
  static constexpr bool is_signed = true;
  static constexpr bool is_float = true;
};
struct F32 : FloatType<float, std::uint32_t, 32> {
  static constexpr const char* name = "f32";
  ATTEST_INLINE float load(Lane lane) { return as_float(lane); }
  ATTEST_INLINE Lane store(float value) { return value != value ? canonical_nan : as_bits(value); }
};
struct F64 : FloatType<double, std::uint64_t, 64> {
  static constexpr const char* name = "f64";
  ATTEST_INLINE double load(Lane lane) { return as_double(lane); }
  ATTEST_INLINE Lane store(double value) { return value != value ? canonical_nan_double : as_bits(value); }
};
struct F16 : FloatType<float, std::uint32_t, 16> {
  static constexpr const char* name = "f16";
  ATTEST_INLINE float load(Lane lane) { return half_to_float(lane); }
  ATTEST_INLINE Lane store(float value) { return float_to_half(value); }
};
struct BF16 : FloatType<float, std::uint32_t, 16> {
  static constexpr const char* name = "bf16";
  ATTEST_INLINE float load(Lane lane) { return bfloat_to_float(lane); }
  ATTEST_INLINE Lane store(float value) { return float_to_bfloat(value); }
};

// Operands of forms.
template <class T>
constexpr OperandForm in() {
  OperandForm form;
  form.place = T::bits == 64 ? Place::pair : Place::word;
  form.bits = T::bits;
  form.floating = T::floating_constant;
  form.is_signed = T::is_signed;
  return form;
}
template <class T>
constexpr OperandForm out() {
  OperandForm form = in<T>();
  form.destination = true;
  return form;
}
constexpr OperandForm in_group(OperandForm form, std::uint8_t group) {
  form.group = group;
  return form;
}
constexpr OperandForm in_predicate() {
  OperandForm form;
  form.place = Place::predicate;
  form.bits = 1;
  return form;
}
constexpr OperandForm out_predicate(bool optional = false) {
  OperandForm form = in_predicate();
  form.destination = true;
  form.optional = optional;
  return form;
}
constexpr OperandForm constant_only() {
  OperandForm form = in<U32>();
  form.immediate_only = true;
  return form;
}

// The operands of a form as an array that lives as long as the program.
template <OperandForm... form>
inline constexpr OperandForm operand_array[] = {form...};
template <OperandForm... form>
inline constexpr std::span<const OperandForm> operands{operand_array<form...>};
// Functions that describe forms run once: small is better than fast.
#define ATTEST_DESCRIBES [[gnu::cold, gnu::noinline]] static

// f<T>() for each type, f<V>() for each value.
template <class... T, class F>
ATTEST_INLINE void each_type(F f) {
  (f.template operator()<T>(), ...);
}
template <auto... V, class F>
ATTEST_INLINE void each_value(F f) {
  (f.template operator()<V>(), ...);
}

ATTEST_INLINE Mask predicate_source(const Instruction& instruction, const Warp& warp, int operand) {
  const Mask flip = ((instruction.negated >> operand) & 1u) != 0 ? all_lanes : 0u;
  return warp.predicate(instruction.operand[operand]) ^ flip;
}

// The lanes of which `test` holds.
template <class Lane, class F>
ATTEST_INLINE Mask collect(F test) {
  Lane mask = 0;
  if constexpr (sizeof(Lane) == 8) {
    for (int lane = 0; lane < warp_lanes; ++lane)
      mask |= test(lane) ? lane_bits.pair[lane] : Lane{0};
  } else {
    for (int lane = 0; lane < warp_lanes; ++lane)
      mask |= test(lane) ? lane_bits.word[lane] : Lane{0};
  }
  return static_cast<Mask>(mask);
}

template <class Lane>
[[gnu::noinline]] void merge_lanes(Lane* d, const Lane* computed, Mask active) {
  ATTEST_EACH_LANE {
    const Lane fresh = computed[lane];
    const Lane kept = d[lane];
    d[lane] = holds<Lane>(active, lane) ? fresh : kept;
  }
}

// d[lane] = value(lane) in the active lanes. One loop serves full and partial warps: there are thousands of handlers,
// and a partial warp can afford the way over memory.
template <class Lane, class F>
ATTEST_INLINE void write_lanes(Lane* d, Mask active, F value) {
  alignas(64) Lane scratch[warp_lanes];
  Lane* const to = active == all_lanes ? d : scratch;
  ATTEST_EACH_LANE to[lane] = value(lane);
  if (active != all_lanes) merge_lanes(d, scratch, active);
}

// D = Op::apply(S...) lane by lane. Operands: d, then the sources.
template <class Op, class D, class... S>
struct Map {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    apply(instruction, warp, active, std::index_sequence_for<S...>{});
  }
  template <std::size_t... K>
  ATTEST_INLINE void apply(const Instruction& instruction, Warp& warp, Mask active, std::index_sequence<K...>) {
    lanes(warp.destination<typename D::Lane>(instruction.operand[0]), active,
          warp.source_as<typename S::Lane>(instruction.operand[K + 1])...);
  }
  ATTEST_INLINE void lanes(typename D::Lane* d, Mask active, const typename S::Lane*... s) {
    write_lanes(
        d, active, [=](int lane) __attribute__((always_inline)) { return D::store(Op::apply(S::load(s[lane])...)); });
  }
};

template <class Op, class D, class... S>
ATTEST_DESCRIBES void add_map(FormSink& sink, std::initializer_list<const char*> name, Class kind = Class::integer,
                              std::uint32_t flops = 0) {
  FormTraits traits;
  traits.run = Map<Op, D, S...>::run;
  traits.kind = kind;
  traits.lane_flops = flops;
  sink.add(name, operands<out<D>(), in<S>()...>, traits);
}
