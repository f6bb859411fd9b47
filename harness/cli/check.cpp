#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/cli/commands.hpp"
#include "harness/cli/output.hpp"
#include "harness/cli/selection.hpp"
#include "harness/sweep/interrupt.hpp"
#include "harness/sweep/run.hpp"

namespace attest {

ExitCode check_command(const CommonOptions& common, const CheckOptions& options) {
  Selection selection = select_cells(options);
  const InterruptGuard guard;
  std::vector<CellRecord> records = std::move(selection.references);
  RunOptions run;
  run.put = [&records](const CellRecord& record) { records.push_back(record); };
  run_plan(selection.plan, run);
  print_records(records, common);
  std::map<Outcome, std::int64_t> outcomes;
  for (const CellRecord& record : records)
    ++outcomes[record.verdict.outcome];
  return exit_code_of(outcomes);
}

}  // namespace attest
