#include "variants/common/cpu/split_keys.hpp"

#include <algorithm>

#include "variants/common/cpu/parallel.hpp"

namespace attest::tiles {

namespace {

int columns_of(const Microkernels& kernels, const Problem& problem) {
  const int width = kernels.vector_floats;
  return static_cast<int>((problem.head_dim_v + width - 1) / width * width);
}

std::int64_t rows_of(const Problem& problem) {
  return problem.batch * problem.heads_q * problem.seq_q;
}

}  // namespace

KeySplit KeySplit::choose(std::int64_t seq_kv, std::int64_t tasks, std::int64_t granule, int threads) {
  const std::int64_t granules = (seq_kv + granule - 1) / granule;
  const std::int64_t wanted = std::clamp<std::int64_t>((4 * std::int64_t{threads} + tasks - 1) / tasks, 1, granules);
  KeySplit split;
  split.chunk = (granules + wanted - 1) / wanted * granule;
  split.count = (seq_kv + split.chunk - 1) / split.chunk;
  return split;
}

std::size_t PartialRows::bytes(const Microkernels& kernels, const Problem& problem, const KeySplit& split) {
  const auto lines = static_cast<std::size_t>(rows_of(problem) * split.count);
  return Workspace::padded_for<OnlineSoftmax>(lines) +
         Workspace::padded_for<float>(lines * static_cast<std::size_t>(columns_of(kernels, problem)));
}

PartialRows::PartialRows(const Microkernels& kernels, const Problem& problem, const KeySplit& split,
                         Workspace& workspace)
    : kernels_(kernels), rows_(rows_of(problem)), chunks_(split.count), columns_(columns_of(kernels, problem)) {
  const auto lines = static_cast<std::size_t>(rows_ * chunks_);
  softmax_ = workspace.take<OnlineSoftmax>(lines);
  sums_ = workspace.take<float>(lines * static_cast<std::size_t>(columns_));
}

void PartialRows::merge(const AttentionCall& attention, const KernelCall& call) {
  const Problem& problem = call.problem;
  const float log2_factor = attention.log2_factor();
  const int team = attest::worthwhile_threads(call.threads, 3.0 * static_cast<double>(rows_ * chunks_ * columns_));
  parallel_for(team, problem.batch * problem.heads_q, [&](int thread, std::int64_t index) {
    const std::int64_t batch = index / problem.heads_q;
    const std::int64_t head = index % problem.heads_q;
    call.clock(thread).enter(Phase::storing);
    for (std::int64_t row = 0; row < problem.seq_q; ++row) {
      const std::int64_t number = row_number(problem, batch, head, row);
      OnlineSoftmax joint = softmax(0, number);
      float* out = sums(0, number);
      for (std::int64_t chunk = 1; chunk < chunks_; ++chunk) {
        const OnlineSoftmax::Factors factors = joint.merge(kernels_, softmax(chunk, number), log2_factor);
        const float* other = sums(chunk, number);
        for (int column = 0; column < columns_; ++column) {
          out[column] = out[column] * factors.own + other[column] * factors.other;
        }
      }
      // Scores that are all -inf leave no weight, and what is no number times nothing is still no number.
      if (joint.sum == 0.0f) std::fill_n(out, columns_, 0.0f);
      attention.store_row(kernels_, batch, head, row, out, joint.divisor(), joint.finish(attention.unit()));
    }
    call.clock(thread).leave();
  });
}

}  // namespace attest::tiles
