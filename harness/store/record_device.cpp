#include "harness/core/counts.hpp"
#include "harness/store/record_json.hpp"

namespace attest::record_json {

namespace {

Json counts_to_json(const DeviceCounts& counts) {
  Json json = Json::object();
  for_each_count(counts, [&json](const char* name, double value) { json[name] = number(value); });
  json["bank_conflicts"] = number(counts.bank_conflicts());
  json["lane_share"] = number(counts.lane_share());
  return json;
}

DeviceCounts counts_from_json(const Json& json) {
  const Reader read(json, "record, counts");
  DeviceCounts counts;
  for_each_count(counts, [&read](const char* name, double& value) { value = read.real(name); });
  return counts;
}

Json resources_to_json(const EntryResources& entry) {
  return {{"entry", entry.entry},
          {"registers", entry.registers},
          {"spill_store_bytes", entry.spill_store_bytes},
          {"spill_load_bytes", entry.spill_load_bytes},
          {"static_shared_bytes", entry.static_shared_bytes},
          {"dynamic_shared_bytes", entry.dynamic_shared_bytes},
          {"block_threads", entry.block_threads}};
}

EntryResources resources_from_json(const Json& json) {
  const Reader read(json, "record, resources");
  return {.entry = read.get<std::string>("entry"),
          .registers = read.get<int>("registers"),
          .spill_store_bytes = read.get<int>("spill_store_bytes"),
          .spill_load_bytes = read.get<int>("spill_load_bytes"),
          .static_shared_bytes = read.get<int>("static_shared_bytes"),
          .dynamic_shared_bytes = read.get<int>("dynamic_shared_bytes"),
          .block_threads = read.get<int>("block_threads")};
}

}  // namespace

// What a device or its emulator said of the cell; nothing for kernels of the CPU.
void add_device(Json& json, const CellRecord& record) {
  if (record.counts) json["counts"] = counts_to_json(*record.counts);
  if (!record.resources.empty()) {
    json["resources"] = Json::array();
    for (const EntryResources& entry : record.resources)
      json["resources"].push_back(resources_to_json(entry));
  }
  if (record.sanitized) json["sanitized"] = true;
  if (!record.findings.empty()) {
    json["findings"] = Json::array();
    for (const DeviceFinding& finding : record.findings)
      json["findings"].push_back({{"kind", finding.kind}, {"message", finding.message}});
  }
}

void read_device(const Reader& read, CellRecord& record) {
  if (read.has("counts")) record.counts = counts_from_json(read.at("counts"));
  if (read.has("resources")) {
    for (const Json& entry : read.array("resources"))
      record.resources.push_back(resources_from_json(entry));
  }
  record.sanitized = read.has("sanitized") && read.get<bool>("sanitized");
  if (read.has("findings")) {
    for (const Json& entry : read.array("findings")) {
      const Reader finding(entry, "record, findings");
      record.findings.push_back(
          {.kind = finding.get<std::string>("kind"), .message = finding.get<std::string>("message")});
    }
  }
}

}  // namespace attest::record_json
