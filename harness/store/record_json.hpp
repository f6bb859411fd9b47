#pragma once

#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/store/record.hpp"

// What the parts of a record's JSON share.

namespace attest::record_json {

using Json = nlohmann::ordered_json;

// JSON has no infinity and no NaN; a failed cell has both. They are kept as the words that C and Python read back.
inline Json number(double value) {
  if (std::isfinite(value)) return value;
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

// 64-bit hashes are text, since many readers of JSON keep numbers as doubles.
inline Json hash_text(std::uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

/// Reads an object's keys; refuses one that is absent or of a wrong type by its name.
class Reader {
 public:
  Reader(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.is_object()) complain(place_, "is no JSON object", "give one object a record");
  }

  const Json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) complain(place_, fmt::format("key '{}' is absent", key), "every record has it");
    return *found;
  }
  bool has(const char* key) const { return json_.contains(key); }

  template <class T>
  T get(const char* key) const {
    const Json& value = at(key);
    bool right = false;
    if constexpr (std::is_same_v<T, bool>) {
      right = value.is_boolean();
    } else if constexpr (std::is_integral_v<T>) {
      right = value.is_number_integer();
    } else {
      right = value.is_string();
    }
    if (!right) refuse(key, value);
    return value.get<T>();
  }

  double real(const char* key) const { return real(key, at(key)); }

  std::vector<double> reals(const char* key) const {
    const Json& list = array(key);
    std::vector<double> values;
    values.reserve(list.size());
    for (const Json& value : list)
      values.push_back(real(key, value));
    return values;
  }

  std::uint64_t hash(const char* key) const {
    const auto text = get<std::string>(key);
    if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos) refuse(key, at(key));
    return std::stoull(text, nullptr, 16);
  }

  const Json& array(const char* key) const {
    const Json& list = at(key);
    if (!list.is_array()) refuse(key, list);
    return list;
  }

 private:
  [[noreturn]] void refuse(const char* key, const Json& value) const {
    complain(place_, fmt::format("key '{}' has the value {}", key, value.dump()), "its type is another");
  }

  double real(const char* key, const Json& value) const {
    if (value.is_number()) return value.get<double>();
    if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (value == "inf") return std::numeric_limits<double>::infinity();
    if (value == "-inf") return -std::numeric_limits<double>::infinity();
    refuse(key, value);
  }

  const Json& json_;
  std::string place_;
};

/// What an emulated cell has beside the others: counts, resources, findings.
void add_device(Json& json, const CellRecord& record);
void read_device(const Reader& read, CellRecord& record);

}  // namespace attest::record_json
