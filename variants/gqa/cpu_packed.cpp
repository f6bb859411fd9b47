// out[h][i] = sum_j softmax_j(scale * q[h][i].k[g][j]) v[g][j], g = h / (hq / hkv), j visible from i
// Source: Ainslie et al. 2023, arXiv:2305.13245; inner loop of Dao 2023, arXiv:2307.08691
// Split:  all threads pack K and V of some key heads; the tasks are then (key head, block of the group's rows), where
//         the rows of a block are neighbours (i, h) of the whole group, so that one tile of keys serves all its heads
// Memory: packed K and V of the key heads in work, in f32, where more than one block reads them; per thread a packed
//         block of Q, sums, scores of a strip
// Cost:   2*(d+dv) flops a visible pair
// Limits: f32, bf16, f16; head dims to 1024

#include <algorithm>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/common/cpu/tile_attention.hpp"
#include "variants/gqa/kernels.hpp"

namespace attest::gqa {

namespace {

using tiles::microkernels;
using tiles::PackedTile;
using tiles::TileAttention;

/// The group's rows in blocks, the keys in tiles, and how many key heads are packed at a time: enough for all threads.
struct Cut {
  Cut(const Problem& problem, int threads)
      : rows_each(problem.group() * problem.seq_q),
        heads(problem.batch * problem.heads_kv),
        rows(tiles::choose_block_rows(microkernels(), rows_each, heads, threads)),
        blocks((rows_each + rows - 1) / rows),
        tiles_each((problem.seq_kv + tiles::tile_keys - 1) / tiles::tile_keys),
        shares_tiles(blocks > 1),
        wave(std::clamp<std::int64_t>((8 * std::int64_t{threads} + blocks - 1) / blocks, 1, heads)),
        tile_bytes(PackedTile::bytes(microkernels(), problem.head_dim, problem.head_dim_v)),
        thread_bytes(TileAttention::bytes(microkernels(), problem, rows, !shares_tiles)) {}

  std::int64_t rows_each;
  std::int64_t heads;
  int rows;
  std::int64_t blocks;
  std::int64_t tiles_each;
  bool shares_tiles;  ///< else one block takes each tile once, and packs it on the way
  std::int64_t wave;
  std::size_t tile_bytes;
  std::size_t thread_bytes;

  std::size_t packed_tiles() const { return shares_tiles ? static_cast<std::size_t>(wave * tiles_each) : 0; }
};

Support supports(const Problem& problem, const Presence&) {
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  return tiles::tile_arithmetic(problem);
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  const Cut cut(problem, threads);
  return static_cast<std::size_t>(threads) * cut.thread_bytes + cut.packed_tiles() * cut.tile_bytes +
         Workspace::padded_for<PackedTile>(cut.packed_tiles());
}

/// Keys that some row sees: row 0 sees the first of them, the last row the last.
tiles::KeySpan keys_in_use(const Problem& problem, std::int64_t kv_length) {
  return {tiles::view_of_row(problem, 0, kv_length).band.first,
          tiles::view_of_row(problem, problem.seq_q - 1, kv_length).band.last};
}

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  const tiles::AttentionCall attention(call);
  const Cut cut(problem, call.threads);
  std::byte* scratch = call.workspace.take<std::byte>(static_cast<std::size_t>(call.threads) * cut.thread_bytes);
  std::byte* packed = call.workspace.take<std::byte>(cut.packed_tiles() * cut.tile_bytes);
  PackedTile* tiles_of_wave = call.workspace.take<PackedTile>(cut.packed_tiles());
  for (std::size_t tile = 0; tile < cut.packed_tiles(); ++tile) {
    tiles_of_wave[tile] =
        PackedTile::at(microkernels(), problem.head_dim, problem.head_dim_v, packed + tile * cut.tile_bytes);
  }
  const int team = tiles::worthwhile_threads(problem, call.threads);
  for (std::int64_t first_head = 0; first_head < cut.heads; first_head += cut.wave) {
    const std::int64_t heads = std::min(cut.wave, cut.heads - first_head);
    parallel_for(team, cut.shares_tiles ? heads * cut.tiles_each : 0, [&](int thread, std::int64_t index) {
      const std::int64_t head = first_head + index / cut.tiles_each;
      const std::int64_t batch = head / problem.heads_kv;
      const std::int64_t key = index % cut.tiles_each * tiles::tile_keys;
      const std::int64_t kv_length = attention.kv_length(batch);
      const tiles::KeySpan span = keys_in_use(problem, kv_length).within(key, key + tiles::tile_keys);
      if (span.empty()) return;
      const std::int64_t count = std::min<std::int64_t>(tiles::tile_keys, kv_length - key);
      call.clock(thread).enter(Phase::packing);
      tiles_of_wave[index].pack(microkernels(), attention, batch, head % problem.heads_kv, key,
                                static_cast<int>(count));
      call.clock(thread).leave();
    });
    parallel_for(team, cut.blocks * heads, [&](int thread, std::int64_t index) {
      TileAttention worker(microkernels(), attention, cut.rows, !cut.shares_tiles,
                           scratch + static_cast<std::size_t>(thread) * cut.thread_bytes, call.clock(thread));
      const std::int64_t head = first_head + index % heads;
      const std::int64_t head_kv = head % problem.heads_kv;
      const std::int64_t first = (cut.blocks - 1 - index / heads) * cut.rows;  // causal: the longest first
      worker.start({.batch = head / problem.heads_kv,
                    .head_kv = head_kv,
                    .first_head = head_kv * problem.group(),
                    .heads = static_cast<int>(problem.group()),
                    .first_row = first,
                    .rows = static_cast<int>(std::min<std::int64_t>(cut.rows, cut.rows_each - first))},
                   {0, problem.seq_kv});
      if (cut.shares_tiles) {
        worker.attend_packed(tiles_of_wave + index % heads * cut.tiles_each);
      } else {
        worker.attend();
      }
      worker.finish();
    });
  }
}

}  // namespace

const Kernel cpu_packed{
    .name = "cpu_packed",
    .backend = "cpu",
    .summary = "K and V packed once a key head; one tile of keys serves the rows of the whole group",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::gqa
