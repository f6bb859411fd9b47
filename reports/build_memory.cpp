// Workspace measured against predicted, and the KV cache of the model presets.
#include <algorithm>
#include <fmt/format.h>

#include "harness/core/counts.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

Table kernel_table(const Study& study) {
  Table table{.id = "memory",
              .title = "Workspace by kernel",
              .note =
                  "Measured is the peak of the allocator that the kernel is given, predicted is the kernel's declared "
                  "formula; measured over predicted must be 1 in every cell.",
              .columns = {text_column("kernel"), integer_column("cells"), integer_column("measured = predicted"),
                          bytes_column("largest workspace"), bytes_column("predicted there"), text_column("at problem"),
                          bytes_column("its inputs and outputs")},
              .rows = {},
              .collapsed = false};
  const auto key = [](const View& view) {
    return view.record->workspace_bytes_measured < 0 ? std::string() : view.record->key.kernel;
  };
  std::vector<Group> groups = group_views(study, key);
  std::sort(groups.begin(), groups.end(),
            [](const Group& left, const Group& right) { return left.first < right.first; });
  for (const auto& [kernel, views] : groups) {
    const auto equal = std::count_if(views.begin(), views.end(), [](const View* view) {
      return view->record->workspace_bytes_measured == view->record->workspace_bytes_predicted;
    });
    const View* largest = *std::max_element(views.begin(), views.end(), [](const View* left, const View* right) {
      return left->record->workspace_bytes_measured < right->record->workspace_bytes_measured;
    });
    const CellRecord& record = *largest->record;
    table.rows.push_back({code_entry(kernel), number_entry(static_cast<double>(views.size())),
                          number_entry(static_cast<double>(equal)),
                          number_entry(static_cast<double>(record.workspace_bytes_measured)),
                          number_entry(static_cast<double>(record.workspace_bytes_predicted)),
                          code_entry(record.key.problem), number_entry(static_cast<double>(record.tensor_bytes))});
  }
  return table;
}

Table cell_table(const Study& study) {
  Table table{
      .id = "memory_cells",
      .title = "Memory of every cell that ran",
      .note =
          "Growth is that of the process's peak resident memory while the kernel ran, a check that nothing went "
          "around the allocator. KV cache: keys and values of the problem in memory.",
      .columns = {text_column("kernel"), text_column("problem"), integer_column("threads"),
                  bytes_column("workspace measured"), bytes_column("workspace predicted"),
                  number_column("measured / predicted", {NumberFormat::Style::significant, 3}),
                  bytes_column("inputs and outputs"), bytes_column("KV cache"), bytes_column("resident growth")},
      .rows = {},
      .collapsed = true};
  for (const View& view : study.views) {
    const CellRecord& record = *view.record;
    if (record.workspace_bytes_measured < 0) continue;
    const auto measured = static_cast<double>(record.workspace_bytes_measured);
    const auto predicted = static_cast<double>(record.workspace_bytes_predicted);
    std::vector<Entry> row = {code_entry(record.key.kernel), code_entry(record.key.problem),
                              number_entry(record.key.threads), number_entry(measured), number_entry(predicted)};
    if (predicted > 0) {
      row.push_back(number_entry(measured / predicted));
    } else if (measured == 0) {
      row.emplace_back(Missing{"both 0"});
    } else {
      row.emplace_back(Missing{"predicted 0"});
    }
    row.push_back(number_entry(static_cast<double>(record.tensor_bytes)));
    row.push_back(number_entry(kv_cache_bytes(view.problem)));
    if (record.resident_growth_bytes >= 0) {
      row.push_back(number_entry(static_cast<double>(record.resident_growth_bytes)));
    } else {
      row.emplace_back(Missing{"unknown"});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Section memory_section(const Study& study) {
  Section section{.id = "memory_section", .title = "Memory", .blocks = {}};
  Table table = kernel_table(study);
  if (table.rows.empty()) {
    section.blocks.emplace_back(Paragraph{"No cell ran far enough for its workspace to be measured."});
    return section;
  }
  const bool exact = std::all_of(study.views.begin(), study.views.end(), [](const View& view) {
    const CellRecord& record = *view.record;
    return record.workspace_bytes_measured < 0 || record.workspace_bytes_measured == record.workspace_bytes_predicted;
  });
  section.blocks.emplace_back(
      Paragraph{exact ? "In every cell that ran, the measured workspace equals the predicted one, byte for byte."
                      : "In some cells the measured workspace is not the predicted one; see the tables.",
                true});
  section.blocks.emplace_back(std::move(table));
  section.blocks.emplace_back(cell_table(study));
  return section;
}

namespace {

/// Bytes of keys and values a token, in 16 bits, over all layers.
double token_bytes(const CacheModel& model) {
  return 2.0 * static_cast<double>(model.layers * model.heads_kv * model.head_dim) * 2;
}

double group_of(const CacheModel& model) {
  return static_cast<double>(model.heads_q) / static_cast<double>(std::max<std::int64_t>(model.heads_kv, 1));
}

Figure cache_figure(const std::vector<CacheModel>& models) {
  Figure figure{.id = "kv_cache_by_model",
                .title = "KV cache a token, by model",
                .caption =
                    "16-bit keys and values of all layers, counted. MHA: the same model with a key head for every "
                    "query head.",
                .x = {.label = "", .unit = "", .scale = Scale::linear, .quantity = Quantity::plain, .ticks = {}},
                .y = {.label = "KV cache a token",
                      .unit = "KiB",
                      .scale = Scale::linear,
                      .quantity = Quantity::plain,
                      .ticks = {}},
                .panels = {{.title = "", .series = {}}}};
  Series own{.name = "as it is", .kernel = "", .points = {}, .draw = Draw::bars};
  Series mha{.name = "as MHA", .kernel = "", .points = {}, .draw = Draw::bars, .reference = 1};
  for (const CacheModel& model : models) {
    const auto x = static_cast<double>(figure.x.categories.size());
    figure.x.categories.push_back(model.name);
    own.points.push_back({.x = x, .y = token_bytes(model) / 1024, .interval = {}, .status = "passed"});
    mha.points.push_back(
        {.x = x, .y = token_bytes(model) * group_of(model) / 1024, .interval = {}, .status = "passed"});
  }
  figure.panels.front().series = {std::move(own), std::move(mha)};
  return figure;
}

}  // namespace

Section cache_section(const std::vector<CacheModel>& models) {
  Section section{.id = "kv_cache_section", .title = "KV cache", .blocks = {}};
  Table table{
      .id = "kv_cache",
      .title = "KV cache of known models: bytes a token and a sequence, 16-bit keys and values",
      .note =
          "2 x layers x key/value heads x head dim x 2 bytes a token. A sequence has the model's full length; the "
          "cache of a layer with a window stops growing there, the other layers keep all keys. MHA is the same model "
          "with as many key/value "
          "heads as query heads, so that the ratio is what grouping saves. Counted from the sources named, "
          "not measured.",
      .columns = {text_column("model"), integer_column("layers"), integer_column("query heads"),
                  integer_column("KV heads"), integer_column("head dim"), integer_column("length"),
                  bytes_column("a token"), bytes_column("a sequence"), bytes_column("with its window"),
                  bytes_column("a token as MHA"),
                  number_column("as MHA / this", {NumberFormat::Style::significant, 3}, "x"), text_column("note"),
                  text_column("source")},
      .rows = {},
      .collapsed = false};
  for (const CacheModel& model : models) {
    const double token = token_bytes(model);
    const auto length = static_cast<double>(model.length);
    const auto window = static_cast<double>(model.window_keys);
    std::vector<Entry> row = {code_entry(model.name), number_entry(static_cast<double>(model.layers)),
                              number_entry(static_cast<double>(model.heads_q)),
                              number_entry(static_cast<double>(model.heads_kv)),
                              number_entry(static_cast<double>(model.head_dim))};
    if (model.length > 0) {
      row.push_back(number_entry(length));
      row.push_back(number_entry(token));
      row.push_back(number_entry(token * length));
    } else {
      row.emplace_back(Missing{"not named"});
      row.push_back(number_entry(token));
      row.emplace_back(Missing{""});
    }
    if (model.window_keys > 0 && model.length > 0) {
      const double share = static_cast<double>(model.window_layers) / static_cast<double>(model.layers);
      row.push_back(number_entry(token * (share * std::min(length, window) + (1 - share) * length)));
    } else {
      row.emplace_back(Missing{"no window"});
    }
    const double group = group_of(model);
    row.push_back(number_entry(token * group));
    row.push_back(number_entry(group));
    row.push_back(text_entry(model.note));
    row.push_back(text_entry(model.source));
    table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) {
    section.blocks.emplace_back(Paragraph{"No model presets were given."});
  } else {
    section.blocks.emplace_back(cache_figure(models));
    section.blocks.emplace_back(std::move(table));
  }
  return section;
}

}  // namespace attest::reports
