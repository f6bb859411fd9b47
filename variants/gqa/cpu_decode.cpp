// out[h] = sum_j softmax_j(scale * q[h].k[g][j]) v[g][j], g = h / (hq / hkv): one query row against a KV cache
// Source: Ainslie et al. 2023, arXiv:2305.13245; split keys: Dao et al. 2023, Flash-Decoding
// Split:  one task per (b, key head, chunk of keys); chunks are merged by their maxima
// Memory: per thread the group's query rows and the scores of one piece of keys; for each chunk the unnormalised output
// Cost:   2*(d+dv) flops a visible pair; the time is that of reading K and V once, in order, where they lie
// Limits: f32, bf16, f16; head dims to 1024; sq = 1; groups to 64; no dropout

#include <algorithm>
#include <limits>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/common/cpu/split_keys.hpp"
#include "variants/gqa/kernels.hpp"

namespace attest::gqa {

namespace {

using tiles::KeySpan;
using tiles::microkernels;
using tiles::score_stride;

/// Keys of one piece: their K and V stay in the caches until all query rows of the group have used them.
constexpr std::int64_t piece_keys = 64;
constexpr std::int64_t chunk_granule = 256;
constexpr std::int64_t largest_group = 64;

tiles::KeySplit split_of(const Problem& problem, int threads) {
  return tiles::KeySplit::choose(problem.seq_kv, problem.batch * problem.heads_kv, chunk_granule, threads);
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

Support supports(const Problem& problem, const Presence&) {
  if (problem.seq_q != 1) return Support::no("decoding is for sq1; cpu_packed takes longer ones");
  if (problem.group() > largest_group) return Support::no("groups to 64 query heads");
  if (problem.dropout > 0.0) return Support::no("decoding has no dropout");
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  Arithmetic arithmetic = tiles::tiles_arithmetic(problem);
  // Pieces of a chunk less 1 and chunks less 1 together are at most all pieces less 1.
  arithmetic.rescales = (problem.seq_kv - 1) / piece_keys;
  return arithmetic;
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  return static_cast<std::size_t>(threads) * thread_bytes(problem) +
         tiles::PartialRows::bytes(microkernels(), problem, split_of(problem, threads));
}

/// One key head, one chunk: the group's rows stay, pieces of the cache pass by.
class GroupDecode {
 public:
  GroupDecode(const tiles::AttentionCall& call, tiles::PartialRows& partial, std::int64_t chunk, std::int64_t batch,
              std::int64_t head_kv, std::byte* memory)
      : call_(call),
        partial_(partial),
        chunk_(chunk),
        batch_(batch),
        head_kv_(head_kv),
        group_(static_cast<int>(call.problem.group())),
        queries_(reinterpret_cast<float*>(memory)),
        scores_(reinterpret_cast<float*>(memory + Workspace::padded_for<float>(query_floats(call.problem)))) {
    std::fill_n(queries_, query_floats(call.problem), 0.0f);
    for (int row = 0; row < group_; ++row) {
      for (std::int64_t column = 0; column < call.problem.head_dim; ++column) {
        queries_[row * query_stride(call.problem) + column] =
            call.query_sign * static_cast<float>(call.query.load(batch, head(row), 0, column));
      }
      partial_.softmax(chunk, number(row)) = tiles::OnlineSoftmax{};
      std::fill_n(partial_.sums(chunk, number(row)), partial_.columns(), 0.0f);
    }
  }

  void attend(KeySpan keys) {
    for (std::int64_t first = keys.first; first < keys.last; first += piece_keys) {
      const int count = static_cast<int>(std::min(piece_keys, keys.last - first));
      const Rows k = call_.key_rows(batch_, head_kv_, first);
      const Rows v = call_.value_rows(batch_, head_kv_, first);
      const int head_dim = static_cast<int>(call_.problem.head_dim);
      for (int row = 0; row < group_; row += tiles::stream_rows) {
        const int rows = std::min(tiles::stream_rows, group_ - row);
        microkernels().stream_scores(queries_ + row * query_stride(call_.problem), query_stride(call_.problem), rows, k,
                                     count, head_dim, scores_ + row * score_stride);
      }
      for (int row = 0; row < group_; ++row)
        weigh(row, first, count);
      for (int row = 0; row < group_; row += tiles::stream_rows) {
        const int rows = std::min(tiles::stream_rows, group_ - row);
        microkernels().stream_accumulate(scores_ + row * score_stride, rows, v, count,
                                         static_cast<int>(call_.problem.head_dim_v), !call_.plain(),
                                         partial_.sums(chunk_, number(row)), partial_.columns());
      }
    }
  }

 private:
  using Rows = tiles::Rows;

  std::int64_t head(int row) const { return head_kv_ * group_ + row; }
  std::int64_t number(int row) const { return tiles::PartialRows::row_number(call_.problem, batch_, head(row), 0); }

  void weigh(int row, std::int64_t first, int count) {
    float* scores = scores_ + row * score_stride;
    if (!call_.plain()) shape_scores(call_, microkernels(), batch_, head(row), 0, first, count, scores);
    const int width = microkernels().vector_floats;
    const int whole = (count + width - 1) / width * width;
    std::fill(scores + count, scores + whole, -std::numeric_limits<float>::infinity());
    const float factor =
        partial_.softmax(chunk_, number(row)).update(microkernels(), scores, whole, call_.log2_factor());
    if (factor != 1.0f) microkernels().multiply(partial_.sums(chunk_, number(row)), partial_.columns(), factor);
  }

  const tiles::AttentionCall& call_;
  tiles::PartialRows& partial_;
  std::int64_t chunk_;
  std::int64_t batch_;
  std::int64_t head_kv_;
  int group_;
  float* queries_;
  float* scores_;
};

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  const tiles::AttentionCall attention(call);
  const tiles::KeySplit split = split_of(problem, call.threads);
  const std::size_t bytes = thread_bytes(problem);
  std::byte* memory = call.workspace.take<std::byte>(static_cast<std::size_t>(call.threads) * bytes);
  tiles::PartialRows partial(microkernels(), problem, split, call.workspace);
  parallel_for(call.threads, problem.batch * problem.heads_kv * split.count, [&](int thread, std::int64_t index) {
    const std::int64_t chunk = index % split.count;
    const std::int64_t head_kv = index / split.count % problem.heads_kv;
    const std::int64_t batch = index / split.count / problem.heads_kv;
    GroupDecode worker(attention, partial, chunk, batch, head_kv, memory + static_cast<std::size_t>(thread) * bytes);
    const KeySpan chunk_keys = split.keys(chunk, problem.seq_kv);
    const KeySpan band = tiles::view_of_row(problem, 0, attention.kv_length(batch)).band;
    worker.attend(band.within(chunk_keys.first, chunk_keys.last));
  });
  partial.merge(attention, call.threads);
}

}  // namespace

const Kernel cpu_decode{
    .name = "cpu_decode",
    .backend = "cpu",
    .summary = "one query row a head against a KV cache, read once and in order for the whole group",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
};

}  // namespace attest::gqa
