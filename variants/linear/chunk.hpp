#pragma once

#include <cstdint>

#include "harness/core/phases.hpp"
#include "harness/core/problem.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/read_ahead.hpp"
#include "variants/linear/elementwise.hpp"

namespace attest::linear {

/// Tokens in a chunk: a multiple of the register blocks of every instruction set.
inline constexpr int chunk_tokens = 60;
/// Dimensions of q and k whose part of the state is one operand of a product; a multiple of every register block.
inline constexpr int block_dims = 240;

/// Sizes of one thread's buffers, in floats; all multiples of 16.
struct ChunkSizes {
  explicit ChunkSizes(const Problem& problem);

  int dims, dims_v;       ///< d, dv
  int blocks;             ///< blocks of block_dims
  int block_rows;         ///< rows of a full block, rounded up to register blocks
  int columns;            ///< dv rounded up to panels
  std::int64_t state;     ///< the state and its sum of features
  int query_stride;       ///< floats from one row of the queries to the next
  std::int64_t queries;   ///< features of the queries, as rows
  std::int64_t keys;      ///< features of the keys, as the scores' product reads them
  std::int64_t key_rows;  ///< the same transposed, as the state's update reads them
  std::int64_t values;
  std::int64_t scores;
  std::int64_t outputs;
  std::int64_t small;  ///< denominators and flags

  std::int64_t total() const { return state + queries + keys + key_rows + values + scores + outputs + small; }
};

/// One thread's work on chunks of one key head: a state, and the chunk that is in its buffers.
class Chunk {
 public:
  /// `memory` has ChunkSizes::total() floats, aligned to 64 bytes.
  Chunk(const ChunkSizes& sizes, float* memory, PhaseClock clock);
  ~Chunk() { clock_.leave(); }
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  /// What is read after the chunk in work; fetched while its rows are computed.
  tiles::ReadAhead& ahead() { return ahead_; }

  float* state() { return state_; }
  void clear_state();
  /// Adds another thread's state, of ChunkSizes::state floats.
  void add_state(const float* other);

  /// Takes in `count` keys (at most chunk_tokens) and their values.
  void load_keys(const tiles::Rows& keys, const tiles::Rows& values, int count);
  /// Adds the keys taken in to the state.
  void absorb();

  /// Where a chunk of query rows goes, and what of the keys taken in it sees.
  struct Target {
    void* out = nullptr;
    tiles::Storage storage = tiles::Storage::f32;
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t column_stride = 1;
    float eps = 0.0f;
    bool reads_state = true;      ///< false when the state is still empty
    std::int64_t first_sees = 0;  ///< row r sees the first (first_sees + r) of the keys taken in; may be negative
    int keys = 0;                 ///< keys taken in that any row sees; 0: the state alone
  };

  /// Computes `count` rows (at most chunk_tokens).
  void compute(const tiles::Rows& queries, int count, const Target& target);

 private:
  int seen(std::int64_t row, const Target& target) const;
  void load_queries(const tiles::Rows& queries, int count);
  void add_pairs(int count, const Target& target);
  void add_not_finite(int count, const Target& target);
  int dims_of(int block) const;
  int output_columns() const;

  const ChunkSizes& sizes_;
  const tiles::Microkernels& kernels_;
  const Elementwise& elementwise_;
  float *state_, *norm_, *queries_, *keys_, *key_rows_, *values_, *scores_, *outputs_;
  float* denominators_;
  std::uint8_t* not_finite_;
  tiles::Rows raw_values_;
  int key_count_ = 0;
  bool any_not_finite_ = false;
  tiles::ReadAhead ahead_;
  PhaseClock clock_;
};

}  // namespace attest::linear
