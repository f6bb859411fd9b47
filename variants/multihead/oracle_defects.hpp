#pragma once

#include <string_view>
#include <vector>

#include "harness/core/oracle.hpp"
#include "harness/core/problem.hpp"
#include "variants/multihead/oracle_projection.hpp"

namespace attest::multihead {

/// A projection into heads: its matrix and bias, and its true result (b, h, s, d).
struct HeadProjection {
  const Linear& linear;
  TensorView heads;
};

/// The stages of the module, as the oracle has them. `context` is the kernel's own.
struct ModuleStages {
  TensorView x, x_kv, context;
  HeadProjection q, k, v;
  const Linear& o;
};

/// The ways in which kernels of the whole module are known to be wrong, each in the one stage output that shows it by
/// itself: those of softmax attention in `context`, on the kernel's own heads; a bias forgotten, a matrix transposed,
/// heads split as (d,h) or taken from another matrix in `heads_q`, `heads_k`, `heads_v` and `out`; heads merged as
/// (d,h) in `context`.
class ModuleDefects {
 public:
  /// `attention` judges the attention on the kernel's heads; all of them outlive this.
  ModuleDefects(const Problem& problem, const Oracle& attention, const ModuleStages& stages)
      : problem_(problem), attention_(attention), stages_(stages) {}

  std::vector<KnownDefect> known(const Arithmetic& arithmetic) const;

  /// Changes of the lines that belong to the place, in their order: out, heads, context.
  std::vector<LineChanges> changes(const RowPlace& place, const Arithmetic& arithmetic) const;

 private:
  LineChanges context_changes(const RowPlace& place, const Arithmetic& arithmetic, std::size_t known) const;

  const Problem& problem_;
  const Oracle& attention_;
  ModuleStages stages_;
};

}  // namespace attest::multihead
