#include "harness/sweep/models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>
#include <vector>

#include "harness/core/error.hpp"

namespace attest {

// The text of harness/models.toml, put into the program by harness/cmake/AttestEmbed.cmake.
extern const std::string_view embedded_models;

namespace {

constexpr std::string_view place = "harness/models.toml";

Model read_model(const toml::table& table) {
  Model model;
  const std::string own_place = fmt::format("{}:{}", place, table.source().begin.line);
  std::string tokens;
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (name == "name" || name == "source" || name == "note") {
      const auto* text = node.as_string();
      if (text == nullptr) complain(own_place, fmt::format("{} is no text", name), "give a text");
      (name == "name" ? model.name : name == "source" ? model.source : model.note) = text->get();
    } else if (name == "layers" || name == "length" || name == "window_layers") {
      const auto* number = node.as_integer();
      if (number == nullptr || number->get() < 1)
        complain(own_place, fmt::format("{} is no size", name), "give 1 or more");
      (name == "layers" ? model.layers : name == "length" ? model.length : model.window_layers) = number->get();
    } else if (name == "causal") {
      const auto* truth = node.as_boolean();
      if (truth == nullptr) complain(own_place, "causal is no truth value", "give true or false");
      if (truth->get()) tokens += " causal";
    } else if (const auto* number = node.as_integer()) {
      tokens += fmt::format(" {}{}", name, number->get());
    } else if (const auto* real = node.as_floating_point()) {
      tokens += fmt::format(" {}={}", name, real->get());
    } else if (const auto* text = node.as_string()) {
      tokens += fmt::format(" {}={}", name, text->get());
    } else {
      complain(own_place, fmt::format("{} has no value of a known type", name), "give a text or a number");
    }
  }
  if (model.name.empty()) complain(own_place, "a model has no name", "add name = \"...\"");
  model.problem = parse_partial_problem(tokens, fmt::format("{} ({})", own_place, model.name));
  const bool windowed = model.problem.window && model.problem.window->left >= 0;
  if (model.window_layers > (windowed ? model.layers : 0)) {
    complain(own_place, fmt::format("window_layers = {} of {} layers", model.window_layers, model.layers),
             windowed ? "give as many as layers at most" : "give the window too");
  }
  if (windowed && model.window_layers == 0) model.window_layers = model.layers;
  if (model.length > 0 && !model.problem.seq_q) model.problem.seq_q = model.length;
  if (model.length == 0) model.length = model.problem.seq_q.value_or(0);
  return model;
}

std::vector<Model> read_models() {
  std::vector<Model> models;
  try {
    const toml::table document = toml::parse(embedded_models, place);
    const toml::array* list = document["model"].as_array();
    if (list == nullptr) complain(place, "has no [[model]]", "add one table a model");
    for (const toml::node& node : *list) {
      if (!node.is_table()) complain(place, "model is no list of tables", "write [[model]]");
      models.push_back(read_model(*node.as_table()));
    }
  } catch (const toml::parse_error& error) {
    complain(fmt::format("{}:{}", place, error.source().begin.line), std::string(error.description()), "");
  }
  return models;
}

}  // namespace

std::span<const Model> models() {
  static const std::vector<Model> table = read_models();
  return table;
}

const Model& find_model(std::string_view name) {
  std::vector<std::string_view> known;
  for (const Model& model : models()) {
    if (model.name == name) return model;
    known.push_back(model.name);
  }
  complain("model", fmt::format("'{}' is unknown", name), fmt::format("known are {}", fmt::join(known, " ")));
}

double kv_bytes_per_token(const Model& model, DType dtype) {
  const std::int64_t heads = model.problem.heads_kv.value_or(model.problem.heads_q.value_or(1));
  const std::int64_t dim = model.problem.head_dim.value_or(64);
  const std::int64_t dim_v = model.problem.head_dim_v.value_or(dim);
  return static_cast<double>(model.layers * heads * (dim + dim_v)) * static_cast<double>(size_of(dtype));
}

}  // namespace attest
