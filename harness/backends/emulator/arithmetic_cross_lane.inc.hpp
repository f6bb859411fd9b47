// What reads other lanes: shfl, vote, match, redux, activemask.

// Every lane that executes must be named in its own mask, and every lane that is named and has not exited must execute.
ATTEST_INLINE void check_members(const Instruction& instruction, const Warp& warp, Mask active, int operand,
                                 const char* name) {
  const auto* masks = warp.source_as<std::uint32_t>(instruction.operand[operand]);
  const Mask absent = warp.live & ~active;
  std::uint32_t wrong = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const std::uint32_t unnamed = ~masks[lane] & lane_bits.word[lane];
    wrong |= holds<std::uint32_t>(active, lane) ? unnamed | (masks[lane] & absent) : 0u;
  }
  if (wrong == 0) [[likely]]
    return;
  for (int lane = 0; lane < warp_lanes; ++lane)
    if (holds<std::uint32_t>(active, lane) && ((masks[lane] & absent) != 0 || !holds<std::uint32_t>(masks[lane], lane)))
      fail_absent_member(masks[lane], active, lane, name);
}

// to[lane] = a[from[lane]], every index below 32.
ATTEST_INLINE void permute(const std::uint32_t* a, const std::int32_t* from, std::uint32_t* to) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_load_si512(a);
  const __m512i high = _mm512_load_si512(a + 16);
  for (int half = 0; half < 2; ++half)
    _mm512_store_si512(to + 16 * half, _mm512_permutex2var_epi32(low, _mm512_load_si512(from + 16 * half), high));
#elif defined(__AVX2__)
  const auto eight = [a](int part) __attribute__((always_inline)) {
    return _mm256_load_ps(reinterpret_cast<const float*>(a) + 8 * part);
  };
  for (int part = 0; part < 4; ++part) {
    // Bits 0 to 2 of an index choose in each eight, bits 3 and 4 the eight.
    const __m256i index = _mm256_load_si256(reinterpret_cast<const __m256i*>(from) + part);
    const __m256 by_bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
    const __m256 by_bit4 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 27));
    const __m256 low =
        _mm256_blendv_ps(_mm256_permutevar8x32_ps(eight(0), index), _mm256_permutevar8x32_ps(eight(1), index), by_bit3);
    const __m256 high =
        _mm256_blendv_ps(_mm256_permutevar8x32_ps(eight(2), index), _mm256_permutevar8x32_ps(eight(3), index), by_bit3);
    _mm256_store_ps(reinterpret_cast<float*>(to) + 8 * part, _mm256_blendv_ps(low, high, by_bit4));
  }
#else
  for (int lane = 0; lane < warp_lanes; ++lane)
    to[lane] = a[from[lane]];
#endif
}

enum class Shuffle { up, down, bfly, idx };
template <Shuffle mode>
inline constexpr const char* shuffle_name = mode == Shuffle::up     ? "shfl.sync.up"
                                            : mode == Shuffle::down ? "shfl.sync.down"
                                            : mode == Shuffle::bfly ? "shfl.sync.bfly"
                                                                    : "shfl.sync.idx";
// d, p, a, b, c, members. c packs the last lane of a segment (bits 0 to 4) and the mask of the bits that name the
// segment (8 to 12). A lane whose source lies outside keeps its own value, and p is false.
template <Shuffle mode>
void shuffle(const Instruction& instruction, Warp& warp, Mask active) {
  check_members(instruction, warp, active, 5, shuffle_name<mode>);
  const auto* a = warp.source_as<std::uint32_t>(instruction.operand[2]);
  const auto* b = warp.source_as<std::uint32_t>(instruction.operand[3]);
  const auto* c = warp.source_as<std::uint32_t>(instruction.operand[4]);
  alignas(64) std::int32_t from[warp_lanes];
  alignas(64) std::uint32_t inside[warp_lanes];
  for (int lane = 0; lane < warp_lanes; ++lane) {
    const auto amount = static_cast<std::int32_t>(b[lane] & 31u);
    const auto clamp = static_cast<std::int32_t>(c[lane] & 31u);
    const auto segment = static_cast<std::int32_t>((c[lane] >> 8) & 31u);
    const std::int32_t first = lane & segment;
    const std::int32_t last = first | (clamp & ~segment);
    std::int32_t source = lane;
    if constexpr (mode == Shuffle::up) source = lane - amount;
    if constexpr (mode == Shuffle::down) source = lane + amount;
    if constexpr (mode == Shuffle::bfly) source = lane ^ amount;
    if constexpr (mode == Shuffle::idx) source = first | (amount & ~segment);
    const bool within = mode == Shuffle::up ? source >= last : source <= last;
    from[lane] = within ? source : lane;
    inside[lane] = within ? lane_bits.word[lane] : 0u;
  }
  Mask within = 0;
  for (int lane = 0; lane < warp_lanes; ++lane)
    within |= inside[lane];
  if (active != all_lanes)
    for (int lane = 0; lane < warp_lanes; ++lane)
      if (holds<std::uint32_t>(active, lane) && !holds<std::uint32_t>(active, from[lane]))
        fail_inactive_lane(lane, from[lane], shuffle_name<mode>);
  alignas(64) std::uint32_t moved[warp_lanes];
  permute(a, from, moved);
  write_lanes(
      warp.destination<std::uint32_t>(instruction.operand[0]),
      active, [&](int lane) __attribute__((always_inline)) { return moved[lane]; });
  warp.set_predicate(instruction.operand[1], within, active);
}

enum class Vote { all, any, uni };
// d, a, members.
template <Vote vote>
void vote_predicate(const Instruction& instruction, Warp& warp, Mask active) {
  check_members(instruction, warp, active, 2, "vote.sync");
  const auto* masks = warp.source_as<std::uint32_t>(instruction.operand[2]);
  const Mask votes = predicate_source(instruction, warp, 1);
  const Mask result = collect<std::uint32_t>([=](int lane) __attribute__((always_inline)) {
    const std::uint32_t members = masks[lane] & active;
    const std::uint32_t in_favour = votes & members;
    if constexpr (vote == Vote::all) return in_favour == members;
    if constexpr (vote == Vote::any) return in_favour != 0;
    return in_favour == members || in_favour == 0;
  });
  warp.set_predicate(instruction.operand[0], result, active);
}
static void vote_ballot(const Instruction& instruction, Warp& warp, Mask active) {
  check_members(instruction, warp, active, 2, "vote.sync.ballot");
  const auto* masks = warp.source_as<std::uint32_t>(instruction.operand[2]);
  const Mask votes = predicate_source(instruction, warp, 1) & active;
  write_lanes(
      warp.destination<std::uint32_t>(instruction.operand[0]),
      active, [=](int lane) __attribute__((always_inline)) { return votes & masks[lane]; });
}
static void active_mask(const Instruction& instruction, Warp& warp, Mask active) {
  write_lanes(warp.destination<std::uint32_t>(instruction.operand[0]), active, [=](int) { return active; });
}

// match.any: d, a, members. match.all: d, p, a, members.
template <class T, bool all>
void match(const Instruction& instruction, Warp& warp, Mask active) {
  constexpr int first = all ? 2 : 1;
  check_members(instruction, warp, active, first + 1, "match.sync");
  const auto* a = warp.source_as<typename T::Lane>(instruction.operand[first]);
  const auto* masks = warp.source_as<std::uint32_t>(instruction.operand[first + 1]);
  alignas(64) std::uint32_t found[warp_lanes] = {};
  Mask agree = 0;
  for (int lane = 0; lane < warp_lanes; ++lane) {
    if (!holds<std::uint32_t>(active, lane)) continue;
    const auto wanted = a[lane];
    const Mask members = masks[lane] & active;
    const Mask same = members & collect<typename T::Lane>([=](int other) __attribute__((always_inline)) {
                        return a[other] == wanted;
                      });
    found[lane] = !all || same == members ? same : 0u;
    if (same == members) agree |= Mask{1} << lane;
  }
  write_lanes(
      warp.destination<std::uint32_t>(instruction.operand[0]),
      active, [&](int lane) __attribute__((always_inline)) { return found[lane]; });
  if constexpr (all) warp.set_predicate(instruction.operand[1], agree, active);
}

// redux: d, a, members.
template <class T, class Op>
void reduce(const Instruction& instruction, Warp& warp, Mask active) {
  check_members(instruction, warp, active, 2, "redux.sync");
  const auto* a = warp.source_as<std::uint32_t>(instruction.operand[1]);
  const auto* masks = warp.source_as<std::uint32_t>(instruction.operand[2]);
  alignas(64) std::uint32_t result[warp_lanes] = {};
  // Lanes of one mask get one result.
  for (Mask open = active; open != 0;) {
    const int leader = __builtin_ctz(open);
    const Mask members = masks[leader] & active;
    auto value = T::load(a[leader]);
    for (Mask rest = members & ~(Mask{1} << leader); rest != 0; rest &= rest - 1)
      value = Op::apply(value, T::load(a[__builtin_ctz(rest)]));
    for (Mask rest = members; rest != 0; rest &= rest - 1)
      result[__builtin_ctz(rest)] = T::store(value);
    open &= ~members;
  }
  write_lanes(
      warp.destination<std::uint32_t>(instruction.operand[0]),
      active, [&](int lane) __attribute__((always_inline)) { return result[lane]; });
}

ATTEST_DESCRIBES void add_cross_lane(FormSink& sink) {
  const auto gathering = [](Handler run, int members) {
    return FormTraits{.run = run, .kind = Class::move, .members = members, .gathers = true};
  };
  each_value<Shuffle::up, Shuffle::down, Shuffle::bfly, Shuffle::idx>([&]<Shuffle mode>() {
    sink.add({shuffle_name<mode>, "b32"},
             operands<out<B32>(), out_predicate(true), in<B32>(), in<U32>(), in<U32>(), in<U32>()>,
             gathering(shuffle<mode>, 5));
  });
  const auto vote = [&](const char* name, Handler run) {
    sink.add({name}, operands<out_predicate(), in_predicate(), in<U32>()>, gathering(run, 2));
  };
  vote("vote.sync.all.pred", vote_predicate<Vote::all>);
  vote("vote.sync.any.pred", vote_predicate<Vote::any>);
  vote("vote.sync.uni.pred", vote_predicate<Vote::uni>);
  sink.add({"vote.sync.ballot.b32"}, operands<out<B32>(), in_predicate(), in<U32>()>, gathering(vote_ballot, 2));
  sink.add({"activemask.b32"}, operands<out<B32>()>, {.run = active_mask, .kind = Class::move});
  each_type<B32, B64>([&]<class T>() {
    sink.add({"match.any.sync", T::name}, operands<out<B32>(), in<T>(), in<U32>()>, gathering(match<T, false>, 2));
    sink.add({"match.all.sync", T::name}, operands<out<B32>(), out_predicate(true), in<T>(), in<U32>()>,
             gathering(match<T, true>, 3));
  });
  const auto redux = [&]<class T, class Op>(const char* name) {
    FormTraits traits = gathering(reduce<T, Op>, 2);
    traits.kind = Class::integer;
    sink.add({"redux.sync", name, T::name}, operands<out<T>(), in<T>(), in<U32>()>, traits);
  };
  each_type<U32, S32>([&]<class T>() {
    redux.template operator()<T, Add>("add");
    redux.template operator()<T, Minimum>("min");
    redux.template operator()<T, Maximum>("max");
  });
  redux.template operator()<B32, And>("and");
  redux.template operator()<B32, Or>("or");
  redux.template operator()<B32, ExclusiveOr>("xor");
}
