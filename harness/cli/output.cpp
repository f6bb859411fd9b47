#include "harness/cli/output.hpp"

#include <cstdio>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/cli/text_table.hpp"

namespace attest {

void print_json(const std::vector<CellRecord>& records) {
  fmt::print("[");
  const char* before = "\n";
  for (const CellRecord& record : records) {
    fmt::print("{}{}", before, to_json(record).dump());
    before = ",\n";
  }
  fmt::print("\n]\n");
}

void print_failures(const std::vector<CellRecord>& records) {
  std::fflush(stdout);
  for (const CellRecord& record : records) {
    const Outcome outcome = record.verdict.outcome;
    if (outcome == Outcome::passed || outcome == Outcome::unsupported || outcome == Outcome::skipped) continue;
    fmt::print(stderr, "attest: {} {}: {}: {}\n", record.key.kernel, record.key.inputs, name_of(outcome),
               record.verdict.reason);
    if (!record.reproduce.empty()) fmt::print(stderr, "  {}\n", record.reproduce);
  }
}

void print_records(const std::vector<CellRecord>& records, const CommonOptions& common) {
  if (common.json) {
    print_json(records);
  } else {
    fmt::print("{}{}\n", table_of_cells(records, common.color_out), counts_of(records));
  }
  print_failures(records);
}

}  // namespace attest
