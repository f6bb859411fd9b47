// out[i] = (phi(q[i]) S + sum_j phi(q[i]).phi(k[j]) v[j]) / (phi(q[i]).z + sum_j phi(q[i]).phi(k[j]) + eps)
//   S, z: state of the keys before the chunk; j: keys of the chunk that row i sees
// Source: Katharopoulos et al. 2020, arXiv:2006.16236; chunks: Hua et al. 2022, arXiv:2202.10447, section 3.3
// Split:  one task per (b, h of the keys); where those are fewer than the threads, a head's chunks are divided in
//         parts: first the state of each part's keys, then each part from the sum of the states before it
// Memory: one state and one chunk a thread; with parts, one state a part
// Cost:   2*d*dv flops a key and a query row, 2*(d+dv) a visible pair inside a chunk
// Limits: f32, bf16, f16 in memory, f32 inside

#include <algorithm>
#include <cstdint>

#include "variants/common/cpu/parallel.hpp"
#include "variants/linear/chunk.hpp"
#include "variants/linear/kernels.hpp"

namespace attest::linear {
namespace {

/// Chunks of query rows of one head, and the keys that are in the state before each.
class Schedule {
 public:
  Schedule(const Problem& problem, std::int64_t kv_length, std::int64_t parts)
      : problem_(problem), kv_length_(kv_length), parts_(parts) {}

  std::int64_t kv_length() const { return kv_length_; }
  std::int64_t chunks() const { return (problem_.seq_q + chunk_tokens - 1) / chunk_tokens; }
  std::int64_t first_chunk(std::int64_t part) const { return chunks() * part / parts_; }

  /// Keys that the state holds when chunk `chunk` is computed: those that its first row sees but for the last, which
  /// lies on the diagonal and in the chunk. All keys when not causal.
  std::int64_t keys_before(std::int64_t chunk) const {
    if (!problem_.causal) return kv_length_;
    return std::clamp<std::int64_t>(chunk * chunk_tokens + problem_.offset(kv_length_), 0, kv_length_);
  }

  /// The keys whose state part `part` sums up beforehand: those between its own first chunk and that of the part
  /// before.
  std::int64_t part_begin(std::int64_t part) const {
    if (!problem_.causal) return kv_length_ * part / parts_;
    return part == 0 ? 0 : keys_before(first_chunk(part - 1));
  }
  std::int64_t part_end(std::int64_t part) const {
    return problem_.causal ? keys_before(first_chunk(part)) : kv_length_ * (part + 1) / parts_;
  }
  /// One past the last part whose state belongs to the keys before part `part`.
  std::int64_t states_of(std::int64_t part) const { return problem_.causal ? part + 1 : parts_; }

 private:
  const Problem& problem_;
  std::int64_t kv_length_, parts_;
};

std::int64_t parts_of(const Problem& problem, int threads) {
  const std::int64_t heads = problem.batch * problem.heads_kv;
  const std::int64_t longest = std::max(problem.seq_q, problem.causal ? 0 : problem.seq_kv);
  const std::int64_t chunks = (longest + chunk_tokens - 1) / chunk_tokens;
  return heads >= threads ? 1 : std::min<std::int64_t>((threads + heads - 1) / heads, chunks);
}

Support supports(const Problem& problem, const Presence& presence) {
  return supports_linear(problem, presence);
}

/// A key's term meets at most the roundings of its own chunk, of the chunks and parts that follow it in the state, and
/// of the chunk of its row. (The d products with the state are the oracle's.) No part is empty of chunks, so parts are
/// at most as many as chunks.
std::int64_t longest_chain(const Problem& problem) {
  const std::int64_t chunks = (std::max(problem.seq_q, problem.seq_kv) + chunk_tokens - 1) / chunk_tokens;
  return 2 * chunk_tokens + 2 * chunks + 1;
}

Arithmetic arithmetic(const Problem& problem) {
  return {.output = unit_roundoff(problem.dtype),
          .output_floor = problem.dtype == DType::f32 ? 0.0 : half_smallest_subnormal(problem.dtype),
          .longest_chain = longest_chain(problem),
          .feature = 0x1p-23};
}

/// States of parts, where there is more than one.
std::int64_t part_states(const Problem& problem, int threads) {
  const std::int64_t parts = parts_of(problem, threads);
  return parts > 1 ? problem.batch * problem.heads_kv * parts : 0;
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  const ChunkSizes sizes(problem);
  return Workspace::padded_for<float>(static_cast<std::size_t>(threads * sizes.total())) +
         Workspace::padded_for<float>(static_cast<std::size_t>(part_states(problem, threads) * sizes.state));
}

tiles::Storage storage_of(DType type) {
  if (type == DType::f32) return tiles::Storage::f32;
  return type == DType::bf16 ? tiles::Storage::bf16 : tiles::Storage::f16;
}

/// One head of a tensor from row `row` on.
tiles::Rows rows_at(const TensorView& view, std::int64_t b, std::int64_t h, std::int64_t row) {
  const char* data =
      static_cast<const char*>(view.data) + view.offset(b, h, row) * static_cast<std::int64_t>(size_of(view.dtype));
  return {
      .data = data, .storage = storage_of(view.dtype), .row_stride = view.strides[2], .column_stride = view.strides[3]};
}

struct Tensors {
  const Problem& problem;
  const TensorView &q, &k, &v, &out;
  float eps;
};

/// Adds keys begin .. end - 1 of head h to the chunk's state.
void absorb_keys(Chunk& chunk, const Tensors& tensors, std::int64_t b, std::int64_t h, std::int64_t begin,
                 std::int64_t end) {
  for (std::int64_t key = begin; key < end; key += chunk_tokens) {
    chunk.load_keys(rows_at(tensors.k, b, h, key), rows_at(tensors.v, b, h, key),
                    static_cast<int>(std::min<std::int64_t>(chunk_tokens, end - key)));
    chunk.absorb();
  }
}

/// What chunk `index` of the same head reads and writes, if there is one.
void look_ahead(Chunk& chunk, const Tensors& tensors, const Schedule& schedule, std::int64_t b, std::int64_t h_kv,
                std::int64_t index) {
  const Problem& problem = tensors.problem;
  const std::int64_t row = index * chunk_tokens;
  const std::int64_t key = schedule.keys_before(index);
  const auto rows_from = [](std::int64_t first, std::int64_t length) {
    return std::min<std::int64_t>(chunk_tokens, length - first);
  };
  tiles::ReadAhead& ahead = chunk.ahead();
  ahead.clear();
  ahead.add(rows_at(tensors.k, b, h_kv, key), rows_from(key, schedule.kv_length()), problem.head_dim);
  ahead.add(rows_at(tensors.v, b, h_kv, key), rows_from(key, schedule.kv_length()), problem.head_dim_v);
  ahead.add(rows_at(tensors.q, b, h_kv * problem.group(), row), rows_from(row, problem.seq_q), problem.head_dim);
  ahead.add(rows_at(tensors.out, b, h_kv * problem.group(), row), rows_from(row, problem.seq_q), problem.head_dim_v);
}

/// The query chunks of one part of key head h_kv, for every query head of its group. The state holds the keys before.
void compute_part(Chunk& chunk, const Tensors& tensors, const Schedule& schedule, std::int64_t b, std::int64_t h_kv,
                  std::int64_t part) {
  const Problem& problem = tensors.problem;
  const std::int64_t last = schedule.first_chunk(part + 1);
  for (std::int64_t index = schedule.first_chunk(part); index < last; ++index) {
    const std::int64_t row = index * chunk_tokens;
    const auto count = static_cast<int>(std::min<std::int64_t>(chunk_tokens, problem.seq_q - row));
    const std::int64_t before = schedule.keys_before(index);
    const auto keys = static_cast<int>(
        std::max<std::int64_t>(visible_keys(problem, row + count - 1, schedule.kv_length()) - before, 0));
    look_ahead(chunk, tensors, schedule, b, h_kv, index + 1);
    if (keys > 0) {
      chunk.load_keys(rows_at(tensors.k, b, h_kv, before), rows_at(tensors.v, b, h_kv, before), keys);
    }
    for (std::int64_t h = h_kv * problem.group(); h < (h_kv + 1) * problem.group(); ++h) {
      const tiles::Rows out = rows_at(tensors.out, b, h, row);
      chunk.compute(rows_at(tensors.q, b, h, row), count,
                    {.out = const_cast<void*>(out.data),
                     .storage = out.storage,
                     .row_stride = out.row_stride,
                     .column_stride = out.column_stride,
                     .eps = tensors.eps,
                     .reads_state = before > 0,
                     .first_sees = row + tensors.problem.offset(schedule.kv_length()) + 1 - before,
                     .keys = keys});
    }
    if (keys > 0 && index + 1 < last) chunk.absorb();
  }
}

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  const TensorView* lengths = call.inputs.find("kv_lengths");
  const Tensors tensors{problem,
                        call.inputs.at("q"),
                        call.inputs.at("k"),
                        call.inputs.at("v"),
                        call.outputs.at("out"),
                        static_cast<float>(problem.real_parameter("eps", 0.0))};
  const ChunkSizes sizes(problem);
  const std::int64_t parts = parts_of(problem, call.threads);
  float* scratch = call.workspace.take<float>(static_cast<std::size_t>(call.threads * sizes.total()));
  float* states =
      call.workspace.take<float>(static_cast<std::size_t>(part_states(problem, call.threads) * sizes.state));
  const std::int64_t tasks = problem.batch * problem.heads_kv * parts;
  const auto schedule_of = [&](std::int64_t b) { return Schedule(problem, kv_length_of(problem, lengths, b), parts); };

  if (parts > 1) {
    parallel_for(call.threads, tasks, [&](int thread, std::int64_t task) {
      const std::int64_t b = task / parts / problem.heads_kv;
      const Schedule schedule = schedule_of(b);
      Chunk chunk(sizes, scratch + thread * sizes.total(), call.clock(thread));
      chunk.clear_state();
      absorb_keys(chunk, tensors, b, task / parts % problem.heads_kv, schedule.part_begin(task % parts),
                  schedule.part_end(task % parts));
      std::copy(chunk.state(), chunk.state() + sizes.state, states + task * sizes.state);
    });
  }
  parallel_for(call.threads, tasks, [&](int thread, std::int64_t task) {
    const std::int64_t part = task % parts;
    const std::int64_t h = task / parts % problem.heads_kv;
    const std::int64_t b = task / parts / problem.heads_kv;
    const Schedule schedule = schedule_of(b);
    Chunk chunk(sizes, scratch + thread * sizes.total(), call.clock(thread));
    chunk.clear_state();
    if (parts > 1) {
      for (std::int64_t earlier = 0; earlier < schedule.states_of(part); ++earlier)
        chunk.add_state(states + (task - part + earlier) * sizes.state);
    } else {
      absorb_keys(chunk, tensors, b, h, 0, schedule.part_end(0));
    }
    compute_part(chunk, tensors, schedule, b, h, part);
  });
}

/// The work of one thread: keys that some later chunk reads enter the state once; each row reads the state unless it is
/// empty; visible pairs inside chunks. Denominators, a share of 1/dv, are not counted, nor are the states that parts
/// sum up beforehand.
double flops(const Problem& problem) {
  const Schedule schedule(problem, problem.seq_kv, 1);
  const double state = 2.0 * static_cast<double>(problem.head_dim) * static_cast<double>(problem.head_dim_v);
  const double pair = 2.0 * static_cast<double>(problem.head_dim + problem.head_dim_v);
  double of_keys = 0.0, of_rows = 0.0;
  for (std::int64_t index = 0; index < schedule.chunks(); ++index) {
    const std::int64_t before = schedule.keys_before(index);
    const std::int64_t end = std::min(problem.seq_q, (index + 1) * chunk_tokens);
    of_keys = state * static_cast<double>(before);
    for (std::int64_t row = index * chunk_tokens; row < end; ++row) {
      if (before > 0) of_rows += state;
      of_rows +=
          pair * static_cast<double>(std::max<std::int64_t>(visible_keys(problem, row, problem.seq_kv) - before, 0));
    }
  }
  return static_cast<double>(problem.batch) *
         (static_cast<double>(problem.heads_kv) * of_keys + static_cast<double>(problem.heads_q) * of_rows);
}

}  // namespace

const Kernel cpu_chunked{
    .name = "cpu_chunked",
    .backend = "cpu",
    .summary = "chunks of 60 tokens: products inside, a state between",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
    .invariance = {.threads = false, .batch = false},
    .flops = flops,
};

}  // namespace attest::linear
