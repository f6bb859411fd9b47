// out[i] = sum_j softmax_j(scale * q[i].k[j]) v[j], j visible from i, for few rows i and many keys j
// Source: Dao, Haziza, Massa, Sizov 2023, Flash-Decoding for long-context inference
// Split:  one task per (b, key head, block of the group's query rows, chunk of keys); chunks are merged by their maxima
// Memory: per thread as cpu_tiled, or for sq1 the query rows and a piece's scores; for each chunk the sums of all query
//         rows, not yet divided
// Cost:   2*(d+dv) flops a visible pair, and the merge
// Limits: f32, bf16, f16; head dims to 1024; sq to 64

#include <algorithm>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/common/cpu/split_keys.hpp"
#include "variants/common/cpu/stream_attention.hpp"
#include "variants/common/cpu/tile_attention.hpp"
#include "variants/flash2/kernels.hpp"

namespace attest::flash2 {

namespace {

using tiles::microkernels;

constexpr std::int64_t most_rows = 64;

/// The group's query rows of one key head in blocks, and its keys in chunks.
struct Cut {
  Cut(const Problem& problem, int threads)
      : rows_each(problem.group() * problem.seq_q),
        rows(tiles::choose_block_rows(microkernels(), rows_each, problem.batch * problem.heads_kv, threads)),
        blocks((rows_each + rows - 1) / rows),
        split(tiles::KeySplit::choose(problem.seq_kv, problem.batch * problem.heads_kv * blocks, tiles::tile_keys,
                                      threads)) {}

  std::int64_t rows_each;
  int rows;
  std::int64_t blocks;
  tiles::KeySplit split;
};

Support supports(const Problem& problem, const Presence&) {
  if (problem.seq_q > most_rows) return Support::no("splitting keys is for sq to 64; cpu_tiled takes longer ones");
  return tiles::tiles_support(problem);
}

/// One query row a head does not pay for packing K and V: they are read where they lie.
bool streams(const Problem& problem) {
  return problem.decodes() && problem.group() <= tiles::largest_stream_group && problem.dropout == 0.0;
}

Arithmetic arithmetic(const Problem& problem) {
  // Tiles of a chunk less 1 and chunks less 1 together are at most all tiles less 1.
  if (!streams(problem)) return tiles::tile_arithmetic(problem);
  Arithmetic arithmetic = tiles::tiles_arithmetic(problem);
  arithmetic.rescales = tiles::stream_rescales(problem);
  return arithmetic;
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  if (streams(problem)) return tiles::stream_bytes(problem, threads);
  const Cut cut(problem, threads);
  return static_cast<std::size_t>(threads) * tiles::TileAttention::bytes(microkernels(), problem, cut.rows, true) +
         tiles::PartialRows::bytes(microkernels(), problem, cut.split);
}

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  const tiles::AttentionCall attention(call);
  if (streams(problem)) return tiles::attend_in_streams(call, attention);
  const Cut cut(problem, call.threads);
  const std::size_t bytes = tiles::TileAttention::bytes(microkernels(), problem, cut.rows, true);
  std::byte* memory = call.workspace.take<std::byte>(static_cast<std::size_t>(call.threads) * bytes);
  tiles::PartialRows partial(microkernels(), problem, cut.split, call.workspace);
  const std::int64_t tasks = problem.batch * problem.heads_kv * cut.blocks * cut.split.count;
  parallel_for(tiles::worthwhile_threads(problem, call.threads), tasks, [&](int thread, std::int64_t index) {
    tiles::TileAttention worker(microkernels(), attention, cut.rows, true,
                                memory + static_cast<std::size_t>(thread) * bytes, call.clock(thread));
    const std::int64_t chunk = index % cut.split.count;
    const std::int64_t first = index / cut.split.count % cut.blocks * cut.rows;
    const std::int64_t head_kv = index / cut.split.count / cut.blocks % problem.heads_kv;
    const tiles::RowBlock block{.batch = index / cut.split.count / cut.blocks / problem.heads_kv,
                                .head_kv = head_kv,
                                .first_head = head_kv * problem.group(),
                                .heads = static_cast<int>(problem.group()),
                                .first_row = first,
                                .rows = static_cast<int>(std::min<std::int64_t>(cut.rows, cut.rows_each - first))};
    worker.start(block, cut.split.keys(chunk, problem.seq_kv));
    worker.attend();
    worker.clock().enter(Phase::storing);
    for (int row = 0; row < block.rows; ++row) {
      const std::int64_t packed = first + row;
      const std::int64_t number = tiles::PartialRows::row_number(
          problem, block.batch, block.first_head + packed % block.heads, packed / block.heads);
      partial.softmax(chunk, number) = worker.softmax(row);
      std::copy_n(worker.sums(row), worker.columns(), partial.sums(chunk, number));
    }
    worker.clock().leave();
  });
  partial.merge(attention, call);
}

}  // namespace

const Kernel cpu_split_kv{
    .name = "cpu_split_kv",
    .backend = "cpu",
    .summary = "keys split over the threads, merged by their maxima; for few queries",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
};

}  // namespace attest::flash2
