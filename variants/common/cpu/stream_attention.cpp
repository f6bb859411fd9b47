#include "variants/common/cpu/stream_attention.hpp"

#include <algorithm>
#include <bit>

#include "variants/common/cpu/cache.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/parallel.hpp"

namespace attest::tiles {

namespace {

constexpr std::int64_t shortest_piece = 64;
// Chunks are whole pieces.
constexpr std::int64_t chunk_granule = 256;

KeySplit split_of(const Problem& problem, int threads) {
  return KeySplit::choose(problem.seq_kv, problem.batch * problem.heads_kv, chunk_granule, threads);
}

std::int64_t query_stride(const Problem& problem) {
  return (problem.head_dim + 15) / 16 * 16;
}

std::size_t query_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.group() * query_stride(problem));
}

std::size_t score_floats(const Problem& problem) {
  return static_cast<std::size_t>(problem.group() * score_stride);
}

std::size_t thread_bytes(const Problem& problem) {
  return Workspace::padded_for<float>(query_floats(problem)) + Workspace::padded_for<float>(score_floats(problem));
}

/// Where the columns of rows like those of K and V are in f32 rows (Microkernels::stream_column), asked for once a
/// call.
struct ColumnOrder {
  explicit ColumnOrder(const AttentionCall& call) {
    const int head_dim = static_cast<int>(call.problem.head_dim);
    const int head_dim_v = static_cast<int>(call.problem.head_dim_v);
    for (int column = 0; column < head_dim; ++column)
      of_keys[column] = microkernels().stream_column(call.key_rows(0, 0, 0), head_dim, column);
    for (int column = 0; column < head_dim_v; ++column)
      of_values[column] = microkernels().stream_column(call.value_rows(0, 0, 0), head_dim_v, column);
  }
  int of_keys[largest_head_dim];
  int of_values[largest_head_dim];
};

/// One key head, one chunk: the group's rows stay, pieces of the cache pass by.
class GroupStream {
 public:
  GroupStream(const AttentionCall& call, const ColumnOrder& order, PartialRows& partial, std::int64_t chunk,
              std::int64_t batch, std::int64_t head_kv, std::byte* memory, PhaseClock clock)
      : call_(call),
        order_(order),
        partial_(partial),
        chunk_(chunk),
        batch_(batch),
        head_kv_(head_kv),
        group_(static_cast<int>(call.problem.group())),
        piece_(stream_piece(call.problem)),
        clock_(clock),
        queries_(reinterpret_cast<float*>(memory)),
        scores_(reinterpret_cast<float*>(memory + Workspace::padded_for<float>(query_floats(call.problem)))) {
    clock_.enter(Phase::packing);
    std::fill_n(queries_, query_floats(call.problem), 0.0f);
    const int head_dim = static_cast<int>(call.problem.head_dim);
    for (int row = 0; row < group_; ++row) {
      float* query = queries_ + row * query_stride(call.problem);
      for (int column = 0; column < head_dim; ++column) {
        query[order.of_keys[column]] =
            call.query_sign * static_cast<float>(call.query.load(batch, head(row), 0, column));
      }
      maxima_[row] = OnlineSoftmax{}.maximum;
      sums_[row] = 0.0f;
      std::fill_n(partial_.sums(chunk, number(row)), partial_.columns(), 0.0f);
    }
  }

  void attend(KeySpan keys) {
    for (std::int64_t first = keys.first; first < keys.last; first += piece_) {
      const int count = static_cast<int>(std::min(piece_, keys.last - first));
      const Rows k = call_.key_rows(batch_, head_kv_, first);
      const Rows v = call_.value_rows(batch_, head_kv_, first);
      const int next = static_cast<int>(std::clamp<std::int64_t>(keys.last - first - count, 0, piece_));
      const Rows next_k = call_.key_rows(batch_, head_kv_, first + count);
      const int head_dim = static_cast<int>(call_.problem.head_dim);
      clock_.enter(Phase::products);
      for (int row = 0; row < group_; row += stream_rows) {
        const int rows = std::min(stream_rows, group_ - row);
        microkernels().stream_scores(queries_ + row * query_stride(call_.problem), query_stride(call_.problem), rows, k,
                                     count, head_dim, scores_ + row * score_stride, ahead_of(row, v, count));
      }
      clock_.enter(Phase::softmax);
      for (int row = 0; row < group_; row += microkernels().row_block)
        weigh(row, first, count);
      clock_.enter(Phase::products);
      for (int row = 0; row < group_; row += stream_rows) {
        const int rows = std::min(stream_rows, group_ - row);
        microkernels().stream_accumulate(
            scores_ + row * score_stride, rows, v, count, static_cast<int>(call_.problem.head_dim_v), !call_.plain(),
            partial_.sums(chunk_, number(row)), partial_.columns(), ahead_of(row, next_k, next));
      }
    }
    clock_.enter(Phase::storing);
    order_columns();
    for (int row = 0; row < group_; ++row)
      partial_.softmax(chunk_, number(row)) = {maxima_[row], sums_[row]};
    clock_.leave();
  }

 private:
  /// Puts the columns of the sums in order.
  void order_columns() {
    const int head_dim = static_cast<int>(call_.problem.head_dim_v);
    constexpr int block = 32;  // columns change places within two registers, of 16 floats at most
    for (int row = 0; row < group_; ++row) {
      float* sums = partial_.sums(chunk_, number(row));
      for (int first = 0; first < head_dim; first += block) {
        float taken[block];
        const int count = std::min(block, partial_.columns() - first);
        std::copy_n(sums + first, count, taken);
        for (int column = first; column < std::min(first + block, head_dim); ++column)
          sums[column] = taken[order_.of_values[column] - first];
      }
    }
  }

  /// What is fetched while the first rows of the group are worked on: V during the scores, the next K during the sums.
  static Ahead ahead_of(int row, const Rows& rows, int count) {
    return {rows, row == 0 && rows.column_stride == 1 ? count : 0};
  }

  std::int64_t head(int row) const { return head_kv_ * group_ + row; }
  std::int64_t number(int row) const { return PartialRows::row_number(call_.problem, batch_, head(row), 0); }

  /// The scores of a strip of rows, from `first_row` on, become weights.
  void weigh(int first_row, std::int64_t first, int count) {
    const int rows = std::min(microkernels().row_block, group_ - first_row);
    KeyRange visible[max_row_block];
    float factors[max_row_block];
    std::fill_n(visible, rows, KeyRange{0, count});
    float* scores = scores_ + first_row * score_stride;
    for (int row = 0; row < rows && !call_.plain(); ++row)
      shape_scores(call_, microkernels(), batch_, head(first_row + row), 0, first, count, scores + row * score_stride);
    microkernels().soften_strip(scores, rows, visible, {0, count}, !call_.plain(), call_.log2_factor(),
                                {maxima_ + first_row, sums_ + first_row, factors});
    for (int row = 0; row < rows; ++row) {
      if (factors[row] == 1.0f) continue;
      microkernels().multiply(partial_.sums(chunk_, number(first_row + row)), partial_.columns(), factors[row]);
    }
  }

  const AttentionCall& call_;
  const ColumnOrder& order_;
  PartialRows& partial_;
  std::int64_t chunk_;
  std::int64_t batch_;
  std::int64_t head_kv_;
  int group_;
  std::int64_t piece_;
  PhaseClock clock_;
  float* queries_;
  float* scores_;
  float maxima_[largest_stream_group];
  float sums_[largest_stream_group];
};

}  // namespace

std::int64_t stream_piece(const Problem& problem) {
  const std::size_t row = static_cast<std::size_t>(problem.head_dim) * size_of(problem.dtype);
  const auto fits = static_cast<std::int64_t>(std::bit_floor(cache_sizes().l2 / 32 / row));
  return std::clamp(fits, shortest_piece, chunk_granule);
}

std::int64_t stream_rescales(const Problem& problem) {
  return (problem.seq_kv - 1) / stream_piece(problem);
}

std::size_t stream_bytes(const Problem& problem, int threads) {
  return static_cast<std::size_t>(threads) * thread_bytes(problem) +
         PartialRows::bytes(microkernels(), problem, split_of(problem, threads));
}

void attend_in_streams(const KernelCall& call, const AttentionCall& attention) {
  const Problem& problem = call.problem;
  const KeySplit split = split_of(problem, call.threads);
  const std::size_t bytes = thread_bytes(problem);
  std::byte* memory = call.workspace.take<std::byte>(static_cast<std::size_t>(call.threads) * bytes);
  PartialRows partial(microkernels(), problem, split, call.workspace);
  const ColumnOrder order(attention);
  const int team = worthwhile_threads(problem, call.threads);
  parallel_for(team, problem.batch * problem.heads_kv * split.count, [&](int thread, std::int64_t index) {
    const std::int64_t chunk = index % split.count;
    const std::int64_t head_kv = index / split.count % problem.heads_kv;
    const std::int64_t batch = index / split.count / problem.heads_kv;
    GroupStream worker(attention, order, partial, chunk, batch, head_kv,
                       memory + static_cast<std::size_t>(thread) * bytes, call.clock(thread));
    const KeySpan chunk_keys = split.keys(chunk, problem.seq_kv);
    const KeySpan band = view_of_row(problem, 0, attention.kv_length(batch)).band;
    worker.attend(band.within(chunk_keys.first, chunk_keys.last));
  });
  partial.merge(attention, call);
}

}  // namespace attest::tiles
