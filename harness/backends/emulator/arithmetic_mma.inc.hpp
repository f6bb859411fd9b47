// mma.sync on tiles of floats (arithmetic_mma_tiles.inc.hpp), and on integers of 8 bits.

// One rounding a step of k, in its order. The product of two numbers of up to 11 bits is exact in float, so that a
// product and a sum do for a fused step, unless it under- or overflows.
ATTEST_INLINE float fused_step(float a, float b, float c) {
#if defined(__FP_FAST_FMAF)
  return __builtin_fmaf(a, b, c);
#else
  const float product = a * b;
  const bool exact = (magnitude(product) > 0x1p-100f && magnitude(product) <= 0x1p127f) || a == 0.0f || b == 0.0f;
  return exact ? product + c : __builtin_fmaf(a, b, c);
#endif
}

// The numbers of B as the compiler cannot see through: it would keep them in registers and take them out one by one
// with shuffles, where a broadcast from memory comes with the multiplication.
ATTEST_INLINE const float* in_memory(const float* numbers) {
  asm volatile("" : "+r"(numbers) : : "memory");
  return numbers;
}

template <class T, int depth>
ATTEST_INLINE void accumulate_by_step(T& tiles) {
#if defined(__AVX512F__)
  const float* const b = in_memory(tiles.b);
  __m512 sums[8];
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column)
    sums[column] = _mm512_load_ps(tiles.sums[column]);
#pragma GCC unroll 16
  for (int k = 0; k < depth; ++k) {
    const __m512 a = _mm512_load_ps(tiles.a[k]);
#pragma GCC unroll 8
    for (int column = 0; column < 8; ++column)
      sums[column] = _mm512_fmadd_ps(a, _mm512_set1_ps(b[T::index_of_b(k, column)]), sums[column]);
  }
#pragma GCC unroll 8
  for (int column = 0; column < 8; ++column)
    _mm512_store_ps(tiles.sums[column], sums[column]);
#elif defined(__AVX2__) && defined(__FMA__)
  const float* const b = in_memory(tiles.b);
  // Four columns at a time: eight sums, two columns of A and one number of B stay in the sixteen registers.
  for (int first = 0; first < 8; first += 4) {
    __m256 upper[4];
    __m256 lower[4];
#pragma GCC unroll 4
    for (int column = 0; column < 4; ++column) {
      upper[column] = _mm256_load_ps(tiles.sums[first + column]);
      lower[column] = _mm256_load_ps(tiles.sums[first + column] + 8);
    }
#pragma GCC unroll 16
    for (int k = 0; k < depth; ++k) {
      const __m256 a0 = _mm256_load_ps(tiles.a[k]);
      const __m256 a1 = _mm256_load_ps(tiles.a[k] + 8);
#pragma GCC unroll 4
      for (int column = 0; column < 4; ++column) {
        const __m256 number = _mm256_set1_ps(b[T::index_of_b(k, first + column)]);
        upper[column] = _mm256_fmadd_ps(a0, number, upper[column]);
        lower[column] = _mm256_fmadd_ps(a1, number, lower[column]);
      }
    }
#pragma GCC unroll 4
    for (int column = 0; column < 4; ++column) {
      _mm256_store_ps(tiles.sums[first + column], upper[column]);
      _mm256_store_ps(tiles.sums[first + column] + 8, lower[column]);
    }
  }
#else
  for (int column = 0; column < 8; ++column)
    for (int k = 0; k < depth; ++k)
      for (int row = 0; row < 16; ++row)
        tiles.sums[column][row] =
            fused_step(tiles.a[k][row], tiles.b[T::index_of_b(k, column)], tiles.sums[column][row]);
#endif
}
// Products and sums in double, where a product is exact; one rounding to float, to odd where halves follow.
template <class T, int depth, bool to_half>
ATTEST_INLINE void accumulate_wide(T& tiles) {
  for (int column = 0; column < 8; ++column) {
    alignas(64) double sums[16];
    for (int row = 0; row < 16; ++row)
      sums[row] = tiles.sums[column][row];
    for (int k = 0; k < depth; ++k) {
      const double b = tiles.b[T::index_of_b(k, column)];
      for (int row = 0; row < 16; ++row)
        sums[row] += static_cast<double>(tiles.a[k][row]) * b;
    }
    for (int row = 0; row < 16; ++row)
      tiles.sums[column][row] = to_half ? rounded_to_odd(sums[row]) : static_cast<float>(sums[row]);
  }
}

// C and D: in f32, registers 0 and 2 hold the even columns, 1 and 3 the odd ones; in f16, a word holds both.
template <class T, bool half, class Source>
ATTEST_INLINE void load_sums(T& tiles, const Source& operand, int first) {
  alignas(64) std::uint32_t columns[4][16];
  const auto source = [&](int k) __attribute__((always_inline)) {
    return operand(first + k);
  };
  if constexpr (half) {
    load_columns(source(0), source(1), columns);
    for (int word = 0; word < 4; ++word) {
      spread<F16Words, 0, 16>(columns[word], tiles.sums[2 * word]);
      spread<F16Words, 1, 16>(columns[word], tiles.sums[2 * word + 1]);
    }
  } else {
    for (int odd = 0; odd < 2; ++odd) {
      load_columns(source(odd), source(odd + 2), columns);
      for (int word = 0; word < 4; ++word)
        __builtin_memcpy(tiles.sums[2 * word + odd], columns[word], sizeof(columns[word]));
    }
  }
}
// As F32::store, 16 numbers at a time: left to itself the compiler takes these loops apart to single numbers.
ATTEST_INLINE void store_canonical(const float* numbers, std::uint32_t* words) {
#if defined(__AVX512F__)
  const __m512 value = _mm512_load_ps(numbers);
  const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
  _mm512_store_si512(words, _mm512_mask_mov_epi32(_mm512_castps_si512(value), is_nan,
                                                  _mm512_set1_epi32(static_cast<int>(canonical_nan))));
#elif defined(__AVX2__)
  for (int i = 0; i < 16; i += 8) {
    const __m256 value = _mm256_load_ps(numbers + i);
    const __m256 is_nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(static_cast<int>(canonical_nan)));
    _mm256_store_ps(reinterpret_cast<float*>(words) + i, _mm256_blendv_ps(value, nan, is_nan));
  }
#else
  for (int i = 0; i < 16; ++i)
    words[i] = F32::store(numbers[i]);
#endif
}
template <class T, bool half>
ATTEST_INLINE void store_sums(const T& tiles, const Instruction& instruction, Warp& warp) {
  alignas(64) std::uint32_t columns[4][16];
  const auto destination = [&](int k) __attribute__((always_inline)) {
    return warp.destination<std::uint32_t>(instruction.operand[k]);
  };
  if constexpr (half) {
    for (int word = 0; word < 4; ++word)
      for (int row = 0; row < 16; ++row)
        columns[word][row] =
            float_to_half(tiles.sums[2 * word][row]) | (float_to_half(tiles.sums[2 * word + 1][row]) << 16);
    store_columns(columns, destination(0), destination(1));
  } else {
    for (int odd = 0; odd < 2; ++odd) {
      for (int word = 0; word < 4; ++word)
        store_canonical(tiles.sums[2 * word + odd], columns[word]);
      store_columns(columns, destination(odd), destination(odd + 2));
    }
  }
}

// Everything is read before anything is written: D may be C.
template <class E, int depth, bool half, bool wide, class Source>
ATTEST_INLINE void multiply_sources(const Instruction& instruction, Warp& warp, const Source& source) {
  using T = Tiles<E, depth>;
  constexpr int sums = half ? 2 : 4;
  T tiles;
  tiles.load(source, sums, sums + 2 * T::registers);
  load_sums<T, half>(tiles, source, sums + 3 * T::registers);
  if constexpr (wide)
    accumulate_wide<T, depth, half>(tiles);
  else
    accumulate_by_step<T, depth>(tiles);
  store_sums<T, half>(tiles, instruction, warp);
}
template <class E, int depth, bool half, bool wide>
void multiply_tiles(const Instruction& instruction, Warp& warp, Mask active) {
  if (active != all_lanes) fail_absent_member(all_lanes, active, __builtin_ctz(active), "mma.sync");
  // To tell constants from registers operand by operand would cost as much as a tenth of the sums.
  std::uint64_t four[4];
  static_assert(sizeof four == sizeof instruction.operand);
  __builtin_memcpy(four, instruction.operand, sizeof four);
  if (((four[0] | four[1] | four[2] | four[3]) & (constant_operand * 0x0001000100010001ull)) == 0) [[likely]]
    multiply_sources<E, depth, half, wide>(
        instruction, warp, [&](int k) __attribute__((always_inline)) {
          return const_cast<const std::uint32_t*>(warp.destination<std::uint32_t>(instruction.operand[k]));
        });
  else
    multiply_sources<E, depth, half, wide>(
        instruction, warp, [&](int k) __attribute__((always_inline)) {
          return warp.source_as<std::uint32_t>(instruction.operand[k]);
        });
}

inline constexpr OperandForm mma_d = in_group(out<B32>(), 1);
inline constexpr OperandForm mma_a = in_group(in<B32>(), 2);
inline constexpr OperandForm mma_b = in_group(in<B32>(), 3);
inline constexpr OperandForm mma_c = in_group(in<B32>(), 4);
// Operands for 4 or 2 registers of C and D and 2, or 1, of B.
template <bool half, int registers>
constexpr std::span<const OperandForm> mma_operands() {
  if constexpr (half && registers == 2)
    return operands<mma_d, mma_d, mma_a, mma_a, mma_a, mma_a, mma_b, mma_b, mma_c, mma_c>;
  else if constexpr (half)
    return operands<mma_d, mma_d, mma_a, mma_a, mma_b, mma_c, mma_c>;
  else if constexpr (registers == 2)
    return operands<mma_d, mma_d, mma_d, mma_d, mma_a, mma_a, mma_a, mma_a, mma_b, mma_b, mma_c, mma_c, mma_c, mma_c>;
  else
    return operands<mma_d, mma_d, mma_d, mma_d, mma_a, mma_a, mma_b, mma_c, mma_c, mma_c, mma_c>;
}

template <class E, int depth, bool half>
ATTEST_DESCRIBES void add_multiply(FormSink& sink, const char* shape) {
  const char* const sums = half ? "f16" : "f32";
  sink.add({"mma.sync.aligned", shape, "row.col", sums, E::name, E::name, sums},
           mma_operands<half, Tiles<E, depth>::registers>(),
           {.run = multiply_tiles<E, depth, half, false>,
            .wide = multiply_tiles<E, depth, half, true>,
            .kind = Class::tensor,
            .warp_flops = 2 * 16 * 8 * depth,
            .gathers = true,
            .reads_first = true});
}
ATTEST_DESCRIBES void add_mma(FormSink& sink) {
  add_multiply<Bf16Words, 16, false>(sink, "m16n8k16");
  add_multiply<F16Words, 16, false>(sink, "m16n8k16");
  add_multiply<F16Words, 16, true>(sink, "m16n8k16");
  add_multiply<Bf16Words, 8, false>(sink, "m16n8k8");
  add_multiply<F16Words, 8, false>(sink, "m16n8k8");
  add_multiply<F16Words, 8, true>(sink, "m16n8k8");
  add_multiply<Tf32Words, 8, false>(sink, "m16n8k8");
  add_multiply<Tf32Words, 4, false>(sink, "m16n8k4");
}
