#include "variants/common/cpu/tile_attention.hpp"

#include <algorithm>
#include <limits>

#include "harness/core/workspace.hpp"
#include "variants/common/cpu/cache.hpp"
#include "variants/common/cpu/instruction_set.hpp"

namespace attest::tiles {

namespace {

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Hands out parts of a piece of memory in the sizes of Workspace.
template <class T>
T* part(std::byte*& memory, std::size_t count) {
  T* result = reinterpret_cast<T*>(memory);
  memory += Workspace::padded_for<T>(count);
  return result;
}

std::size_t key_floats(std::int64_t head_dim) {
  return static_cast<std::size_t>(tile_keys * head_dim);
}

std::size_t value_floats(const Microkernels& kernels, std::int64_t head_dim_v) {
  return static_cast<std::size_t>(tile_keys * rounded_up(head_dim_v, kernels.panel));
}

const Products& products_of(const Microkernels& kernels, DType dtype) {
  return narrows_weights(kernels, dtype) ? *kernels.pairs : kernels.products;
}

/// Floats of a row of K or V that are packed, and of a row of sums: whole registers.
int whole_vectors(const Microkernels& kernels, std::int64_t columns) {
  return static_cast<int>(rounded_up(columns, kernels.vector_floats));
}

/// Rows whose scores are kept at a time: a sixteenth of L2 leaves room for the tile of keys and values. Whole strips.
int rows_at_a_time(const Microkernels& kernels, int max_rows) {
  const auto fits = static_cast<std::int64_t>(cache_sizes().l2 / 16 / (score_stride * sizeof(float)));
  const std::int64_t rows = std::max<std::int64_t>(fits / kernels.row_block, 1) * kernels.row_block;
  return static_cast<int>(std::min<std::int64_t>(rows, rounded_up(max_rows, kernels.row_block)));
}

/// Keys whose values, one panel wide, fill two thirds of L1; the rest is for weights and sums.
int keys_in_l1(const Microkernels& kernels) {
  const std::size_t row = static_cast<std::size_t>(kernels.panel) * sizeof(float);
  return static_cast<int>(std::clamp<std::size_t>(cache_sizes().l1 * 2 / 3 / row / 16 * 16, 16, tile_keys));
}

}  // namespace

bool narrows_weights(const Microkernels& kernels, DType dtype) {
  return kernels.pairs != nullptr && dtype == DType::bf16;
}

Arithmetic tile_arithmetic(const Problem& problem) {
  Arithmetic arithmetic = tiles_arithmetic(problem);
  arithmetic.rescales = (problem.seq_kv - 1) / tile_keys;
  if (narrows_weights(microkernels(), problem.dtype)) arithmetic.weight = unit_roundoff(problem.dtype);
  return arithmetic;
}

std::size_t PackedTile::bytes(const Microkernels& kernels, std::int64_t head_dim, std::int64_t head_dim_v) {
  return Workspace::padded_for<float>(key_floats(head_dim)) +
         Workspace::padded_for<float>(value_floats(kernels, head_dim_v)) +
         Workspace::padded_for<std::uint8_t>(tile_keys);
}

PackedTile PackedTile::at(const Microkernels& kernels, std::int64_t head_dim, std::int64_t head_dim_v,
                          std::byte* memory) {
  PackedTile tile;
  tile.keys = part<float>(memory, key_floats(head_dim));
  tile.values = part<float>(memory, value_floats(kernels, head_dim_v));
  tile.not_finite = part<std::uint8_t>(memory, tile_keys);
  return tile;
}

void PackedTile::pack(const Microkernels& kernels, const AttentionCall& call, std::int64_t batch, std::int64_t head_kv,
                      std::int64_t first, int count) {
  const Problem& problem = call.problem;
  const Products& products = products_of(kernels, problem.dtype);
  products.pack_keys(call.key_rows(batch, head_kv, first), count, static_cast<int>(problem.head_dim), keys);
  any_not_finite = products.pack_values(call.value_rows(batch, head_kv, first), count,
                                        static_cast<int>(problem.head_dim_v), values, not_finite);
}

std::size_t TileAttention::bytes(const Microkernels& kernels, const Problem& problem, int max_rows, bool packs) {
  const auto rows = static_cast<std::size_t>(rounded_up(max_rows, kernels.row_block));
  const auto batch = static_cast<std::size_t>(rows_at_a_time(kernels, max_rows));
  const auto query_stride = static_cast<std::size_t>(whole_vectors(kernels, problem.head_dim));
  const auto columns = static_cast<std::size_t>(whole_vectors(kernels, problem.head_dim_v));
  return Workspace::padded_for<float>(rows * query_stride) + Workspace::padded_for<float>(batch * score_stride) +
         Workspace::padded_for<float>(rows * columns) + 3 * Workspace::padded_for<float>(rows) +
         2 * Workspace::padded_for<KeyRange>(batch) + Workspace::padded_for<RowView>(rows) +
         (packs ? PackedTile::bytes(kernels, problem.head_dim, problem.head_dim_v) : 0);
}

TileAttention::TileAttention(const Microkernels& kernels, const AttentionCall& call, int max_rows, bool packs,
                             std::byte* memory, PhaseClock clock)
    : kernels_(kernels),
      products_(products_of(kernels, call.problem.dtype)),
      call_(call),
      columns_(whole_vectors(kernels, call.problem.head_dim_v)),
      query_stride_(whole_vectors(kernels, call.problem.head_dim)),
      batch_rows_(rows_at_a_time(kernels, max_rows)),
      value_chunk_(keys_in_l1(kernels)),
      clock_(clock) {
  const auto rows = static_cast<std::size_t>(rounded_up(max_rows, kernels.row_block));
  const auto batch = static_cast<std::size_t>(batch_rows_);
  queries_ = part<float>(memory, rows * static_cast<std::size_t>(query_stride_));
  scores_ = part<float>(memory, batch * score_stride);
  sums_ = part<float>(memory, rows * static_cast<std::size_t>(columns_));
  softmax_ = {part<float>(memory, rows), part<float>(memory, rows), part<float>(memory, rows)};
  visible_ = part<KeyRange>(memory, batch);
  ranges_ = part<KeyRange>(memory, batch);
  views_ = part<RowView>(memory, rows);
  if (packs) own_ = PackedTile::at(kernels, call.problem.head_dim, call.problem.head_dim_v, memory);
}

void TileAttention::start(const RowBlock& block, KeySpan limit) {
  clock_.enter(Phase::packing);
  block_ = block;
  limit_ = limit;
  const Problem& problem = call_.problem;
  const std::int64_t kv_length = call_.kv_length(block.batch);
  const std::ptrdiff_t whole = rounded_up(block.rows, kernels_.row_block);
  // The last strip may have rows that nobody fills.
  std::fill(queries_ + std::ptrdiff_t{block.rows} * query_stride_, queries_ + whole * query_stride_, 0.0f);
  std::fill(sums_, sums_ + whole * columns_, 0.0f);
  std::fill(softmax_.maxima, softmax_.maxima + whole, OnlineSoftmax{}.maximum);
  std::fill(softmax_.sums, softmax_.sums + whole, 0.0f);
  std::fill(softmax_.factors, softmax_.factors + whole, 1.0f);
  const int step = block.heads == 1 ? block.rows : 1;  // rows of one head are packed together
  for (int row = 0; row < block.rows; row += step) {
    products_.pack_queries(query_rows(block, row), step, static_cast<int>(problem.head_dim), call_.query_sign,
                           queries_ + std::ptrdiff_t{row} * query_stride_, query_stride_);
  }
  for (int row = 0; row < block.rows; ++row) {
    views_[row] = view_of_row(problem, (block.first_row + row) / block.heads, kv_length, call_.global);
  }
}

KeySpan TileAttention::span(int row, std::int64_t first, std::int64_t last, bool prefix) const {
  const RowView& view = views_[row];
  // What a band holds of the prefix is in the row's own prefix too: both end at the causal limit.
  const KeySpan span = prefix ? KeySpan{0, view.prefix} : view.band;
  return span.within(std::max(first, limit_.first), std::min(last, limit_.last));
}

bool TileAttention::any_visible(std::int64_t first, std::int64_t last, bool prefix) const {
  for (int row = 0; row < block_.rows; ++row) {
    if (!span(row, first, last, prefix).empty()) return true;
  }
  return false;
}

template <class Visit>
void TileAttention::for_each_tile(std::int64_t alignment, const Visit& visit) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  std::int64_t prefix = 0;
  for (int row = 0; row < block_.rows; ++row) {
    prefix = std::max(prefix, views_[row].prefix);
    const KeySpan band = views_[row].band.within(limit_.first, limit_.last);
    if (band.empty()) continue;
    first = std::min(first, band.first);
    last = std::max(last, band.last);
  }
  for (std::int64_t key = 0; key < prefix; key += tile_keys) {
    const std::int64_t end = std::min<std::int64_t>(key + tile_keys, prefix);
    if (any_visible(key, end, true)) visit(key, end, true);
  }
  // Tiles end at multiples of tile_keys and begin at multiples of `alignment`, so that a row's bits do not depend on
  // the block that it is in.
  const KeySpan whole = limit_;
  last_key_ = last;
  limit_.first = std::max(limit_.first, prefix);
  for (std::int64_t key = std::max(first, prefix) / alignment * alignment; key < last;) {
    const std::int64_t end = std::min((key / tile_keys + 1) * tile_keys, last);
    if (any_visible(key, end, false)) visit(key, end, false);
    key = end;
  }
  limit_ = whole;
}

void TileAttention::attend(const RowBlock* next) {
  for_each_tile(kernels_.panel, [&](std::int64_t first, std::int64_t last, bool prefix) {
    clock_.enter(Phase::packing);
    own_.pack(kernels_, call_, block_.batch, block_.head_kv, first, static_cast<int>(last - first));
    if (!prefix) look_ahead(last, last_key_, next);
    attend_tile(own_, first, last, prefix);
  });
}

Rows TileAttention::query_rows(const RowBlock& block, int row) const {
  const std::int64_t packed = block.first_row + row;
  return call_.query_rows(block.batch, block.first_head + packed % block.heads, packed / block.heads);
}

/// What is read after the tile that ends at key `first`: the next one, or what the next block begins with.
void TileAttention::look_ahead(std::int64_t first, std::int64_t last, const RowBlock* next) {
  const Problem& problem = call_.problem;
  const RowBlock* block = &block_;
  ahead_.clear();
  if (first >= last) {
    if (next == nullptr) return;
    block = next;
    const KeySpan band = view_of_row(problem, next->first_row / next->heads, call_.kv_length(next->batch)).band;
    first = band.first;
    last = std::min(band.last, limit_.last);
    if (next->heads == 1) ahead_.add(query_rows(*next, 0), next->rows, problem.head_dim);
  }
  const std::int64_t count = std::min((first / tile_keys + 1) * tile_keys, last) - first;
  ahead_.add(call_.key_rows(block->batch, block->head_kv, first), count, problem.head_dim);
  ahead_.add(call_.value_rows(block->batch, block->head_kv, first), count, problem.head_dim_v);
  // More than a share of L2 would drive out the tile in work.
  const std::int64_t lines = ahead_.lines();
  if (lines * 64 > static_cast<std::int64_t>(cache_sizes().l2 / 3)) ahead_.clear();
  ahead_lines_ = lines * kernels_.row_block / block_.rows + 1;
}

void TileAttention::attend_packed(const PackedTile* tiles) {
  for_each_tile(tile_keys, [&](std::int64_t first, std::int64_t last, bool prefix) {
    attend_tile(tiles[first / tile_keys], first, last, prefix);
  });
}

void TileAttention::attend_tile(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix) {
  for (int row = 0; row < block_.rows; row += batch_rows_)
    attend_strips(tile, first, last, prefix, row);
}

/// Rows begin_row and on, as many as there is room for scores.
void TileAttention::attend_strips(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix,
                                  int begin_row) {
  const int block = kernels_.row_block;
  const int rows = std::min(batch_rows_, block_.rows - begin_row);
  const int strips = (rows + block - 1) / block;
  bool any = false;
  for (int strip = 0; strip < strips; ++strip) {
    KeyRange joint{tile_keys, 0};
    for (int row = strip * block; row < std::min((strip + 1) * block, rows); ++row) {
      const KeySpan seen = span(begin_row + row, first, last, prefix);
      visible_[row] = {static_cast<int>(seen.first - first), static_cast<int>(seen.last - first)};
      if (seen.empty()) continue;
      joint = {std::min(joint.begin, visible_[row].begin), std::max(joint.end, visible_[row].end)};
    }
    ranges_[strip] = joint;
    any = any || joint.begin < joint.end;
  }
  if (!any) return;

  const int head_dim = static_cast<int>(call_.problem.head_dim);
  clock_.enter(Phase::products);
  products_.scores(queries_ + std::ptrdiff_t{begin_row} * query_stride_, query_stride_, ranges_, strips, tile.keys,
                   head_dim, scores_);
  clock_.enter(Phase::softmax);
  for (int strip = 0; strip < strips; ++strip) {
    ahead_.fetch(ahead_lines_);
    if (ranges_[strip].begin >= ranges_[strip].end) continue;
    weigh(begin_row + strip * block, first, visible_ + strip * block, ranges_[strip],
          scores_ + std::ptrdiff_t{strip} * block * score_stride);
  }
  clock_.enter(Phase::products);
  products_.accumulate(scores_, score_stride, ranges_, strips, tile.values, columns_, value_chunk_,
                       softmax_.factors + begin_row, sums_ + std::ptrdiff_t{begin_row} * columns_, columns_);
  if (!tile.any_not_finite) return;
  for (int strip = 0; strip < strips; ++strip) {
    add_not_finite(tile, first, ranges_[strip], begin_row + strip * block,
                   scores_ + std::ptrdiff_t{strip} * block * score_stride);
  }
}

/// The scores of a strip become weights; `visible` has an entry a row.
void TileAttention::weigh(int strip_row, std::int64_t first, const KeyRange* visible, KeyRange range, float* scores) {
  const int rows = std::min(kernels_.row_block, block_.rows - strip_row);
  KeyRange seen[max_row_block];
  for (int row = 0; row < rows; ++row) {
    const bool empty = visible[row].begin >= visible[row].end;
    seen[row] = empty ? KeyRange{range.end, range.end} : visible[row];
    if (call_.plain() || empty) continue;
    const std::int64_t packed = block_.first_row + strip_row + row;
    shape_scores(call_, kernels_, block_.batch, block_.first_head + packed % block_.heads, packed / block_.heads,
                 first + seen[row].begin, seen[row].end - seen[row].begin,
                 scores + row * score_stride + seen[row].begin);
  }
  kernels_.soften_strip(scores, rows, seen, range, !call_.plain(), call_.log2_factor(),
                        {softmax_.maxima + strip_row, softmax_.sums + strip_row, softmax_.factors + strip_row});
  if (!call_.drops()) return;
  for (int row = 0; row < rows; ++row)
    drop(strip_row + row, first, range, scores + row * score_stride);
}

void TileAttention::drop(int row, std::int64_t first, KeyRange range, float* weights) const {
  const std::int64_t packed = block_.first_row + row;
  DropoutRow dropout = call_.dropout;
  dropout.batch = static_cast<std::uint32_t>(block_.batch);
  dropout.head = static_cast<std::uint32_t>(block_.first_head + packed % block_.heads);
  dropout.row = static_cast<std::uint32_t>(packed / block_.heads);
  dropout.first_key = static_cast<std::uint32_t>(first + range.begin);
  kernels_.dropout(weights + range.begin, range.end - range.begin, dropout);
}

/// Rows of V with NaN or infinity (of pairs, near the subnormals too) were left out of the product; the rows that see
/// them take them here, one by one.
void TileAttention::add_not_finite(const PackedTile& tile, std::int64_t first, KeyRange range, int strip_row,
                                   const float* weights) {
  const int rows = std::min(kernels_.row_block, block_.rows - strip_row);
  const int head_dim_v = static_cast<int>(call_.problem.head_dim_v);
  for (int key = range.begin; key < range.end; ++key) {
    if (!tile.not_finite[key]) continue;
    const Rows value = call_.value_rows(block_.batch, block_.head_kv, first + key);
    for (int row = 0; row < rows; ++row) {
      const float weight = weights[row * score_stride + key];
      if (std::signbit(weight)) continue;  // hidden
      // A visible weight that underflowed is still positive: infinity times it is infinity. A dropped one is 0.
      const bool underflowed = weight == 0.0f && !call_.drops();
      const float positive = underflowed ? std::numeric_limits<float>::min() : weight;
      float* sums = sums_ + std::ptrdiff_t{strip_row + row} * columns_;
      for (int column = 0; column < head_dim_v; ++column) {
        sums[column] +=
            positive * static_cast<float>(load_element(value.data, call_.value.dtype, column * value.column_stride));
      }
    }
  }
}

void TileAttention::finish() const {
  clock_.enter(Phase::storing);
  for (int row = 0; row < block_.rows; ++row) {
    const std::int64_t packed = block_.first_row + row;
    call_.store_row(kernels_, block_.batch, block_.first_head + packed % block_.heads, packed / block_.heads, sums(row),
                    softmax(row).divisor(), softmax(row).finish(call_.unit()));
  }
  clock_.leave();
}

int choose_block_rows(const Microkernels& kernels, std::int64_t rows_each, std::int64_t sequences, int threads) {
  constexpr std::int64_t shortest = 96;
  constexpr std::int64_t longest = 768;
  const std::int64_t fair = rows_each * sequences / (8 * static_cast<std::int64_t>(threads));
  const std::int64_t wanted = std::clamp(fair, shortest, longest);
  const std::int64_t blocks = (rows_each + wanted - 1) / wanted;
  return static_cast<int>(rounded_up((rows_each + blocks - 1) / blocks, kernels.row_block));
}

}  // namespace attest::tiles
