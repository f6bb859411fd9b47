#include "harness/core/variant.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "variants/sliding_window/kernels.hpp"
#include "variants/sliding_window/spec.hpp"

namespace attest::sliding_window {
namespace {

const SlidingWindowSpec spec;
const std::array kernels{cpu_banded, cuda_banded};
constexpr std::array parameters{
    ParameterSpec{"global", "0", "the first positions that see and are seen by all (Longformer); 0 to skv"},
};

void check(const Problem& problem) {
  const std::int64_t global = problem.parameter("global", 0);
  if (global < 0 || global > problem.seq_kv) {
    complain("global=" + std::to_string(global), "is out of range",
             "use 0 to skv (" + std::to_string(problem.seq_kv) + ")");
  }
}

/// 2*(d+dv) for each visible pair, global ones included.
double flops(const Problem& problem) {
  const std::int64_t global = problem.parameter("global", 0);
  if (global == 0) return exact_flops(problem);
  const std::int64_t offset = problem.offset(problem.seq_kv);
  double pairs = 0.0;
  for (std::int64_t row = 0; row < problem.seq_q; ++row) {
    const std::int64_t position = row + offset;
    const std::int64_t limit =
        problem.causal ? std::clamp<std::int64_t>(position + 1, 0, problem.seq_kv) : problem.seq_kv;
    if (position >= 0 && position < global) {
      pairs += static_cast<double>(limit);
      continue;
    }
    const KeyRange band = key_range(problem, row, problem.seq_kv);
    const KeyRange beyond{std::max(band.begin, std::min(global, limit)), band.end};
    pairs += static_cast<double>(std::min(global, limit) + beyond.size());
  }
  return pairs * 2.0 * static_cast<double>((problem.head_dim + problem.head_dim_v) * problem.batch * problem.heads_q);
}

}  // namespace

extern const Variant variant;
const Variant variant{
    .name = "sliding_window",
    .title = "Sliding-window attention",
    .equation = "out_i = sum_j softmax_j(scale * q_i.k_j) v_j over i+offset-L <= j <= i+offset+R, and global positions",
    .source =
        "Jiang et al. 2023, Mistral 7B, arXiv:2310.06825, section 2; Beltagy et al. 2020, Longformer, "
        "arXiv:2004.05150, section 3",
    .is_softmax = true,
    .parameters = parameters,
    .check = check,
    .spec = &spec,
    .flops = flops,
    .kernels = kernels,
};

}  // namespace attest::sliding_window
