// mov, its packing and unpacking forms, selp, slct, prmt, predicate moves.

struct Copy {
  template <class V>
  ATTEST_INLINE V apply(V a) {
    return a;
  }
};

// mov.pack<n>: d, then n elements, lowest first.
template <class D, class E, int count>
struct Pack {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    using Lane = typename D::Lane;
    const typename E::Lane* s[count];
    for (int element = 0; element < count; ++element)
      s[element] = warp.source_as<typename E::Lane>(instruction.operand[1 + element]);
    write_lanes(
        warp.destination<Lane>(instruction.operand[0]), active, [&](int lane) __attribute__((always_inline)) {
          Lane packed = 0;
          for (int element = 0; element < count; ++element)
            packed |= static_cast<Lane>(E::load(s[element][lane])) << (element * E::bits);
          return packed;
        });
  }
};

// mov.unpack<n>: n destinations, lowest first, then the source.
template <class S, class E, int count>
struct Unpack {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    const auto* s = warp.source_as<typename S::Lane>(instruction.operand[count]);
    for (int element = 0; element < count; ++element)
      write_lanes(
          warp.destination<typename E::Lane>(instruction.operand[element]),
          active, [=](int lane) __attribute__((always_inline)) {
            return E::store(static_cast<typename E::Value>(s[lane] >> (element * E::bits)));
          });
  }
};

template <class Whole, class E, int count>
ATTEST_DESCRIBES void add_packs(FormSink& sink) {
  const FormTraits pack{.run = Pack<Whole, E, count>::run, .kind = Class::move};
  const FormTraits unpack{.run = Unpack<Whole, E, count>::run, .kind = Class::move};
  constexpr OperandForm source = in_group(in<E>(), 1);
  constexpr OperandForm destination = in_group(out<E>(), 1);
  if constexpr (count == 2) {
    sink.add({"mov.pack2", Whole::name}, operands<out<Whole>(), source, source>, pack);
    sink.add({"mov.unpack2", Whole::name}, operands<destination, destination, in<Whole>()>, unpack);
  } else {
    sink.add({"mov.pack4", Whole::name}, operands<out<Whole>(), source, source, source, source>, pack);
    sink.add({"mov.unpack4", Whole::name}, operands<destination, destination, destination, destination, in<Whole>()>,
             unpack);
  }
}

template <class T>
struct SelectByPredicate {
  static void run(const Instruction& instruction, Warp& warp, Mask active) {
    using Lane = typename T::Lane;
    const auto* a = warp.source_as<Lane>(instruction.operand[1]);
    const auto* b = warp.source_as<Lane>(instruction.operand[2]);
    const Mask chosen = predicate_source(instruction, warp, 3);
    write_lanes(
        warp.destination<Lane>(instruction.operand[0]), active, [=](int lane) __attribute__((always_inline)) {
          const Lane x = a[lane];
          const Lane y = b[lane];
          return holds<Lane>(chosen, lane) ? x : y;
        });
  }
};

// slct: a where c >= 0, else b. A NaN in c chooses b; ftz makes a subnormal c a zero, which chooses a whatever its
// sign.
struct SelectBySign {
  template <class V>
  ATTEST_INLINE V apply(V a, V b, std::int32_t c) {
    return c >= 0 ? a : b;
  }
  template <class V>
  ATTEST_INLINE V apply(V a, V b, float c) {
    return c >= 0.0f ? a : b;
  }
};
struct SelectBySignFlushing {
  template <class V>
  ATTEST_INLINE V apply(V a, V b, float c) {
    return c > -__FLT_MIN__ ? a : b;
  }
};

// A selector's nibble names a byte of {b, a}; its top bit asks for that byte's sign in all eight bits.
ATTEST_INLINE std::uint32_t pick_byte(std::uint64_t bytes, std::uint32_t nibble) {
  const std::uint32_t byte = static_cast<std::uint32_t>(bytes >> ((nibble & 7u) * 8u)) & 0xffu;
  const std::uint32_t sign = (byte & 0x80u) != 0 ? 0xffu : 0u;
  return (nibble & 8u) != 0 ? sign : byte;
}
enum class Permute { index, f4e, b4e, rc8, ecl, ecr, rc16 };
template <Permute mode>
struct PermuteBytes {
  ATTEST_INLINE std::uint32_t apply(std::uint32_t a, std::uint32_t b, std::uint32_t c) {
    const std::uint64_t bytes = (static_cast<std::uint64_t>(b) << 32) | a;
    std::uint32_t result = 0;
    const std::uint32_t s = c & 3u;
    for (std::uint32_t k = 0; k < 4; ++k) {
      std::uint32_t nibble = 0;
      if constexpr (mode == Permute::index) nibble = (c >> (4 * k)) & 15u;
      if constexpr (mode == Permute::f4e) nibble = s + k;
      if constexpr (mode == Permute::b4e) nibble = (s + 8u - k) & 7u;
      if constexpr (mode == Permute::rc8) nibble = s;
      if constexpr (mode == Permute::ecl) nibble = s > k ? s : k;
      if constexpr (mode == Permute::ecr) nibble = s < k ? s : k;
      if constexpr (mode == Permute::rc16) nibble = (s & 1u) * 2u + (k & 1u);
      result |= pick_byte(bytes, nibble) << (8 * k);
    }
    return result;
  }
};

static void move_predicate(const Instruction& instruction, Warp& warp, Mask active) {
  warp.set_predicate(instruction.operand[0], predicate_source(instruction, warp, 1), active);
}

ATTEST_DESCRIBES void add_move(FormSink& sink) {
  // NaN patterns pass unchanged: a mov.f32 moves bits.
  each_type<B16, U16, S16>([&]<class T>() { add_map<Copy, T, T>(sink, {"mov", T::name}, Class::move); });
  each_type<B32, U32, S32>([&]<class T>() { add_map<Copy, T, T>(sink, {"mov", T::name}, Class::move); });
  each_type<B64, U64, S64>([&]<class T>() { add_map<Copy, T, T>(sink, {"mov", T::name}, Class::move); });
  add_map<Copy, B32, B32>(sink, {"mov", "f32"}, Class::move);
  add_map<Copy, B64, B64>(sink, {"mov", "f64"}, Class::move);
  sink.add({"mov", "pred"}, operands<out_predicate(), in_predicate()>, {.run = move_predicate, .kind = Class::move});
  add_packs<B16, B8, 2>(sink);
  add_packs<B32, B16, 2>(sink);
  add_packs<B32, B8, 4>(sink);
  add_packs<B64, B32, 2>(sink);
  add_packs<B64, B16, 4>(sink);

  const auto add_selects = [&]<class T>(const char* type) {
    sink.add({"selp", type}, operands<out<T>(), in<T>(), in<T>(), in_predicate()>,
             {.run = SelectByPredicate<T>::run, .kind = Class::move});
    add_map<SelectBySign, T, T, T, S32>(sink, {"slct", type, "s32"}, Class::move);
    add_map<SelectBySign, T, T, T, F32>(sink, {"slct", type, "f32"}, Class::move);
    add_map<SelectBySignFlushing, T, T, T, F32>(sink, {"slct.ftz", type, "f32"}, Class::move);
  };
  for (const char* type : {"b16", "u16", "s16"})
    add_selects.template operator()<B16>(type);
  for (const char* type : {"b32", "u32", "s32", "f32"})
    add_selects.template operator()<B32>(type);
  for (const char* type : {"b64", "u64", "s64", "f64"})
    add_selects.template operator()<B64>(type);

  add_map<PermuteBytes<Permute::index>, B32, B32, B32, B32>(sink, {"prmt", "b32"});
  add_map<PermuteBytes<Permute::f4e>, B32, B32, B32, B32>(sink, {"prmt", "b32", "f4e"});
  add_map<PermuteBytes<Permute::b4e>, B32, B32, B32, B32>(sink, {"prmt", "b32", "b4e"});
  add_map<PermuteBytes<Permute::rc8>, B32, B32, B32, B32>(sink, {"prmt", "b32", "rc8"});
  add_map<PermuteBytes<Permute::ecl>, B32, B32, B32, B32>(sink, {"prmt", "b32", "ecl"});
  add_map<PermuteBytes<Permute::ecr>, B32, B32, B32, B32>(sink, {"prmt", "b32", "ecr"});
  add_map<PermuteBytes<Permute::rc16>, B32, B32, B32, B32>(sink, {"prmt", "b32", "rc16"});
}
