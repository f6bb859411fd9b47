// JSON of the whole model, and the raw records as JSON lines.
#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/emit.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no word for a number that is not finite; null would hide which, so it becomes its word.
Json number_json(double value) {
  if (!std::isfinite(value)) return exact_number(value);
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<long long>(value);
  return value;
}

Json text_json(const std::string& text) {
  return clean_utf8(text);
}

Json entry_json(const Entry& entry) {
  if (const auto* text = std::get_if<Text>(&entry)) return text_json(text->text);
  if (const auto* number = std::get_if<Number>(&entry)) return number_json(number->value);
  if (const auto* missing = std::get_if<Missing>(&entry)) return Json{{"missing", text_json(missing->reason)}};
  return Json{{"status", text_json(std::get<Status>(entry).word)}};
}

Json table_json(const Table& table) {
  Json columns = Json::array();
  for (const Column& column : table.columns)
    columns.push_back({{"name", column.name}, {"unit", column.unit}});
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json entries = Json::array();
    for (const Entry& entry : row)
      entries.push_back(entry_json(entry));
    rows.push_back(std::move(entries));
  }
  return {{"type", "table"},
          {"id", table.id},
          {"title", text_json(table.title)},
          {"note", text_json(table.note)},
          {"columns", columns},
          {"rows", std::move(rows)}};
}

Json axis_json(const Axis& axis) {
  const char* scale = axis.scale == Scale::linear ? "linear" : axis.scale == Scale::log2 ? "log2" : "log10";
  Json result{{"label", axis.label}, {"unit", axis.unit}, {"scale", scale}};
  for (const std::string& category : axis.categories)
    result["categories"].push_back(text_json(category));
  return result;
}

Json point_json(const Point& point) {
  Json result{{"x", number_json(point.x)}, {"status", text_json(point.status)}};
  if (point.y) result["y"] = number_json(*point.y);
  if (point.interval) {
    result["low"] = number_json(point.interval->low);
    result["high"] = number_json(point.interval->high);
  }
  return result;
}

const char* draw_name(const Series& series) {
  if (series.reference > 0) return "reference";
  switch (series.draw) {
    case Draw::line_and_marks:
      return "line and marks";
    case Draw::line:
      return "line";
    case Draw::marks:
      return "marks";
    case Draw::bars:
      break;
  }
  return "bars";
}

Json figure_json(const Figure& figure) {
  Json panels = Json::array();
  for (const Panel& panel : figure.panels) {
    Json all = Json::array();
    for (const Series& series : panel.series) {
      Json points = Json::array();
      for (const Point& point : series.points)
        points.push_back(point_json(point));
      all.push_back({{"name", text_json(series.name)},
                     {"kernel", text_json(series.kernel)},
                     {"drawn", draw_name(series)},
                     {"points", points}});
    }
    panels.push_back({{"title", text_json(panel.title)}, {"series", std::move(all)}});
  }
  return {{"type", "figure"},
          {"id", figure.id},
          {"title", text_json(figure.title)},
          {"caption", text_json(figure.caption)},
          {"x", axis_json(figure.x)},
          {"y", axis_json(figure.y)},
          {"panels", std::move(panels)}};
}

Json block_json(const Block& block) {
  if (const auto* paragraph = std::get_if<Paragraph>(&block)) {
    return {{"type", "paragraph"}, {"text", text_json(paragraph->text)}, {"claim", paragraph->claim}};
  }
  if (const auto* table = std::get_if<Table>(&block)) return table_json(*table);
  return figure_json(std::get<Figure>(block));
}

Json pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json result = Json::array();
  for (const auto& [name, value] : pairs)
    result.push_back({{"name", text_json(name)}, {"value", text_json(value)}});
  return result;
}

}  // namespace

Files emit_json(const Report& report, const RenderedFigures&) {
  Json verdicts = Json::array();
  for (const VerdictCount& verdict : report.verdicts) {
    verdicts.push_back({{"verdict", text_json(verdict.status.word)}, {"cells", verdict.count}});
  }
  Json sections = Json::array();
  for (const Section& section : report.sections) {
    Json blocks = Json::array();
    for (const Block& block : section.blocks)
      blocks.push_back(block_json(block));
    sections.push_back({{"id", section.id}, {"title", text_json(section.title)}, {"blocks", std::move(blocks)}});
  }
  const Json whole{{"schema", "attest-report-1"},
                   {"title", text_json(report.title)},
                   {"headline", text_json(report.headline)},
                   {"verdicts", std::move(verdicts)},
                   {"facts", pairs_json(report.facts)},
                   {"sections", std::move(sections)},
                   {"kernels", report.kernels},
                   {"provenance", pairs_json(report.provenance)}};
  return {{"report.json", whole.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"},
          {"records.jsonl", report.records_jsonl}};
}

}  // namespace attest::reports
