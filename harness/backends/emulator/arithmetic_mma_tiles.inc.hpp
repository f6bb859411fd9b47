// mma.sync of 16 rows and 8 columns. A register of 32 lanes holds 8 rows of 4 words, lane 4*row + word: of A the rows,
// of B the columns, of C and D the rows again. A word is one tf32 number or two of 16 bits. So all fragments are read
// and written by one transposition, of 8x4 words to columns; vectors lie along the 16 rows of the result.

#if defined(__AVX2__) && !defined(__AVX512F__)
// store(k, word k of r0 to r3 in a row), in each half of the registers.
template <class Store>
ATTEST_INLINE void transpose_halves(__m256 r0, __m256 r1, __m256 r2, __m256 r3, Store store) {
  const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r0, r1));
  const __m256d b = _mm256_castps_pd(_mm256_unpacklo_ps(r2, r3));
  const __m256d c = _mm256_castps_pd(_mm256_unpackhi_ps(r0, r1));
  const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(r2, r3));
  store(0, _mm256_unpacklo_pd(a, b));
  store(1, _mm256_unpackhi_pd(a, b));
  store(2, _mm256_unpacklo_pd(c, d));
  store(3, _mm256_unpackhi_pd(c, d));
}
#endif

// Words of two registers, for rows 0 to 7 and 8 to 15, as four columns of 16; and back.
ATTEST_INLINE void load_columns(const std::uint32_t* upper, const std::uint32_t* lower, std::uint32_t (*columns)[16]) {
#if defined(__AVX512F__)
  const __m512i even = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(2));
  const __m512i u0 = _mm512_load_si512(upper);
  const __m512i u1 = _mm512_load_si512(upper + 16);
  const __m512i l0 = _mm512_load_si512(lower);
  const __m512i l1 = _mm512_load_si512(lower + 16);
  const __m512i u01 = _mm512_permutex2var_epi32(u0, even, u1);
  const __m512i u23 = _mm512_permutex2var_epi32(u0, odd, u1);
  const __m512i l01 = _mm512_permutex2var_epi32(l0, even, l1);
  const __m512i l23 = _mm512_permutex2var_epi32(l0, odd, l1);
  _mm512_store_si512(columns[0], _mm512_shuffle_i64x2(u01, l01, 0x44));
  _mm512_store_si512(columns[1], _mm512_shuffle_i64x2(u01, l01, 0xee));
  _mm512_store_si512(columns[2], _mm512_shuffle_i64x2(u23, l23, 0x44));
  _mm512_store_si512(columns[3], _mm512_shuffle_i64x2(u23, l23, 0xee));
#elif defined(__AVX2__)
  for (int half = 0; half < 2; ++half) {
    const auto* const words = reinterpret_cast<const float*>(half == 0 ? upper : lower);
    const auto rows = [words](int row) __attribute__((always_inline)) {
      return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(words + 4 * row)),
                                  _mm_load_ps(words + 4 * row + 16), 1);
    };
    const auto store = [ columns, half ](int column, __m256d value) __attribute__((always_inline)) {
      _mm256_store_pd(reinterpret_cast<double*>(columns[column] + 8 * half), value);
    };
    transpose_halves(rows(0), rows(1), rows(2), rows(3), store);
  }
#else
  for (int row = 0; row < 8; ++row)
    for (int word = 0; word < 4; ++word) {
      columns[word][row] = upper[4 * row + word];
      columns[word][row + 8] = lower[4 * row + word];
    }
#endif
}
ATTEST_INLINE void store_columns(const std::uint32_t (*columns)[16], std::uint32_t* upper, std::uint32_t* lower) {
#if defined(__AVX512F__)
  const __m512i c0 = _mm512_load_si512(columns[0]);
  const __m512i c1 = _mm512_load_si512(columns[1]);
  const __m512i c2 = _mm512_load_si512(columns[2]);
  const __m512i c3 = _mm512_load_si512(columns[3]);
  const __m512i u01 = _mm512_shuffle_i64x2(c0, c1, 0x44);
  const __m512i u23 = _mm512_shuffle_i64x2(c2, c3, 0x44);
  const __m512i l01 = _mm512_shuffle_i64x2(c0, c1, 0xee);
  const __m512i l23 = _mm512_shuffle_i64x2(c2, c3, 0xee);
  const __m512i first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(4));
  _mm512_store_si512(upper, _mm512_permutex2var_epi32(u01, first, u23));
  _mm512_store_si512(upper + 16, _mm512_permutex2var_epi32(u01, second, u23));
  _mm512_store_si512(lower, _mm512_permutex2var_epi32(l01, first, l23));
  _mm512_store_si512(lower + 16, _mm512_permutex2var_epi32(l01, second, l23));
#elif defined(__AVX2__)
  for (int half = 0; half < 2; ++half) {
    auto* const words = reinterpret_cast<float*>(half == 0 ? upper : lower);
    const auto load = [ columns, half ](int column) __attribute__((always_inline)) {
      return _mm256_load_ps(reinterpret_cast<const float*>(columns[column] + 8 * half));
    };
    const auto store = [words](int row, __m256d value) __attribute__((always_inline)) {
      const __m256 rows = _mm256_castpd_ps(value);
      _mm_store_ps(words + 4 * row, _mm256_castps256_ps128(rows));
      _mm_store_ps(words + 4 * row + 16, _mm256_extractf128_ps(rows, 1));
    };
    transpose_halves(load(0), load(1), load(2), load(3), store);
  }
#else
  for (int row = 0; row < 8; ++row)
    for (int word = 0; word < 4; ++word) {
      upper[4 * row + word] = columns[word][row];
      lower[4 * row + word] = columns[word][row + 8];
    }
#endif
}

// How words are made floats: `parts` numbers a word, lowest first.
struct Tf32Words {
  static constexpr int parts = 1;
  static constexpr const char* name = "tf32";
  template <int part>
  ATTEST_INLINE float number(std::uint32_t word) {
    return as_float(word & 0xffffe000u);
  }
};
struct Bf16Words {
  static constexpr int parts = 2;
  static constexpr const char* name = "bf16";
  template <int part>
  ATTEST_INLINE float number(std::uint32_t word) {
    return as_float(part == 0 ? word << 16 : word & 0xffff0000u);
  }
};
struct F16Words {
  static constexpr int parts = 2;
  static constexpr const char* name = "f16";
  template <int part>
  ATTEST_INLINE float number(std::uint32_t word) {
    return half_to_float(part == 0 ? word & 0xffffu : word >> 16);
  }
};
// numbers[i] = number<part>(words[i]).
template <class E, int part, int count>
ATTEST_INLINE void spread(const std::uint32_t* words, float* numbers) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<E, F16Words>) {
    for (int i = 0; i < count; i += 16) {
      const __m512i pair = _mm512_load_si512(words + i);
      _mm512_store_ps(numbers + i,
                      _mm512_cvtph_ps(_mm512_cvtepi32_epi16(part == 0 ? pair : _mm512_srli_epi32(pair, 16))));
    }
    return;
  }
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<E, F16Words>) {
    for (int i = 0; i < count; i += 8) {
      const __m256i pair = _mm256_load_si256(reinterpret_cast<const __m256i*>(words + i));
      const __m256i half = part == 0 ? _mm256_and_si256(pair, _mm256_set1_epi32(0xffff)) : _mm256_srli_epi32(pair, 16);
      _mm256_store_ps(numbers + i, _mm256_cvtph_ps(_mm_packus_epi32(_mm256_castsi256_si128(half),
                                                                    _mm256_extracti128_si256(half, 1))));
    }
    return;
  }
#endif
  for (int i = 0; i < count; ++i)
    numbers[i] = E::template number<part>(words[i]);
}

// The matrices of one mma as floats: a by k then row; b by register, part, column, word; sums by column then row.
template <class E, int depth>
struct Tiles {
  static constexpr int registers = depth / (4 * E::parts);  // of B; A has twice as many
  alignas(64) float a[depth][16];
  alignas(64) float b[registers * E::parts * warp_lanes];
  alignas(64) float sums[8][16];

  ATTEST_INLINE int index_of_a(int block, int word, int part) { return (block * 4 + word) * E::parts + part; }
  ATTEST_INLINE int index_of_b(int k, int column) {
    const int word = k / E::parts;
    return (word / 4 * E::parts + k % E::parts) * warp_lanes + column * 4 + word % 4;
  }
  // `source` gives the words of an operand.
  template <class Source>
  [[gnu::always_inline]] inline void load(const Source& source, int first_a, int first_b) {
    for (int block = 0; block < registers; ++block) {
      alignas(64) std::uint32_t columns[4][16];
      load_columns(source(first_a + 2 * block), source(first_a + 2 * block + 1), columns);
      for (int word = 0; word < 4; ++word) {
        spread<E, 0, 16>(columns[word], a[index_of_a(block, word, 0)]);
        if constexpr (E::parts == 2) spread<E, 1, 16>(columns[word], a[index_of_a(block, word, 1)]);
      }
      const auto* words = source(first_b + block);
      spread<E, 0, warp_lanes>(words, b + block * E::parts * warp_lanes);
      if constexpr (E::parts == 2) spread<E, 1, warp_lanes>(words, b + (block * E::parts + 1) * warp_lanes);
    }
  }
};
