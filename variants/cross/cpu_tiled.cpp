// out[i] = sum_j softmax_j(scale * q[i].k[j] + relative_bias[bucket(j - i)][h]) v[j], sq and skv unrelated
// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3; T5: Raffel et al. 2020, arXiv:1910.10683, section 2.1
// Split:  one task per (b, h, block of query rows); keys stream in tiles of 512
// Memory: per thread as flash2/cpu_tiled; the bucket of every distance within max_distance
// Cost:   2*(d+dv) flops a visible pair, and one table look-up with relative bias
// Limits: f32, bf16, f16; head dims to 1024

#include <algorithm>
#include <cmath>

#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/query_blocks.hpp"
#include "variants/common/cpu/tile_attention.hpp"
#include "variants/cross/kernels.hpp"

namespace attest::cross {

namespace {

/// The rows of `relative_bias` for all distances from -reach to reach; farther ones have the row of the nearest of
/// these.
class BiasTable {
 public:
  static std::int64_t reach_of(const Problem& problem) { return problem.parameter("max_distance", 128); }
  static bool is_used(const Problem& problem) { return problem.parameter("buckets", 0) > 0; }
  static std::size_t entries(const Problem& problem) { return static_cast<std::size_t>(2 * reach_of(problem) + 1); }

  BiasTable(const Problem& problem, const TensorView& bias, std::int32_t* buckets)
      : problem_(problem), bias_(bias), reach_(reach_of(problem)), buckets_(buckets) {
    const std::int64_t sides = problem.causal ? 1 : 2;
    const std::int64_t count = problem.parameter("buckets", 0) / sides;
    for (std::int64_t distance = -reach_; distance <= reach_; ++distance) {
      const std::int64_t back = problem.causal ? std::max<std::int64_t>(-distance, 0) : std::max(distance, -distance);
      const std::int64_t ahead = sides == 2 && distance > 0 ? count : 0;
      buckets_[distance + reach_] = static_cast<std::int32_t>(ahead + bucket_of(back, count));
    }
  }

  /// ScoreTerm::add.
  static void add(const void* context, std::int64_t head, std::int64_t row, std::int64_t kv_length,
                  std::int64_t first_key, int count, float* scores) {
    const auto& table = *static_cast<const BiasTable*>(context);
    const std::int64_t here = row + table.problem_.offset(kv_length);
    const float* column = table.bias_.as<float>() + head * table.bias_.strides[1];
    for (int key = 0; key < count; ++key) {
      const std::int64_t distance = std::clamp(first_key + key - here, -table.reach_, table.reach_);
      scores[key] += column[table.buckets_[distance + table.reach_] * table.bias_.strides[0]];
    }
  }

 private:
  /// Bucket of one side: distances below half of the buckets have their own; bucket half + n begins where
  /// (back / half)^half reaches (reach / half)^n.
  std::int64_t bucket_of(std::int64_t back, std::int64_t count) const {
    const std::int64_t half = count / 2;
    if (back < half) return back;
    std::int64_t bucket = half;
    const auto exponent = static_cast<double>(count - half);
    const double ratio = static_cast<double>(reach_) / static_cast<double>(half);
    while (bucket + 1 < count) {
      const double begin =
          static_cast<double>(half) * std::pow(ratio, static_cast<double>(bucket + 1 - half) / exponent);
      if (static_cast<double>(back) < begin * (1.0 - 1e-12)) break;
      ++bucket;
    }
    return bucket;
  }

  const Problem& problem_;
  TensorView bias_;
  std::int64_t reach_;
  std::int32_t* buckets_;
};

Support supports(const Problem& problem, const Presence&) {
  return tiles::tiles_support(problem);
}

Arithmetic arithmetic(const Problem& problem) {
  return tiles::tile_arithmetic(problem);
}

std::size_t workspace_bytes(const Problem& problem, int threads) {
  const std::size_t table =
      BiasTable::is_used(problem) ? Workspace::padded_for<std::int32_t>(BiasTable::entries(problem)) : 0;
  return table + tiles::query_blocks_bytes(problem, threads);
}

void run(const KernelCall& call) {
  const Problem& problem = call.problem;
  tiles::AttentionCall attention(call);
  if (!BiasTable::is_used(problem)) return tiles::attend_in_query_blocks(call, attention);
  const BiasTable table(problem, call.inputs.at("relative_bias"),
                        call.workspace.take<std::int32_t>(BiasTable::entries(problem)));
  attention.term = {BiasTable::add, &table};
  tiles::attend_in_query_blocks(call, attention);
}

}  // namespace

const Kernel cpu_tiled{
    .name = "cpu_tiled",
    .backend = "cpu",
    .summary = "tiles of keys pass by blocks of query rows, with T5's relative bias where there is one",
    .supports = supports,
    .arithmetic = arithmetic,
    .workspace_bytes = workspace_bytes,
    .run = run,
};

}  // namespace attest::cross
