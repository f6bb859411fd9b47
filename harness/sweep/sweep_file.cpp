#include "harness/sweep/sweep_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <sstream>
#include <toml++/toml.h>

#include "harness/backends/backend.hpp"
#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/sweep/models.hpp"

namespace attest {
namespace {

constexpr std::string_view table_keys =
    "name kernels backends inputs dtypes problem models lengths axes zip and the options";

std::string place_of(const std::string& path, const toml::node& node, std::string_view key) {
  return fmt::format("{}:{}: {}", path, node.source().begin.line, key);
}

// Errors of the parts that know no file get the place in front.
template <class Call>
decltype(auto) at_place(const std::string& place, Call call) {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", place, error.what()), error.code());
  }
}

// A scalar as the text that a flag would have.
std::string text_of(const toml::node& node, const std::string& place) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  complain(place, "is no text, number or truth value", "give one of them, or a list of them");
}

// A scalar, or a list of scalars that is not empty.
std::vector<std::string> texts_of(const toml::node& node, const std::string& place) {
  const auto* list = node.as_array();
  if (list == nullptr) return {text_of(node, place)};
  std::vector<std::string> texts;
  for (const toml::node& entry : *list)
    texts.push_back(text_of(entry, place));
  if (texts.empty()) complain(place, "the list is empty", "give at least one value");
  return texts;
}

std::vector<std::string> strings_of(const toml::node& node, const std::string& place) {
  const auto check = [&place](const toml::node& entry) {
    if (!entry.is_string()) complain(place, "is no text", "give a text or a list of texts");
  };
  if (const auto* list = node.as_array()) {
    for (const toml::node& entry : *list)
      check(entry);
  } else {
    check(node);
  }
  return texts_of(node, place);
}

bool is_option(std::string_view key) {
  const std::vector<std::string> names = option_names();
  return key != "backends" && std::find(names.begin(), names.end(), key) != names.end();
}

OptionText option_of(const toml::node& node, const std::string& place) {
  OptionText option{fmt::format("{}", fmt::join(texts_of(node, place), ",")), place};
  return option;
}

class TableReader {
 public:
  TableReader(const std::string& path, const toml::table& table) : path_(path), table_(table) {}

  SweepTable read(std::size_t number) {
    result_.name = fmt::format("sweep {}", number);
    if (const toml::node* name = table_.get("name")) {
      if (!name->is_string()) complain(place_of(path_, *name, "name"), "is no text", "give a text");
      result_.name = name->as_string()->get();
    }
    result_.place = place_of(path_, table_, fmt::format("sweep '{}'", result_.name));
    for (const auto& [key, node] : table_)
      entry(std::string(key.str()), node);
    if (result_.kernels.empty()) complain(result_.place, "has no kernels", "add kernels = [\"flash2/*\"]");
    if (result_.inputs.empty()) result_.inputs = {"normal"};
    sort_axes();
    check_zips();
    return std::move(result_);
  }

 private:
  void entry(const std::string& key, const toml::node& node) {
    const std::string place = place_of(path_, node, key);
    if (key == "name") return;
    if (key == "kernels") {
      result_.kernels = fmt::format("{}", fmt::join(strings_of(node, place), ","));
      at_place(place, [&] { return select_kernels(result_.kernels); });
    } else if (key == "backends") {
      result_.backends = strings_of(node, place);
      for (const std::string& name : result_.backends)
        at_place(place, [&]() -> Backend& { return find_backend(name); });
    } else if (key == "inputs") {
      result_.inputs = strings_of(node, place);
      for (const std::string& name : result_.inputs)
        at_place(place, [&] { return find_input_kind(name).name; });
    } else if (key == "problem") {
      if (!node.is_string()) complain(place, "is no text", "give problem text, as \"b1 hq8 d64\"");
      result_.problem = parse_partial_problem(node.as_string()->get(), place);
    } else if (key == "models") {
      result_.models = strings_of(node, place);
      for (const std::string& name : result_.models)
        at_place(place, [&] { return find_model(name).name; });
    } else if (key == "lengths") {
      add_axis("sq", node, place);
    } else if (key == "dtypes") {
      add_axis("dtype", node, place);
    } else if (key == "axes") {
      const toml::table* axes = node.as_table();
      if (axes == nullptr) complain(place, "is no table", "write axes = { sq = \"pow2 7:14\" } or [sweep.axes]");
      for (const auto& [name, values] : *axes)
        add_axis(std::string(name.str()), values, place_of(path_, values, fmt::format("axes.{}", name.str())));
    } else if (key == "zip") {
      read_zips(node, place);
    } else if (is_option(key)) {
      result_.options[key] = option_of(node, place);
      SweepOptions tried;
      set_option(tried, key, result_.options[key]);
    } else {
      complain(place, "the key is unknown", fmt::format("known are {} {}", table_keys, fmt::join(option_names(), " ")));
    }
  }

  void add_axis(const std::string& name, const toml::node& node, const std::string& place) {
    for (const Axis& axis : result_.axes) {
      if (axis.name == name) complain(place, fmt::format("the axis {} was given before", name), "give it once");
    }
    const toml::array* list = node.as_array();
    if (list != nullptr && list->empty()) complain(place, "the axis is empty", "give at least one value");
    result_.axes.push_back(parse_axis(name, texts_of(node, place), place));
    positions_.push_back(node.source().begin);
  }

  // toml++ sorts the keys of a table; the file's own order is the one that a person expects in the plan.
  void sort_axes() {
    std::vector<std::size_t> order(result_.axes.size());
    for (std::size_t index = 0; index < order.size(); ++index)
      order[index] = index;
    std::stable_sort(order.begin(), order.end(),
                     [this](std::size_t a, std::size_t b) { return positions_[a] < positions_[b]; });
    std::vector<Axis> sorted;
    for (const std::size_t index : order)
      sorted.push_back(result_.axes[index]);
    result_.axes = std::move(sorted);
  }

  void read_zips(const toml::node& node, const std::string& place) {
    constexpr std::string_view right = "write zip = [[\"sq\", \"hq\"]]: lists of names of axes";
    const toml::array* lists = node.as_array();
    if (lists == nullptr) complain(place, "is no list", right);
    for (const toml::node& entry : *lists) {
      const toml::array* names = entry.as_array();
      if (names == nullptr || names->size() < 2) complain(place, "holds what is no list of two or more", right);
      result_.zips.push_back(strings_of(*names, place));
    }
    zip_place_ = place;
  }

  void check_zips() const {
    std::vector<std::string> seen;
    for (const std::vector<std::string>& zip : result_.zips) {
      std::size_t length = 0;
      for (const std::string& name : zip) {
        const auto axis = std::find_if(result_.axes.begin(), result_.axes.end(),
                                       [&name](const Axis& candidate) { return candidate.name == name; });
        if (axis == result_.axes.end()) {
          complain(zip_place_, fmt::format("'{}' is no axis of this sweep", name), "name axes that are given");
        }
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
          complain(zip_place_, fmt::format("'{}' is zipped twice", name), "name each axis once");
        }
        seen.push_back(name);
        if (length != 0 && axis->tokens.size() != length) {
          complain(zip_place_,
                   fmt::format("'{}' has {} values and '{}' has {}", zip[0], length, name, axis->tokens.size()),
                   "axes that go together have as many values each");
        }
        length = axis->tokens.size();
      }
    }
  }

  const std::string& path_;
  const toml::table& table_;
  SweepTable result_;
  std::vector<toml::source_position> positions_;
  std::string zip_place_;
};

}  // namespace

SweepFile parse_sweep_file(std::string_view text, const std::string& path) {
  SweepFile file{.path = path, .text = std::string(text), .options = {}, .tables = {}};
  toml::table document;
  try {
    document = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    complain(fmt::format("{}:{}:{}", path, error.source().begin.line, error.source().begin.column),
             std::string(error.description()), "see https://toml.io for the format");
  }
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    const std::string place = place_of(path, node, name);
    if (name == "sweep") {
      const toml::array* tables = node.as_array();
      if (tables == nullptr || !tables->is_homogeneous<toml::table>()) {
        complain(place, "is no list of tables", "write [[sweep]] above each");
      }
      for (const toml::node& table : *tables)
        file.tables.push_back(TableReader(path, *table.as_table()).read(file.tables.size() + 1));
    } else if (is_option(name)) {
      file.options[name] = option_of(node, place);
      SweepOptions tried;
      set_option(tried, name, file.options[name]);
    } else {
      complain(place, "the key is unknown", fmt::format("known are sweep {}", fmt::join(option_names(), " ")));
    }
  }
  if (file.tables.empty()) complain(path, "has no sweep", "add a [[sweep]] table with kernels and a problem");
  return file;
}

SweepFile read_sweep_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  if (!stream || !(text << stream.rdbuf()))
    complain(path, "cannot be read", "give a sweep file, as harness/sweeps/default.toml");
  return parse_sweep_file(text.str(), path);
}

void override_axis(SweepFile& file, std::string_view assignment) {
  const std::string place = fmt::format("--set {}", assignment);
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    complain(place, "is no assignment", "write --set AXIS=VALUES, as --set sq=128,256");
  }
  std::string name(assignment.substr(0, equals));
  if (name == "lengths") name = "sq";
  if (name == "dtypes") name = "dtype";
  std::string_view rest = assignment.substr(equals + 1);
  const char separator =
      rest.find(';') != std::string_view::npos || (name == "window" && rest.find(',') != std::string_view::npos) ? ';'
                                                                                                                 : ',';
  std::vector<std::string> values;
  while (true) {
    const std::size_t end = rest.find(separator);
    values.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const Axis axis = parse_axis(name, values, place);
  for (SweepTable& table : file.tables) {
    const auto known =
        std::find_if(table.axes.begin(), table.axes.end(), [&name](const Axis& one) { return one.name == name; });
    if (known == table.axes.end()) {
      table.axes.push_back(axis);
      continue;
    }
    const bool zipped = std::any_of(table.zips.begin(), table.zips.end(), [&name](const auto& zip) {
      return std::find(zip.begin(), zip.end(), name) != zip.end();
    });
    if (zipped && axis.tokens.size() != known->tokens.size()) {
      complain(place, fmt::format("'{}' is zipped in {} with {} values", name, table.place, known->tokens.size()),
               "give as many values");
    }
    *known = axis;
  }
}

}  // namespace attest
