#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/backends/backend.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/sweep/models.hpp"

namespace attest {
namespace {

using Json = nlohmann::ordered_json;

// Rows of one table, as text for people and as objects for programs.
struct Listing {
  std::vector<TextTable::Column> columns;
  std::vector<std::vector<TextTable::Cell>> rows;
  Json objects = Json::array();
};

Listing list_variants() {
  Listing listing{{{"variant"}, {"title"}, {"kernels", true}, {"parameters"}, {"source"}}, {}};
  for (const RegisteredVariant& entry : registered_variants()) {
    const Variant& variant = *entry.variant;
    std::string names;
    Json parameters = Json::array();
    for (const ParameterSpec& spec : variant.parameters) {
      names += fmt::format("{}{}={}", names.empty() ? "" : " ", spec.name, spec.fallback);
      parameters.push_back({{"name", spec.name}, {"default", spec.fallback}, {"description", spec.description}});
    }
    listing.rows.push_back({std::string(variant.name), std::string(variant.title),
                            std::to_string(variant.kernels.size()), names, std::string(variant.source)});
    listing.objects.push_back({{"variant", variant.name},
                               {"title", variant.title},
                               {"equation", variant.equation},
                               {"source", variant.source},
                               {"softmax", variant.is_softmax},
                               {"parameters", parameters}});
  }
  return listing;
}

Listing list_kernels() {
  Listing listing{{{"kernel"}, {"backend"}, {"same bits"}, {"summary"}}, {}};
  for (const KernelEntry& entry : all_kernels()) {
    const Invariance& same = entry.kernel->invariance;
    std::string names;
    for (const auto& [holds, name] :
         {std::pair{same.reruns, "reruns"}, {same.threads, "threads"}, {same.batch, "batch"}})
      if (holds) names += (names.empty() ? "" : " ") + std::string(name);
    listing.rows.push_back({entry.id(), std::string(entry.kernel->backend), names, std::string(entry.kernel->summary)});
    listing.objects.push_back({{"kernel", entry.id()},
                               {"variant", entry.variant->name},
                               {"backend", entry.kernel->backend},
                               {"same_bits_rerun", same.reruns},
                               {"same_bits_any_threads", same.threads},
                               {"same_bits_alone_and_in_batch", same.batch},
                               {"summary", entry.kernel->summary}});
  }
  return listing;
}

Listing list_models() {
  Listing listing{{{"model"}, {"layers", true}, {"layer"}, {"KV bytes/token, 16 bit", true}, {"source"}}, {}};
  for (const Model& model : models()) {
    const std::string problem = model.problem.complete(model.name).text();
    const double bytes = kv_bytes_per_token(model, DType::bf16);
    listing.rows.push_back(
        {model.name, std::to_string(model.layers), problem, fmt::format("{:.0f}", bytes), model.source});
    listing.objects.push_back({{"model", model.name},
                               {"layers", model.layers},
                               {"problem", problem},
                               {"kv_bytes_per_token_16_bit", bytes},
                               {"note", model.note},
                               {"source", model.source}});
  }
  return listing;
}

Listing list_backends() {
  Listing listing{{{"backend"}, {"here"}, {"reason"}}, {}};
  for (const Backend* backend : all_backends()) {
    const Support available = backend->available();
    listing.rows.push_back({std::string(backend->name()), available.supported ? "yes" : "no", available.reason});
    listing.objects.push_back(
        {{"backend", backend->name()}, {"available", available.supported}, {"reason", available.reason}});
  }
  return listing;
}

Listing list_inputs() {
  Listing listing{{{"inputs"}, {"summary"}}, {}};
  for (const InputKind& kind : input_kinds()) {
    listing.rows.push_back({std::string(kind.name), std::string(kind.summary)});
    listing.objects.push_back({{"inputs", kind.name},
                               {"summary", kind.summary},
                               {"continuous", kind.nature.continuous},
                               {"exchangeable", kind.nature.exchangeable}});
  }
  return listing;
}

}  // namespace

ExitCode list_command(const CommonOptions& common, const ListOptions& options) {
  constexpr std::pair<std::string_view, Listing (*)()> listings[] = {{"variants", list_variants},
                                                                     {"kernels", list_kernels},
                                                                     {"models", list_models},
                                                                     {"backends", list_backends},
                                                                     {"inputs", list_inputs}};
  for (const auto& [name, make] : listings) {
    if (name != options.what) continue;
    Listing listing = make();
    if (common.json) {
      fmt::print("{}\n", listing.objects.dump(1));
      return ExitCode::passed;
    }
    TextTable table(listing.columns, common.color_out);
    for (std::vector<TextTable::Cell>& row : listing.rows)
      table.add(std::move(row));
    fmt::print("{}", table.text());
    return ExitCode::passed;
  }
  complain("list", options.what.empty() ? "nothing is named" : fmt::format("'{}' is unknown", options.what),
           "give variants, kernels, models, backends or inputs");
}

}  // namespace attest
