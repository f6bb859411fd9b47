// The verifier's own quality: how many kernels with a planted defect its rules reject, and those of others.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/core/error.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* together = "Attest";
constexpr const char* types[] = {"f32", "bf16", "f16"};
const NumberFormat share_format{NumberFormat::Style::percent, 1};

struct Tally {
  double rejected = 0.0;
  double runs = 0.0;
};

void add(const Json& count, const std::string& rule, Tally& tally) {
  tally.runs += count.at("runs").get<double>();
  tally.rejected += count.value(rule, 0.0);
}

/// Runs of all rows of a type that are of a kind (empty: of any) and were rejected by the rule.
Tally tally_of(const Json& table, const std::string& rule, const std::string& type, const std::string& kind,
               const char* inputs = "all") {
  Tally tally;
  for (const Json& row : table.at("defects"))
    if (row.at("type") == type && (kind.empty() || row.at("kind") == kind)) add(row.at(inputs), rule, tally);
  return tally;
}

Tally alarms_of(const Json& table, const std::string& rule, const std::string& type) {
  Tally tally;
  for (const Json& row : table.at("right"))
    if (type.empty() || row.at("type") == type) add(row.at("count"), rule, tally);
  return tally;
}

Entry share_entry(const Tally& tally) {
  if (tally.runs == 0.0) return Missing{"none"};
  return number_entry(tally.rejected / tally.runs);
}

/// "3 of 18 'scale +0.1%' in bf16": what passed of the defects that compute another function, on normal and outlier
/// inputs; empty where nothing did.
std::string missed_of(const Json& table) {
  std::string missed;
  for (const Json& row : table.at("defects")) {
    Tally tally;
    add(row.at("normal"), together, tally);
    if (row.at("kind") != "meaning" || tally.rejected == tally.runs) continue;
    missed += fmt::format("{}{:.0f} of {:.0f} of '{}' in {}", missed.empty() ? "" : ", ", tally.runs - tally.rejected,
                          tally.runs, row.at("defect").get<std::string>(), row.at("type").get<std::string>());
  }
  return missed;
}

std::string claim_of(const Json& table) {
  std::string shares;
  Tally meaning;
  Tally alarms;
  for (const char* type : types) {
    const Tally all = tally_of(table, together, type, "");
    shares += fmt::format("{}{:.1f} % in {}", shares.empty() ? "" : ", ", 100.0 * all.rejected / all.runs, type);
    const Tally one = tally_of(table, together, type, "meaning", "normal");
    meaning.runs += one.runs;
    meaning.rejected += one.rejected;
  }
  alarms = alarms_of(table, together, "");
  const std::string missed = missed_of(table);
  return fmt::format(
      "The rules of this report reject {} of all runs of kernels with a planted defect, {:.0f} of {:.0f} runs of those "
      "that compute another function on normal and outlier inputs{}, and {:.0f} of {:.0f} runs of right kernels. All "
      "rows of the problems below were checked; what other problems and inputs can show stands beside each cell.",
      shares, meaning.rejected, meaning.runs,
      missed.empty() ? "" : " (passed: " + missed + ", too small to be told from rounding there)", alarms.rejected,
      alarms.runs);
}

Table rules_table(const Json& table) {
  Table result{
      .id = "verifier_rules",
      .title = "Share of runs rejected, by rule",
      .note =
          "meaning: the kernel computes another function than it was asked for, in exact arithmetic too. "
          "arithmetic: the right function, rounded more coarsely than the kernel declares. controls: zeros, the "
          "mean of V, shuffled rows, the output of another head or call. false alarms: right kernels, over "
          "tiles, orders, splits and seeds. Attest is its rules together; P and S hold where the inputs' nature "
          "lets them. Only `out` is judged.",
      .columns = {text_column("rule")},
      .rows = {},
      .collapsed = false};
  for (const char* type : types) {
    for (const char* what : {"meaning", "arithmetic", "controls", "false alarms"})
      result.columns.push_back(number_column(fmt::format("{} {}", type, what), share_format));
  }
  for (const Json& rule : table.at("rules")) {
    const std::string name = rule.at("rule");
    std::vector<Entry> row = {Text{.text = name, .strong = name == together}};
    for (const char* type : types) {
      row.push_back(share_entry(tally_of(table, name, type, "meaning")));
      row.push_back(share_entry(tally_of(table, name, type, "arithmetic")));
      row.push_back(share_entry(tally_of(table, name, type, "control")));
      row.push_back(share_entry(alarms_of(table, name, type)));
    }
    result.rows.push_back(std::move(row));
  }
  return result;
}

Table sources_table(const Json& table) {
  Table result{
      .id = "verifier_sources",
      .title = "What the rules of others are",
      .note =
          "Each compares with the truth rounded to the output's type, as the tests that hold it do, but ggml's, "
          "which compares with the truth itself. cuDNN's tests keep their reference in f32; rounding it moves "
          "an element by half a unit of the type, against a tolerance of 2e-2. The plain kernel of "
          "flash-attention's rule is the right kernel with materialised scores in the type; for linear "
          "attention it is the right kernel itself.",
      .columns = {text_column("rule"), text_column("what it is")},
      .rows = {},
      .collapsed = false};
  for (const Json& rule : table.at("rules"))
    if (!rule.at("own")) result.rows.push_back({text_entry(rule.at("rule")), text_entry(rule.at("source"))});
  return result;
}

Table defects_table(const Json& table, const std::string& type) {
  Table result{.id = "verifier_" + type,
               .title = "Share of runs rejected, by defect, in " + type,
               .note =
                   "Each defect runs on every problem on which it changes the output, on all inputs; the two columns "
                   "before those of the rules are of normal and outlier inputs alone.",
               .columns = {text_column("defect"), text_column("kind"), integer_column("runs"),
                           integer_column("normal, outliers"), number_column("Attest there", share_format)},
               .rows = {},
               .collapsed = type != "bf16"};
  for (const Json& rule : table.at("rules"))
    result.columns.push_back(number_column(rule.at("rule"), share_format));
  const auto add_row = [&](const std::string& name, const std::string& kind, const Json& count, const Json* normal) {
    std::vector<Entry> row = {text_entry(name), text_entry(kind), number_entry(count.at("runs"))};
    if (normal != nullptr) {
      Tally tally;
      add(*normal, together, tally);
      row.insert(row.end(), {number_entry(tally.runs), share_entry(tally)});
    } else {
      row.insert(row.end(), {Missing{"not apart"}, Missing{"not apart"}});
    }
    for (const Json& rule : table.at("rules")) {
      Tally tally;
      add(count, rule.at("rule"), tally);
      row.push_back(share_entry(tally));
    }
    result.rows.push_back(std::move(row));
  };
  for (const Json& row : table.at("defects"))
    if (row.at("type") == type) add_row(row.at("defect"), row.at("kind"), row.at("all"), &row.at("normal"));
  for (const Json& row : table.at("right"))
    if (row.at("type") == type) add_row("none: right kernels", "right", row.at("count"), nullptr);
  return result;
}

Table reach_table(const Json& table) {
  Table result{
      .id = "verifier_reach",
      .title = "Rows that it takes to see a thousandth of the scale",
      .note =
          "The least power of 2, up to 256, from which on a kernel with 'scale +0.1%' is rejected for every seed "
          "tried and its verdict says that the inputs show it: normal inputs, full attention, one head of 64 "
          "dimensions, every row held against the defects. In 16-bit types this is the work of rule M, which "
          "adds up over rows what rounding hides in each. Of a large problem it looks at a sample, of 32 rows "
          "at least and at most all (`defect_rows` in a cell's record), and whether that showed a defect stands "
          "beside the cell. In bf16 dropout must also have a multiplier 1/(1-p) that the type holds, as the 1.25 of "
          "the "
          "problem below is: one that is rounded errs to one side in every row, by as much as this defect.",
      .columns = {text_column("type"), integer_column("keys"), integer_column("rows")},
      .rows = {},
      .collapsed = false};
  for (const Json& row : table.at("reach")) {
    result.rows.push_back({text_entry(row.at("type")), number_entry(row.at("keys")),
                           row.at("rows") == 0 ? Entry{Missing{"more than 256"}} : number_entry(row.at("rows"))});
  }
  return result;
}

Table problems_table(const Json& table) {
  Table result{.id = "verifier_problems",
               .title = "Problems that the planted kernels ran on",
               .note = "A defect shows only where its feature is in use, so each brings some.",
               .columns = {text_column("problem"), text_column("meaning of"), text_column("optional tensors")},
               .rows = {},
               .collapsed = true};
  for (const Json& problem : table.at("problems")) {
    std::string tensors;
    for (const char* name : {"mask", "bias", "kv_lengths"})
      if (problem.at(name)) tensors += (tensors.empty() ? "" : ", ") + std::string(name);
    result.rows.push_back({code_entry(problem.at("problem")), code_entry(problem.at("variant")), text_entry(tensors)});
  }
  return result;
}

}  // namespace

Section verifier_section(const std::string& text) {
  Section section{.id = "verifier_section", .title = "The verifier's own quality", .blocks = {}};
  const Json table = Json::parse(text);
  section.blocks.emplace_back(Paragraph{.text = claim_of(table), .claim = true});
  std::string inputs;
  for (const Json& kind : table.at("inputs"))
    inputs += (inputs.empty() ? "" : ", ") + kind.get<std::string>();
  const Json& made = table.at("made");
  section.blocks.emplace_back(Paragraph{fmt::format(
      "Kernels are simulated: scalar loops in the arithmetic that they declare (sums in f32, weights and output "
      "rounded "
      "to the type), one thing wrong in each. They are part of the tests and not of this program; these figures were "
      "made by {} at commit {} on {}, seed {}, inputs {}. Every run of the tests makes the counts of the defects anew "
      "and "
      "fails where one differs by more than a run; those of right kernels are made anew by that command alone.",
      made.at("command").get<std::string>(), made.at("commit").get<std::string>(), made.at("date").get<std::string>(),
      table.at("seed").get<std::uint64_t>(), inputs)});
  section.blocks.emplace_back(rules_table(table));
  section.blocks.emplace_back(sources_table(table));
  for (const char* type : types)
    section.blocks.emplace_back(defects_table(table, type));
  section.blocks.emplace_back(reach_table(table));
  section.blocks.emplace_back(problems_table(table));
  return section;
}

}  // namespace attest::reports
