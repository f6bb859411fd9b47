#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/core/workspace.hpp"
#include "variants/common/cpu/attention_call.hpp"
#include "variants/common/cpu/microkernels.hpp"
#include "variants/common/cpu/online_softmax.hpp"

namespace attest::tiles {

/// How the keys are cut so that all threads have work also for one short sequence of queries (FlashDecoding, Dao et al.
/// 2023): chunk n holds keys n * chunk and on.
struct KeySplit {
  std::int64_t chunk = 0;
  std::int64_t count = 1;

  /// About four tasks a thread where `tasks` exist without splitting; chunks are multiples of `granule` keys.
  static KeySplit choose(std::int64_t seq_kv, std::int64_t tasks, std::int64_t granule, int threads);

  KeySpan keys(std::int64_t index, std::int64_t seq_kv) const {
    return {index * chunk, std::min(seq_kv, (index + 1) * chunk)};
  }
};

/// What the chunks leave behind: of each row its softmax and its sums, not yet divided.
class PartialRows {
 public:
  /// Workspace that take() uses; `rows` is the number of query rows of the whole problem.
  static std::size_t bytes(const Microkernels& kernels, const Problem& problem, const KeySplit& split);

  PartialRows(const Microkernels& kernels, const Problem& problem, const KeySplit& split, Workspace& workspace);

  OnlineSoftmax& softmax(std::int64_t chunk, std::int64_t row) { return softmax_[chunk * rows_ + row]; }
  float* sums(std::int64_t chunk, std::int64_t row) { return sums_ + (chunk * rows_ + row) * columns_; }
  int columns() const { return columns_; }

  /// Row number of a query row: the leading index of softmax() and sums().
  static std::int64_t row_number(const Problem& problem, std::int64_t batch, std::int64_t head, std::int64_t row) {
    return (batch * problem.heads_q + head) * problem.seq_q + row;
  }

  /// Merges the chunks of every row by their maxima and writes out and lse.
  void merge(const AttentionCall& attention, const KernelCall& call);

 private:
  const Microkernels& kernels_;
  std::int64_t rows_;
  std::int64_t chunks_;
  int columns_;
  OnlineSoftmax* softmax_;
  float* sums_;
};

}  // namespace attest::tiles
