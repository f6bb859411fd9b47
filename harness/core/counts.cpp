#include "harness/core/counts.hpp"

#include <algorithm>

namespace attest {

KeyRange key_range(const Problem& problem, std::int64_t row, std::int64_t kv_length) {
  const std::int64_t centre = row + problem.offset(kv_length);
  KeyRange range{0, kv_length};
  if (problem.causal) range.end = std::min(range.end, centre + 1);
  if (problem.window.right >= 0) range.end = std::min(range.end, centre + problem.window.right + 1);
  if (problem.window.left >= 0) range.begin = std::max(range.begin, centre - problem.window.left);
  range.end = std::max(range.end, range.begin);
  return range;
}

double visible_pairs(const Problem& problem, std::span<const std::int64_t> kv_lengths) {
  const auto pairs_of = [&problem](std::int64_t kv_length) {
    double pairs = 0.0;
    for (std::int64_t row = 0; row < problem.seq_q; ++row) {
      pairs += static_cast<double>(key_range(problem, row, kv_length).size());
    }
    return pairs;
  };
  const auto heads = static_cast<double>(problem.heads_q);
  if (kv_lengths.empty()) return static_cast<double>(problem.batch) * heads * pairs_of(problem.seq_kv);
  double pairs = 0.0;
  for (const std::int64_t kv_length : kv_lengths)
    pairs += heads * pairs_of(kv_length);
  return pairs;
}

double exact_flops(const Problem& problem) {
  return 2.0 * static_cast<double>(problem.head_dim + problem.head_dim_v) * visible_pairs(problem);
}

double conventional_flops(const Problem& problem) {
  const double pairs = static_cast<double>(problem.batch) * static_cast<double>(problem.heads_q) *
                       static_cast<double>(problem.seq_q) * static_cast<double>(problem.seq_kv);
  const double flops = 2.0 * static_cast<double>(problem.head_dim + problem.head_dim_v) * pairs;
  return problem.causal ? flops / 2.0 : flops;
}

double io_bytes(const Problem& problem) {
  const double width = static_cast<double>(problem.head_dim + problem.head_dim_v);
  const double rows_q = static_cast<double>(problem.batch * problem.heads_q) * static_cast<double>(problem.seq_q);
  return rows_q * width * static_cast<double>(size_of(problem.dtype)) + kv_cache_bytes(problem);
}

double kv_cache_bytes(const Problem& problem) {
  const double rows_kv = static_cast<double>(problem.batch * problem.heads_kv) * static_cast<double>(problem.seq_kv);
  return rows_kv * static_cast<double>(problem.head_dim + problem.head_dim_v) *
         static_cast<double>(size_of(problem.dtype));
}

}  // namespace attest
