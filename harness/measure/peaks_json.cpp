#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "harness/measure/peaks.hpp"

namespace attest {

namespace {

using Json = nlohmann::json;

template <typename Value>
Value value_of(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) complain("peaks", fmt::format("no key {}", key), "it is required");
  try {
    return object.at(key).get<Value>();
  } catch (const Json::exception&) {
    complain("peaks", fmt::format("key {} is {}", key, object.at(key).dump()), "another type");
  }
}

const Json& rows_of(const Json& document, const char* key) {
  if (!document.is_object() || !document.contains(key) || !document.at(key).is_array()) {
    complain("peaks", fmt::format("no array {}", key), "one object a row");
  }
  return document.at(key);
}

}  // namespace

Json peaks_to_json(const Peaks& peaks) {
  Json document = {{"isa", peaks.isa}, {"flops", Json::array()}, {"bandwidths", Json::array()}};
  for (const FlopPeak& row : peaks.flops) {
    document["flops"].push_back({{"isa", row.isa},
                                 {"type", row.type},
                                 {"computed_as", row.computed_as},
                                 {"threads", row.threads},
                                 {"flops_per_second", row.flops_per_second},
                                 {"samples", row.samples}});
  }
  for (const BandwidthPeak& row : peaks.bandwidths) {
    document["bandwidths"].push_back({{"level", row.level},
                                      {"bytes", row.bytes},
                                      {"threads", row.threads},
                                      {"bytes_per_second", row.bytes_per_second},
                                      {"samples", row.samples}});
  }
  return document;
}

Peaks peaks_from_json(const Json& document) {
  Peaks peaks;
  peaks.isa = value_of<std::string>(document, "isa");
  for (const Json& row : rows_of(document, "flops")) {
    peaks.flops.push_back({.isa = value_of<std::string>(row, "isa"),
                           .type = value_of<std::string>(row, "type"),
                           .computed_as = value_of<std::string>(row, "computed_as"),
                           .threads = value_of<int>(row, "threads"),
                           .flops_per_second = value_of<double>(row, "flops_per_second"),
                           .samples = value_of<std::vector<double>>(row, "samples")});
  }
  for (const Json& row : rows_of(document, "bandwidths")) {
    peaks.bandwidths.push_back({.level = value_of<std::string>(row, "level"),
                                .bytes = value_of<std::size_t>(row, "bytes"),
                                .threads = value_of<int>(row, "threads"),
                                .bytes_per_second = value_of<double>(row, "bytes_per_second"),
                                .samples = value_of<std::vector<double>>(row, "samples")});
  }
  return peaks;
}

}  // namespace attest
