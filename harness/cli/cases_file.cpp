#include "harness/cli/cases_file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <toml++/toml.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

toml::table parse(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    complain(fmt::format("{}:{}:{}", path, error.source().begin.line, error.source().begin.column),
             std::string(error.description()), "see https://toml.io for the format");
  }
}

toml::table parse_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) complain(path, "cannot be read", "give a cases file");
  try {
    return toml::parse_file(path);
  } catch (const toml::parse_error& failure) {
    complain(fmt::format("{}:{}:{}", path, failure.source().begin.line, failure.source().begin.column),
             std::string(failure.description()), "see https://toml.io for the format");
  }
}

ExpectedCase read_case(const toml::table& table, const std::string& path) {
  ExpectedCase result;
  result.place = fmt::format("{}:{}: case", path, table.source().begin.line);
  const auto text = [&](const char* key) {
    const auto* value = table[key].as_string();
    if (value == nullptr) complain(result.place, fmt::format("'{}' is absent or no text", key), "add it");
    return value->get();
  };
  const auto tolerance = [&](const char* key) {
    const auto value = table[key].value<double>();
    if (!value || !std::isfinite(*value) || *value < 0.0) {
      complain(result.place, fmt::format("'{}' is absent or no tolerance", key), "give a number of 0 or more");
    }
    return *value;
  };
  result.name = text("name");
  result.place = fmt::format("{}:{}: case '{}'", path, table.source().begin.line, result.name);
  result.tensors = (std::filesystem::path(path).parent_path() / text("tensors")).string();
  result.problem = text("problem");
  result.rtol = tolerance("rtol");
  result.atol = tolerance("atol");
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    if (name != "name" && name != "tensors" && name != "problem" && name != "rtol" && name != "atol") {
      complain(fmt::format("{}:{}: {}", path, node.source().begin.line, name), "the key is unknown",
               "known are name tensors problem rtol atol");
    }
  }
  return result;
}

}  // namespace

std::vector<ExpectedCase> read_cases(const std::string& path) {
  const toml::table document = parse_file(path);
  std::vector<ExpectedCase> cases;
  for (const auto& [key, node] : document) {
    const toml::array* list = node.as_array();
    if (key.str() != "case" || list == nullptr || !list->is_homogeneous<toml::table>()) {
      complain(fmt::format("{}:{}: {}", path, node.source().begin.line, key.str()), "is no list of cases",
               "write [[case]] above each");
    }
    for (const toml::node& entry : *list)
      cases.push_back(read_case(*entry.as_table(), path));
  }
  if (cases.empty()) complain(path, "has no case", "add a [[case]] with name, tensors, problem, rtol and atol");
  return cases;
}

std::vector<std::string> own_cases(const RegisteredVariant& variant, std::string_view level) {
  constexpr std::string_view levels[] = {"smoke", "ci", "full"};
  const auto* const last = std::find(std::begin(levels), std::end(levels), level);
  if (last == std::end(levels)) complain("--level", fmt::format("'{}' is unknown", level), "give smoke, ci or full");
  const std::string place = fmt::format("variants/{}/cases.toml", variant.variant->name);
  const toml::table document = parse(variant.cases, place);
  std::vector<std::string> problems;
  for (const auto* name = std::begin(levels); name != last + 1; ++name) {
    const toml::array* list = document[*name]["problems"].as_array();
    if (list == nullptr) continue;
    for (const toml::node& entry : *list) {
      const auto* text = entry.as_string();
      if (text == nullptr) complain(place, fmt::format("[{}] holds what is no text", *name), "give problem texts");
      problems.push_back(text->get());
    }
  }
  return problems;
}

}  // namespace attest
