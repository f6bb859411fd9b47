#include "variants/common/cpu/query_blocks.hpp"

#include <algorithm>

#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/parallel.hpp"
#include "variants/common/cpu/tile_attention.hpp"

namespace attest::tiles {

namespace {

int block_rows(const Problem& problem, int threads) {
  return choose_block_rows(microkernels(), problem.seq_q, problem.batch * problem.heads_q, threads);
}

std::size_t thread_bytes(const Problem& problem, int threads) {
  return TileAttention::bytes(microkernels(), problem, block_rows(problem, threads), true);
}

}  // namespace

std::size_t query_blocks_bytes(const Problem& problem, int threads) {
  return static_cast<std::size_t>(threads) * thread_bytes(problem, threads);
}

void attend_in_query_blocks(const KernelCall& call, const AttentionCall& attention) {
  const Problem& problem = call.problem;
  const int rows = block_rows(problem, call.threads);
  const std::size_t bytes = thread_bytes(problem, call.threads);
  std::byte* memory = call.workspace.take<std::byte>(static_cast<std::size_t>(call.threads) * bytes);
  const std::int64_t blocks = (problem.seq_q + rows - 1) / rows;
  const std::int64_t sequences = problem.batch * problem.heads_q;
  const auto block_of = [&](std::int64_t index) {
    const std::int64_t first = (blocks - 1 - index / sequences) * rows;
    const std::int64_t head = index % sequences % problem.heads_q;
    return RowBlock{.batch = index % sequences / problem.heads_q,
                    .head_kv = head / problem.group(),
                    .first_head = head,
                    .heads = 1,
                    .first_row = first,
                    .rows = static_cast<int>(std::min<std::int64_t>(rows, problem.seq_q - first))};
  };
  const int team = worthwhile_threads(problem, call.threads);
  parallel_for(team, blocks * sequences, [&](int thread, std::int64_t index) {
    TileAttention worker(microkernels(), attention, rows, true, memory + static_cast<std::size_t>(thread) * bytes,
                         call.clock(thread));
    worker.start(block_of(index), {0, problem.seq_kv});
    const std::int64_t after = index + team;  // threads in step take every so manieth
    const RowBlock next = block_of(std::min(after, blocks * sequences - 1));
    worker.attend(after < blocks * sequences ? &next : nullptr);
    worker.finish();
  });
}

}  // namespace attest::tiles
