#pragma once

#include <cstddef>
#include <cstdint>

// The table of micro-kernels: everything that depends on the instruction set, and nothing else. One table is compiled
// for each set from the same sources (tiles.inc.hpp). This header and those sources use no inline function of the
// standard library: the linker keeps one copy of such a function for the whole program, and it could be the one with
// AVX-512.

namespace attest::tiles {

/// Keys in one tile at most. A strip of scores of one register block stays in L1.
inline constexpr int tile_keys = 512;
/// Floats from one row of scores to the next: a constant, so that rows are addressed without registers, and no power of
/// two, so that they do not share cache sets.
inline constexpr int score_stride = tile_keys + 16;
/// Query rows of a strip at most, whatever the instruction set.
inline constexpr int max_row_block = 8;
/// Query rows of a streaming (decoding) kernel that share a key row in registers.
inline constexpr int stream_rows = 4;

/// How elements lie in memory; accumulation is always f32.
enum class Storage { f32, bf16, f16 };

/// Rows of a strided matrix in memory. Strides are in elements.
struct Rows {
  const void* data = nullptr;
  Storage storage = Storage::f32;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 1;
};

/// Rows that will be read next, to be fetched into L2 on the way: `count` of them, with neighbouring columns.
struct Ahead {
  Rows rows;
  int count = 0;
};

/// What soften() found in one row of scores.
struct Softened {
  float maximum;  ///< the larger of the old maximum and the largest score; -inf when no key was visible yet
  float sum;      ///< of the weights of this tile
};

/// Keys begin .. end - 1 of a tile; empty when they are none.
struct KeyRange {
  int begin;
  int end;
};

/// The softmax of the rows of a strip: what the tiles so far have left, and what this one changes. A row's entries are
/// at its index. See OnlineSoftmax.
struct StripSoftmax {
  float* maxima;
  float* sums;
  float* factors;  ///< out: what is summed with the weights so far is to be multiplied by this
};

/// One row of dropout: weight (batch, head, row, first_key + n).
struct DropoutRow {
  std::uint64_t seed;
  std::uint32_t threshold;  ///< floor(p * 2^32): a weight is kept when its random word is at least this
  float keep_factor;        ///< 1 / (1 - p)
  std::uint32_t batch, head, row, first_key;
};

/// Both products and the packing of their operands. Packed sizes in f32: queries [rows][stride]; keys [keys /
/// panel][head_dim][panel]; values [columns / panel][tile_keys][panel]; pairs take no more. A strip is row_block query
/// rows; its scores and weights lie score_stride apart. Keys outside a strip's range are neither computed nor read, up
/// to whole vectors.
struct Products {
  /// Widens `count` rows of Q to f32, times `sign`. Rows of `packed` have room for whole vectors.
  void (*pack_queries)(const Rows& queries, int count, int head_dim, float sign, float* packed,
                       std::ptrdiff_t packed_stride);
  /// Widens and transposes `count` keys (at most tile_keys); keys are padded by zeros to a whole vector.
  void (*pack_keys)(const Rows& keys, int count, int head_dim, float* packed);
  /// Widens `count` rows of V. A row that holds NaN or infinity is packed as zeros and marked in `not_finite` (one byte
  /// a key); returns whether there was one. Pairs mark rows with values near the subnormals too.
  bool (*pack_values)(const Rows& values, int count, int head_dim_v, float* packed, std::uint8_t* not_finite);
  /// scores[r][n] = q_r . k_n for the rows of `strips` strips and the keys of each one's range.
  void (*scores)(const float* queries, std::ptrdiff_t query_stride, const KeyRange* ranges, int strips,
                 const float* keys, int head_dim, float* scores);
  /// out[r] = factors[r] * out[r] + sum over the strip's range of weights[r][n] * v_n, for `columns` columns (a
  /// multiple of vector_floats). Without `factors` they are 1. Values are read `chunk` keys at a time, once for all
  /// strips.
  void (*accumulate)(const float* weights, std::ptrdiff_t weight_stride, const KeyRange* ranges, int strips,
                     const float* values, int columns, int chunk, const float* factors, float* out,
                     std::ptrdiff_t out_stride);
};

/// The micro-kernels of one instruction set.
struct Microkernels {
  const char* name;   ///< "portable", "avx2", "avx512" or "avx512bf16"
  int row_block;      ///< query rows in registers at a time
  int panel;          ///< keys (of K) and columns (of V) in registers at a time
  int vector_floats;  ///< floats in one register

  Products products;  ///< of any storage, in f32
  /// Of bf16 in pairs, which need not be widened but round the weights to bf16; null where the set has none.
  const Products* pairs;

  /// Turns `count` scores (a multiple of vector_floats) in place into exp2((s - maximum) * log2_factor), with the
  /// maximum over these and `maximum`. A score of -inf is a hidden key: its weight is -0.0, while a visible weight that
  /// underflows is +0.0. A NaN score makes the sum NaN.
  Softened (*soften)(float* scores, int count, float log2_factor, float maximum);
  /// The same for `rows` rows of a strip, with what it does to the sums so far. Row r sees the keys of visible[r],
  /// which are in `range`; the weights of the others in it are -0.0. With `hides`, visible scores may be -inf too.
  void (*soften_strip)(float* scores, int rows, const KeyRange* visible, KeyRange range, bool hides, float log2_factor,
                       StripSoftmax softmax);
  /// 2^x for x <= 0 as soften() computes it.
  float (*exp2)(float x);
  /// s = s * factor.
  void (*multiply)(float* scores, int count, float factor);
  /// s = cap * tanh(s * factor), where factor is scale / cap; in double inside.
  void (*softcap)(float* scores, int count, double factor, double cap);
  /// Applies the dropout multipliers to a row of weights; hidden keys stay hidden.
  void (*dropout)(float* weights, int count, const DropoutRow& row);
  /// One row of the result: out = source / divisor, rounded to nearest even.
  void (*store)(const float* source, int count, float divisor, void* out, Storage storage, std::ptrdiff_t stride);
  /// Streaming: where column `column` of a row like those of `rows` (`head_dim` columns) is in the f32 rows of the two
  /// below: queries as they are given, and sums as they are left.
  int (*stream_column)(const Rows& rows, int head_dim, int column);
  /// Streaming: scores[r][n] = q_r . k_n for `rows` (at most stream_rows) f32 rows of q, `query_stride` floats apart
  /// and zero-padded to 16, and `count` keys read where they are. Rows of scores are score_stride apart. Rows `ahead`,
  /// as wide as these, are fetched.
  void (*stream_scores)(const float* queries, std::ptrdiff_t query_stride, int rows, const Rows& keys, int count,
                        int head_dim, float* scores, const Ahead& ahead);
  /// Streaming: out[r] += sum over `count` keys of weights[r][n] * v_n. With `guards`, a weight of -0.0 ignores its key
  /// whatever v is; without, no weight may be hidden.
  void (*stream_accumulate)(const float* weights, int rows, const Rows& values, int count, int head_dim_v, bool guards,
                            float* out, std::ptrdiff_t out_stride, const Ahead& ahead);
};

/// Philox4x32-10 (Salmon et al. 2011): replaces the counter by its four random words. For tests; dropout() has its own.
void philox4x32_10(std::uint32_t counter[4], const std::uint32_t key[2]);

namespace portable {
extern const Microkernels microkernels;
}
namespace avx2 {
extern const Microkernels microkernels;
}
namespace avx512 {
extern const Microkernels microkernels;
}
namespace avx512bf16 {
extern const Microkernels microkernels;
}

}  // namespace attest::tiles
