// CSV (RFC 4180 with LF), one file a table. Numbers are exact and in the unit that the header names.
#include "reports/emit.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

std::string entry_text(const Entry& entry) {
  if (const auto* text = std::get_if<Text>(&entry)) return text->text;
  if (const auto* number = std::get_if<Number>(&entry)) return exact_number(number->value);
  // A missing number is an empty field, so that a column of numbers stays one; its reason is in the other formats.
  if (std::get_if<Missing>(&entry) != nullptr) return "";
  return std::get<Status>(entry).word;
}

std::string table_text(const Table& table) {
  std::string text;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    const std::string name = column.unit.empty() ? column.name : column.name + " [" + column.unit + "]";
    text += (i == 0 ? "" : ",") + csv_field(name);
  }
  text += "\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      text += (i == 0 ? "" : ",") + csv_field(entry_text(row[i]));
    text += "\n";
  }
  return text;
}

}  // namespace

Files emit_csv(const Report& report, const RenderedFigures&) {
  Files files;
  for (const Section& section : report.sections) {
    for (const Block& block : section.blocks) {
      if (const auto* table = std::get_if<Table>(&block)) files["csv/" + table->id + ".csv"] = table_text(*table);
    }
  }
  return files;
}

}  // namespace attest::reports
