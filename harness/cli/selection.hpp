#pragma once

#include <vector>

#include "harness/cli/commands.hpp"
#include "harness/store/record.hpp"
#include "harness/sweep/plan.hpp"

namespace attest {

/// What check and bench are to do.
struct Selection {
  std::vector<CellRecord> references;  ///< the reference against expected values, already judged
  Plan plan;
};

/// Chooses the cells: from problems, a cases file, a tensor file, or the variants' own cases. Kernels that were not
/// named and do not support a problem are left out. Throws Error (exit 2) where a problem leaves no cell to run: nobody
/// supports it, or it needs more memory than it may take.
Selection select_cells(const CheckOptions& options);

}  // namespace attest
