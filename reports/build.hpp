// From the records of a store to the model of a report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/store/record.hpp"
#include "harness/store/store.hpp"
#include "reports/model.hpp"

namespace attest {

/// What the KV-cache table needs of one model preset.
struct CacheModel {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t heads_q = 0;
  std::int64_t heads_kv = 0;
  std::int64_t head_dim = 0;
  std::int64_t length = 0;         ///< tokens of a full sequence; 0: the source names none
  std::int64_t window_keys = 0;    ///< keys that a layer with a sliding window keeps; 0: all
  std::int64_t window_layers = 0;  ///< layers with that window; the others keep all keys
  std::string note;                ///< such as "window in every other layer"
  std::string source;
};

struct ReportInput {
  std::string title = "Attention kernels: time, accuracy and memory";
  std::vector<CellRecord> cells;
  std::vector<RunRecord> runs;
  std::vector<CacheModel> models;
  std::string verifier_table =
      {};                 ///< text of verifier_table.hpp's kind; empty: the report has no section on the verifier
  std::string base = {};  ///< the kernel that speed-ups are over; empty: the kernel of `standard` timed most often
};

/// Builds the report: summary, winners by length, scaling, sweeps, accuracy, memory, KV cache, method, cells and
/// provenance. The result depends on the records alone, not on their order. Throws Error (exit 4) for a record that
/// holds times although its cell did not pass, and for a record whose problem text is none; Error (exit 2) for a
/// base that no record has.
reports::Report build_report(const ReportInput& input);

}  // namespace attest
