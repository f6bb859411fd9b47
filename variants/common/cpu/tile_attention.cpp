#include "variants/common/cpu/tile_attention.hpp"

#include <algorithm>
#include <limits>

#include "harness/core/workspace.hpp"

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

std::size_t query_floats(std::int64_t head_dim, int rows) {
  return static_cast<std::size_t>(rows * rounded_up(head_dim, 16));
}

}  // namespace

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
  kernels.pack_keys(call.key_rows(batch, head_kv, first), count, static_cast<int>(problem.head_dim), keys);
  any_not_finite = kernels.pack_values(call.value_rows(batch, head_kv, first), count,
                                       static_cast<int>(problem.head_dim_v), values, not_finite);
}

std::size_t TileAttention::bytes(const Microkernels& kernels, const Problem& problem, int max_rows, bool packs) {
  const std::size_t rows = static_cast<std::size_t>(max_rows);
  const std::size_t columns = static_cast<std::size_t>(rounded_up(problem.head_dim_v, kernels.panel / 2));
  return Workspace::padded_for<float>(query_floats(problem.head_dim, max_rows)) +
         Workspace::padded_for<float>(static_cast<std::size_t>(kernels.row_block * score_stride)) +
         Workspace::padded_for<float>(rows * columns) + Workspace::padded_for<float>(rows) +
         Workspace::padded_for<OnlineSoftmax>(rows) + Workspace::padded_for<RowView>(rows) +
         (packs ? PackedTile::bytes(kernels, problem.head_dim, problem.head_dim_v) : 0);
}

TileAttention::TileAttention(const Microkernels& kernels, const AttentionCall& call, int max_rows, bool packs,
                             std::byte* memory)
    : kernels_(kernels),
      call_(call),
      columns_(static_cast<int>(rounded_up(call.problem.head_dim_v, kernels.panel / 2))) {
  const std::size_t rows = static_cast<std::size_t>(max_rows);
  queries_ = part<float>(memory, query_floats(call.problem.head_dim, max_rows));
  scores_ = part<float>(memory, static_cast<std::size_t>(kernels.row_block * score_stride));
  sums_ = part<float>(memory, rows * static_cast<std::size_t>(columns_));
  factors_ = part<float>(memory, rows);
  softmax_ = part<OnlineSoftmax>(memory, rows);
  views_ = part<RowView>(memory, rows);
  if (packs) own_ = PackedTile::at(kernels, call.problem.head_dim, call.problem.head_dim_v, memory);
}

void TileAttention::start(const RowBlock& block, KeySpan limit) {
  block_ = block;
  limit_ = limit;
  const Problem& problem = call_.problem;
  const std::int64_t kv_length = call_.kv_length(block.batch);
  const int whole = static_cast<int>(rounded_up(block.rows, kernels_.row_block));
  if (whole != block.rows) {  // the last register block has rows that nobody fills
    std::fill(queries_ + query_floats(problem.head_dim, whole - kernels_.row_block),
              queries_ + query_floats(problem.head_dim, whole), 0.0f);
  }
  std::fill(sums_, sums_ + std::ptrdiff_t{whole} * columns_, 0.0f);
  std::fill(softmax_, softmax_ + whole, OnlineSoftmax{});
  const int step = block.heads == 1 ? block.rows : 1;  // rows of one head are packed together
  for (int row = 0; row < block.rows; row += step) {
    const std::int64_t packed = block.first_row + row;
    const Rows from = call_.query_rows(block.batch, block.first_head + packed % block.heads, packed / block.heads);
    kernels_.pack_queries(from, step, static_cast<int>(problem.head_dim), call_.query_sign, row, queries_);
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
  for (std::int64_t key = std::max(first, prefix) / alignment * alignment; key < last; key += tile_keys) {
    const std::int64_t end = std::min<std::int64_t>(key + tile_keys, last);
    if (any_visible(key, end, false)) visit(key, end, false);
  }
}

void TileAttention::attend() {
  for_each_tile(1, [&](std::int64_t first, std::int64_t last, bool prefix) {
    own_.pack(kernels_, call_, block_.batch, block_.head_kv, first, static_cast<int>(last - first));
    attend_tile(own_, first, last, prefix);
  });
}

void TileAttention::attend_packed(const PackedTile* tiles) {
  for_each_tile(tile_keys, [&](std::int64_t first, std::int64_t last, bool prefix) {
    attend_tile(tiles[first / tile_keys], first, last, prefix);
  });
}

void TileAttention::attend_tile(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix) {
  for (int strip = 0; strip < block_.rows; strip += kernels_.row_block) {
    attend_strip(tile, first, last, prefix, strip);
  }
}

void TileAttention::attend_strip(const PackedTile& tile, std::int64_t first, std::int64_t last, bool prefix,
                                 int strip) {
  const int rows = std::min(kernels_.row_block, block_.rows - strip);
  KeySpan joint{last, first};
  for (int row = strip; row < strip + rows; ++row) {
    const KeySpan visible = span(row, first, last, prefix);
    if (visible.empty()) continue;
    joint = {std::min(joint.first, visible.first), std::max(joint.last, visible.last)};
  }
  if (joint.empty()) return;

  const int head_dim = static_cast<int>(call_.problem.head_dim);
  const int begin = static_cast<int>(joint.first - first);
  const int end = static_cast<int>(joint.last - first);
  const int panel_begin = begin / kernels_.panel * kernels_.panel;
  const int panel_end = static_cast<int>(rounded_up(end, kernels_.panel));
  kernels_.scores(queries_ + query_floats(head_dim, strip), tile.keys + std::ptrdiff_t{panel_begin} * head_dim, 1,
                  (panel_end - panel_begin) / kernels_.panel, head_dim, scores_ + panel_begin);
  for (int row = 0; row < rows; ++row) {
    weigh(strip + row, first, panel_begin, panel_end, span(strip + row, first, last, prefix),
          scores_ + row * score_stride);
  }
  for (int row = rows; row < kernels_.row_block; ++row)
    factors_[strip + row] = 1.0f;
  float* sums = sums_ + std::ptrdiff_t{strip} * columns_;
  kernels_.accumulate(scores_ + begin, tile.values + std::ptrdiff_t{begin} * kernels_.panel, 1, end - begin, columns_,
                      factors_ + strip, sums, columns_);
  if (tile.any_not_finite) add_not_finite(tile, first, begin, end, strip);
}

/// Scores begin .. end of a row become weights; keys outside `visible` are hidden.
void TileAttention::weigh(int row, std::int64_t first, int begin, int end, KeySpan visible, float* scores) {
  const std::int64_t packed = block_.first_row + row;
  const std::int64_t head = block_.first_head + packed % block_.heads;
  const std::int64_t query = packed / block_.heads;
  const int seen_begin = visible.empty() ? end : static_cast<int>(visible.first - first);
  const int seen_end = visible.empty() ? end : static_cast<int>(visible.last - first);
  if (!call_.plain() && seen_begin < seen_end) {
    shape_scores(call_, kernels_, block_.batch, head, query, first + seen_begin, seen_end - seen_begin,
                 scores + seen_begin);
  }
  constexpr float hidden = -std::numeric_limits<float>::infinity();
  std::fill(scores + begin, scores + seen_begin, hidden);
  std::fill(scores + seen_end, scores + end, hidden);
  factors_[row] = softmax_[row].update(kernels_, scores + begin, end - begin, call_.log2_factor());
  if (call_.drops()) {
    DropoutRow dropout = call_.dropout;
    dropout.batch = static_cast<std::uint32_t>(block_.batch);
    dropout.head = static_cast<std::uint32_t>(head);
    dropout.row = static_cast<std::uint32_t>(query);
    dropout.first_key = static_cast<std::uint32_t>(first + begin);
    kernels_.dropout(scores + begin, end - begin, dropout);
  }
}

/// Rows of V with NaN or infinity were left out of the product; the rows that see them take them here, one by one.
void TileAttention::add_not_finite(const PackedTile& tile, std::int64_t first, int begin, int end, int strip) {
  const int rows = std::min(kernels_.row_block, block_.rows - strip);
  const int head_dim_v = static_cast<int>(call_.problem.head_dim_v);
  for (int key = begin; key < end; ++key) {
    if (!tile.not_finite[key]) continue;
    const Rows value = call_.value_rows(block_.batch, block_.head_kv, first + key);
    for (int row = 0; row < rows; ++row) {
      const float weight = scores_[row * score_stride + key];
      if (std::signbit(weight)) continue;  // hidden
      // A visible weight that underflowed is still positive: infinity times it is infinity. A dropped one is 0.
      const bool underflowed = weight == 0.0f && !call_.drops();
      const float positive = underflowed ? std::numeric_limits<float>::min() : weight;
      float* sums = sums_ + std::ptrdiff_t{strip + row} * columns_;
      for (int column = 0; column < head_dim_v; ++column) {
        sums[column] +=
            positive * static_cast<float>(load_element(value.data, call_.value.dtype, column * value.column_stride));
      }
    }
  }
}

void TileAttention::finish() const {
  for (int row = 0; row < block_.rows; ++row) {
    const std::int64_t packed = block_.first_row + row;
    call_.store_row(kernels_, block_.batch, block_.first_head + packed % block_.heads, packed / block_.heads, sums(row),
                    softmax_[row].divisor(), softmax_[row].finish(call_.unit()));
  }
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
