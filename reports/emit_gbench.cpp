// gbench.json: the raw samples in the form of Google Benchmark's JSON, as its compare.py reads it: one entry a sample,
// all of a cell under one name. Only passed cells have samples.
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/store/record.hpp"
#include "reports/emit.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

std::string fact(const Report& report, const std::string& name) {
  for (const auto& [key, value] : report.provenance) {
    if (key == name) return value;
  }
  return "not known";
}

void add_samples(const CellRecord& record, std::size_t family, Json& benchmarks) {
  std::size_t count = 0;
  for (const RoundRecord& round : record.rounds)
    count += round.seconds.size();
  std::size_t index = 0;
  for (const RoundRecord& round : record.rounds) {
    for (const double seconds : round.seconds) {
      benchmarks.push_back({{"name", record.key.text()},
                            {"family_index", family},
                            {"per_family_instance_index", 0},
                            {"run_name", record.key.text()},
                            {"run_type", "iteration"},
                            {"repetitions", count},
                            {"repetition_index", index++},
                            {"threads", record.key.threads},
                            {"iterations", round.iterations},
                            {"real_time", seconds * 1e9},
                            {"cpu_time", seconds * 1e9},
                            {"time_unit", "ns"},
                            {"round", round.round}});
    }
  }
}

}  // namespace

Files emit_gbench(const Report& report, const RenderedFigures&) {
  Json benchmarks = Json::array();
  std::istringstream lines(report.records_jsonl);
  std::string line;
  std::size_t family = 0;
  while (std::getline(lines, line)) {
    const CellRecord record = record_from_json(Json::parse(line));
    if (record.verdict.has_passed() && record.timing) add_samples(record, family++, benchmarks);
  }
  const Json document{{"context",
                       {{"date", fact(report, "recorded at")},
                        {"executable", "attest"},
                        {"host_name", "not recorded"},
                        {"cpu_model", fact(report, "machine: cpu model")},
                        {"num_cpus", fact(report, "machine: cpus")},
                        {"commit", fact(report, "build: commit")},
                        {"library_build_type", fact(report, "build: build type")},
                        // Its reader wants a cpu_time, and none is measured.
                        {"cpu_time", "not measured: the real time stands in its place"}}},
                      {"benchmarks", benchmarks}};
  return {{"gbench.json", document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"}};
}

}  // namespace attest::reports
