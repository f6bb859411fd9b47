#include "variants/linear/chunk.hpp"

#include <algorithm>
#include <cstring>

#include "harness/core/dtype.hpp"
#include "variants/common/cpu/instruction_set.hpp"

namespace attest::linear {
namespace {

constexpr std::int64_t rounded_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

/// Register blocks of every instruction set divide it, as do their panels.
constexpr int all_register_blocks = 12;
constexpr int all_panels = 64;
static_assert(chunk_tokens % all_register_blocks == 0);
static_assert(block_dims * all_panels <= chunk_tokens * tiles::score_stride);  // a chunk's sum fits where scores lie
static_assert(block_dims % all_register_blocks == 0 && block_dims <= tiles::tile_keys && block_dims % 16 == 0);

/// Strips of rows at most: of the queries of a chunk, or of the dimensions of a block.
constexpr int most_strips = 64;
static_assert(most_strips * 4 >= chunk_tokens && most_strips * 4 >= block_dims);

/// The same keys for each of `strips` strips.
struct SameRange {
  SameRange(int strips, int end) { std::fill(of_strip, of_strip + strips, tiles::KeyRange{0, end}); }
  tiles::KeyRange of_strip[most_strips];
};

DType dtype_of(tiles::Storage storage) {
  if (storage == tiles::Storage::f32) return DType::f32;
  return storage == tiles::Storage::bf16 ? DType::bf16 : DType::f16;
}

float element(const tiles::Rows& rows, std::int64_t row, std::int64_t column) {
  return static_cast<float>(
      load_element(rows.data, dtype_of(rows.storage), row * rows.row_stride + column * rows.column_stride));
}

}  // namespace

ChunkSizes::ChunkSizes(const Problem& problem)
    : dims(static_cast<int>(problem.head_dim)),
      dims_v(static_cast<int>(problem.head_dim_v)),
      blocks((dims + block_dims - 1) / block_dims),
      block_rows(static_cast<int>(std::min<std::int64_t>(block_dims, rounded_up(dims, all_register_blocks)))),
      columns(static_cast<int>(rounded_up(dims_v, all_panels))),
      state(rounded_up(std::int64_t{blocks} * columns * tiles::tile_keys + blocks * block_dims, 16)),
      query_stride(static_cast<int>(rounded_up(dims, 16))),
      queries(std::int64_t{chunk_tokens} * query_stride),
      keys(rounded_up(chunk_tokens, all_panels) * dims),
      key_rows(rounded_up(std::int64_t{blocks} * block_rows * tiles::score_stride, 16)),
      values(std::int64_t{columns} * tiles::tile_keys),
      scores(std::int64_t{chunk_tokens} * tiles::score_stride),
      outputs(std::int64_t{chunk_tokens} * columns),
      small(rounded_up(chunk_tokens + chunk_tokens / 4, 16)) {}

Chunk::Chunk(const ChunkSizes& sizes, float* memory, PhaseClock clock)
    : sizes_(sizes), kernels_(tiles::microkernels()), elementwise_(elementwise_of(kernels_)), clock_(clock) {
  const auto take = [&memory](std::int64_t count) {
    float* part = memory;
    memory += count;
    return part;
  };
  state_ = take(sizes.state);
  norm_ = state_ + std::int64_t{sizes.blocks} * sizes.columns * tiles::tile_keys;
  queries_ = take(sizes.queries);
  keys_ = take(sizes.keys);
  key_rows_ = take(sizes.key_rows);
  values_ = take(sizes.values);
  scores_ = take(sizes.scores);
  outputs_ = take(sizes.outputs);
  denominators_ = take(chunk_tokens);
  not_finite_ = reinterpret_cast<std::uint8_t*>(memory);
}

int Chunk::dims_of(int block) const {
  return std::min(block_dims, sizes_.dims - block * block_dims);
}

void Chunk::clear_state() {
  std::memset(state_, 0, static_cast<std::size_t>(sizes_.state) * sizeof(float));
}

void Chunk::add_state(const float* other) {
  elementwise_.add(state_, other, sizes_.state);
}

void Chunk::load_keys(const tiles::Rows& keys, const tiles::Rows& values, int count) {
  clock_.enter(Phase::packing);
  const auto padded = rounded_up(count, kernels_.panel);
  kernels_.products.pack_keys(keys, count, sizes_.dims, keys_);
  elementwise_.feature(keys_, static_cast<int>(rounded_up(padded * sizes_.dims, 16)));
  for (int block = 0; block < sizes_.blocks; ++block) {
    elementwise_.unpack_keys(keys_, count, sizes_.dims, kernels_.panel, block * block_dims, dims_of(block),
                             key_rows_ + std::int64_t{block} * sizes_.block_rows * tiles::score_stride);
  }
  any_not_finite_ = kernels_.products.pack_values(values, count, sizes_.dims_v, values_, not_finite_);
  raw_values_ = values;
  key_count_ = count;
}

void Chunk::absorb() {
  clock_.enter(Phase::products);
  for (int block = 0; block < sizes_.blocks; ++block) {
    const float* rows = key_rows_ + std::int64_t{block} * sizes_.block_rows * tiles::score_stride;
    float* state = state_ + std::int64_t{block} * sizes_.columns * tiles::tile_keys;
    const int register_blocks = (dims_of(block) + kernels_.row_block - 1) / kernels_.row_block;
    // The state lies as packed values do, panel by panel, so that it can be the other operand for the queries. A chunk
    // is summed up by itself before it joins: a long sequence's roundings then grow with its chunks, not with its
    // tokens.
    float* sum = scores_;
    const std::int64_t floats = std::int64_t{register_blocks} * kernels_.row_block * kernels_.panel;
    for (int column = 0; column < sizes_.dims_v; column += kernels_.panel) {
      const std::int64_t place = std::int64_t{column} * tiles::tile_keys;
      const int width =
          std::min(kernels_.panel, static_cast<int>(rounded_up(sizes_.dims_v - column, kernels_.vector_floats)));
      std::memset(sum, 0, static_cast<std::size_t>(floats) * sizeof(float));
      kernels_.products.accumulate(rows, tiles::score_stride, SameRange(register_blocks, key_count_).of_strip,
                                   register_blocks, values_ + place, width, tiles::tile_keys, nullptr, sum,
                                   kernels_.panel);
      elementwise_.add(state + place, sum, floats);
    }
    elementwise_.add_row_sums(rows, dims_of(block), key_count_, norm_ + block * block_dims);
    if (!any_not_finite_) continue;
    for (int key = 0; key < key_count_; ++key) {
      if (!not_finite_[key]) continue;
      for (int c = 0; c < dims_of(block); ++c) {
        for (int column = 0; column < sizes_.dims_v; ++column) {
          state[std::int64_t{column / kernels_.panel} * kernels_.panel * tiles::tile_keys +
                std::int64_t{c} * kernels_.panel + column % kernels_.panel] +=
              rows[std::int64_t{c} * tiles::score_stride + key] * element(raw_values_, key, column);
        }
      }
    }
  }
}

int Chunk::output_columns() const {
  return static_cast<int>(rounded_up(sizes_.dims_v, kernels_.vector_floats));
}

int Chunk::seen(std::int64_t row, const Target& target) const {
  return static_cast<int>(std::clamp<std::int64_t>(target.first_sees + row, 0, target.keys));
}

void Chunk::load_queries(const tiles::Rows& queries, int count) {
  const int rows = static_cast<int>(rounded_up(count, kernels_.row_block));
  kernels_.products.pack_queries(queries, count, sizes_.dims, 1.0f, queries_, sizes_.query_stride);
  elementwise_.feature(queries_, rows * sizes_.query_stride);
}

/// The pairs inside the chunk, cut at each strip: rows do not work on keys that none of them sees.
void Chunk::add_pairs(int count, const Target& target) {
  const int strips = (count + kernels_.row_block - 1) / kernels_.row_block;
  SameRange ranges(strips, 0);
  for (int strip = 0; strip < strips; ++strip)
    ranges.of_strip[strip].end = seen(std::min((strip + 1) * kernels_.row_block, count) - 1, target);
  kernels_.products.scores(queries_, sizes_.query_stride, ranges.of_strip, strips, keys_, sizes_.dims, scores_);
  for (int row = 0; row < count; ++row) {
    denominators_[row] += elementwise_.cut_and_sum(scores_ + std::int64_t{row} * tiles::score_stride, seen(row, target),
                                                   ranges.of_strip[row / kernels_.row_block].end);
  }
  kernels_.products.accumulate(scores_, tiles::score_stride, ranges.of_strip, strips, values_, output_columns(),
                               tiles::tile_keys, nullptr, outputs_, sizes_.columns);
  if (any_not_finite_) add_not_finite(count, target);
}

/// Values that are not finite were left out of the product, where a zero for an unseen key would have made NaN of them.
void Chunk::add_not_finite(int count, const Target& target) {
  for (int key = 0; key < key_count_; ++key) {
    if (!not_finite_[key]) continue;
    for (int row = 0; row < count; ++row) {
      if (key >= seen(row, target)) continue;
      for (int column = 0; column < sizes_.dims_v; ++column) {
        outputs_[std::int64_t{row} * sizes_.columns + column] +=
            scores_[std::int64_t{row} * tiles::score_stride + key] * element(raw_values_, key, column);
      }
    }
  }
}

void Chunk::compute(const tiles::Rows& queries, int count, const Target& target) {
  clock_.enter(Phase::packing);
  load_queries(queries, count);
  const std::int64_t lines = ahead_.lines() / (2 * count) + 1;  // by each row, twice
  clock_.enter(Phase::products);
  std::memset(outputs_, 0, static_cast<std::size_t>(sizes_.outputs) * sizeof(float));
  std::fill(denominators_, denominators_ + chunk_tokens, 0.0f);
  if (target.reads_state) {
    const int register_blocks = (count + kernels_.row_block - 1) / kernels_.row_block;
    for (int block = 0; block < sizes_.blocks; ++block) {
      const float* rows = queries_ + block * block_dims;
      kernels_.products.accumulate(rows, sizes_.query_stride, SameRange(register_blocks, dims_of(block)).of_strip,
                                   register_blocks, state_ + std::int64_t{block} * sizes_.columns * tiles::tile_keys,
                                   output_columns(), tiles::tile_keys, nullptr, outputs_, sizes_.columns);
      for (int row = 0; row < count; ++row) {
        if (block == 0) ahead_.fetch(lines);
        denominators_[row] += elementwise_.dot(rows + std::int64_t{row} * sizes_.query_stride,
                                               norm_ + block * block_dims, dims_of(block));
      }
    }
  }
  if (target.keys > 0) add_pairs(count, target);
  const std::size_t bytes = size_of(dtype_of(target.storage));
  clock_.enter(Phase::storing);
  for (int row = 0; row < count; ++row) {
    ahead_.fetch(lines);
    const float denominator = denominators_[row] + target.eps;
    // A denominator of 0 is a row without a key, or whose features all underflowed: its sums are 0 and stay so.
    const float divisor = denominator == 0.0f ? 1.0f : denominator;
    kernels_.store(outputs_ + std::int64_t{row} * sizes_.columns, sizes_.dims_v, divisor,
                   static_cast<char*>(target.out) + row * target.row_stride * static_cast<std::ptrdiff_t>(bytes),
                   target.storage, target.column_stride);
  }
}

}  // namespace attest::linear
