#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/online_softmax.hpp"
#include "variants/common/cpu/read_ahead.hpp"

namespace attest::tiles {

/// Whether tiles of this type round their weights to it before the second product.
bool narrows_weights(const Microkernels& kernels, DType dtype);

/// The rounding of kernels built on TileAttention: that of all kernels of this folder, with a rescale a tile and the
/// rounding of the weights.
Arithmetic tile_arithmetic(const Problem& problem);

/// Up to tile_keys keys and values, packed for the products.
struct PackedTile {
  float* keys = nullptr;
  float* values = nullptr;
  std::uint8_t* not_finite = nullptr;  ///< one byte a key: its row of V holds NaN or infinity and is packed as zeros
  bool any_not_finite = false;

  /// Bytes of one tile, a sum of Workspace::padded() terms.
  static std::size_t bytes(const Microkernels& kernels, std::int64_t head_dim, std::int64_t head_dim_v);
  /// The same of the two parts that depend on a head dim, for a place in memory of that size.
  static PackedTile at(const Microkernels& kernels, std::int64_t head_dim, std::int64_t head_dim_v, std::byte* memory);
  /// Packs keys first .. first + count - 1 of one key head.
  void pack(const Microkernels& kernels, const AttentionCall& call, std::int64_t batch, std::int64_t head_kv,
            std::int64_t first, int count);
};

/// Query rows that share one key head. Packed row p is row p / heads of query head first_head + p % heads.
struct RowBlock {
  std::int64_t batch = 0;
  std::int64_t head_kv = 0;
  std::int64_t first_head = 0;
  int heads = 1;
  std::int64_t first_row = 0;  ///< packed
  int rows = 0;
};

/// FlashAttention-2's inner loop for one thread (Dao 2023, algorithm 1): a block of query rows stays, tiles of keys
/// pass by, and nothing of size sq * skv is ever kept. Rows go through it a batch of strips at a time, so that their
/// scores stay in L2 and a panel of keys or values in L1 serves all of them; work outside the visible band is skipped
/// strip by strip.
class TileAttention {
 public:
  /// Scratch memory of one thread, a sum of Workspace::padded() terms. With `packs`, it holds a tile of its own.
  static std::size_t bytes(const Microkernels& kernels, const Problem& problem, int max_rows, bool packs);

  /// `memory` has bytes() bytes, aligned to 64.
  TileAttention(const Microkernels& kernels, const AttentionCall& call, int max_rows, bool packs, std::byte* memory,
                PhaseClock clock);

  /// Takes the rows of a block; they see the keys in `limit` only (a chunk of all keys, for a split).
  void start(const RowBlock& block, KeySpan limit);

  /// Attends to every visible key, packing each tile on the way. The block that this thread takes next may be told, so
  /// that its first operands are there by then.
  void attend(const RowBlock* next = nullptr);
  /// The same with tiles packed before, where tile n holds keys n * tile_keys and on. Without global tokens only.
  void attend_packed(const PackedTile* tiles);

  /// Writes out and lse of all rows of the block.
  void finish() const;
  PhaseClock clock() const { return clock_; }

  /// The softmax and the sums of one row of the block, not yet divided, for a merge of splits.
  OnlineSoftmax softmax(int row) const { return {softmax_.maxima[row], softmax_.sums[row]}; }
  const float* sums(int row) const { return sums_ + row * columns_; }
  int columns() const { return columns_; }

 private:
  KeySpan span(int row, std::int64_t first, std::int64_t last, bool prefix) const;
  void attend_tile(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix);
  void attend_strips(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix, int begin_row);
  void weigh(int strip_row, std::int64_t first, const KeyRange* visible, KeyRange range, float* scores);
  void drop(int row, std::int64_t first, KeyRange range, float* weights) const;
  void add_not_finite(const PackedTile& tile, std::int64_t first, KeyRange range, int strip_row, const float* weights);
  bool any_visible(std::int64_t first, std::int64_t last, bool prefix) const;
  void look_ahead(std::int64_t first, std::int64_t last, const RowBlock* next);
  Rows query_rows(const RowBlock& block, int row) const;
  template <class Visit>
  void for_each_tile(std::int64_t alignment, const Visit& visit);

  const Microkernels& kernels_;
  const Products& products_;
  const AttentionCall& call_;
  int columns_;       ///< of a row of sums
  int query_stride_;  ///< floats from one packed row of Q to the next
  int batch_rows_;    ///< rows whose scores are kept at a time
  int value_chunk_;   ///< keys whose values, one panel wide, fit L1
  float* queries_;
  float* scores_;
  float* sums_;
  StripSoftmax softmax_;
  KeyRange* visible_;  ///< of the rows in work
  KeyRange* ranges_;   ///< of the strips in work
  RowView* views_;
  PackedTile own_;
  RowBlock block_;
  KeySpan limit_;
  std::int64_t last_key_ = 0;  ///< one past the last that a row of the block sees
  ReadAhead ahead_;
  std::int64_t ahead_lines_ = 0;  ///< fetched with each strip
  PhaseClock clock_;
};

/// Rows of a block for `total_rows` rows in `sequences` sequences: long enough to pay for packing, short enough that
/// the threads finish together; a multiple of the register block.
int choose_block_rows(const Microkernels& kernels, std::int64_t rows_each, std::int64_t sequences, int threads);

}  // namespace attest::tiles
