// What a reviewer asks: the twelve rules, and where everything is.
#include <fmt/format.h>
#include <regex>
#include <set>

#include "reports/build_parts.hpp"
#include "reports/reproduce.hpp"
#include "reports/reviewer_rules.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

Table checklist(const Dossier& dossier) {
  const std::vector<Rule>& rules = benchmarking_rules();
  Table table{
      .id = "reviewer_checklist",
      .title = "The twelve rules of benchmarking",
      .note =
          "Hoefler and Belli 2015, Scientific benchmarking of parallel computing systems, SC'15; the rules in "
          "short. Each answer is computed from this store.",
      .columns = {integer_column("rule"), text_column("what it asks"), text_column("answer"), text_column("evidence")},
      .rows = {},
      .collapsed = false};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Evidence evidence = rules[i].judge(dossier);
    const Status answer = evidence.answer == Evidence::Answer::kept       ? Status{"kept", Tone::good}
                          : evidence.answer == Evidence::Answer::not_kept ? Status{"not kept", Tone::warning}
                                                                          : Status{"not applicable", Tone::neutral};
    table.rows.push_back(
        {number_entry(static_cast<double>(i + 1)), text_entry(rules[i].text), answer, text_entry(evidence.text)});
  }
  return table;
}

void add_fact(Table& table, const char* what, const std::string& value) {
  table.rows.push_back({text_entry(what), value.empty() ? Entry{Missing{"not known"}} : text_entry(value)});
}

Table facts_table(const Dossier& dossier, const std::vector<RunRecord>& runs) {
  Table table{.id = "reviewer_facts",
              .title = "Where everything is",
              .note = "",
              .columns = {text_column("what"), text_column("value")},
              .rows = {},
              .collapsed = false};
  const auto every = [&](const std::string& path) {
    std::set<std::string> values;
    for (const Json& provenance : dossier.provenance)
      values.insert(known(provenance, path));
    values.erase("");
    return listed(values);
  };
  add_fact(table, "machine", every("machine/cpu_model"));
  add_fact(table, "cores", every("machine/cores"));
  add_fact(table, "memory in bytes", every("machine/memory_bytes"));
  add_fact(table, "operating system", every("machine/operating_system"));
  add_fact(table, "virtual machine", every("machine/virtual_machine"));
  add_fact(table, "commit", every("build/commit"));
  add_fact(table, "changed since that commit", every("build/dirty"));
  add_fact(table, "compiler", every("build/compiler"));
  add_fact(table, "flags", every("build/flags"));
  std::set<std::string> commands;
  for (const RunRecord& run : runs)
    commands.insert(command_as_run(run));
  for (const std::string& command : commands)
    table.rows.push_back({text_entry("command"), command.empty() ? Entry{Missing{"not known"}} : code_entry(command)});
  std::size_t samples = 0;
  std::set<std::string> seeds;
  for (const View& view : dossier.study.views) {
    for (const RoundRecord& round : view.record->rounds)
      samples += round.seconds.size();
    seeds.insert(std::to_string(view.record->seed));
  }
  add_fact(table, "seeds of inputs", listed(seeds));
  add_fact(table, "raw samples", fmt::format("{} in records.jsonl (--format json), a cell a line", samples));
  return table;
}

/// Reasons that differ in numbers alone are one row.
Table left_out_table(const Dossier& dossier) {
  Table table{
      .id = "reviewer_left_out",
      .title = "Cells without a result, and why",
      .note =
          "Reasons that differ in numbers alone are one row, which shows the first. The cells are in the tables "
          "of what did not pass and what was not run.",
      .columns = {text_column("verdict"), text_column("reason"), integer_column("cells"), text_column("kernels")},
      .rows = {},
      .collapsed = false};
  static const std::regex numbers("[0-9][0-9.,e+-]*");
  const auto groups = group_views(dossier.study, [](const View& view) {
    if (view.passed()) return std::string();
    return std::string(name_of(view.record->verdict.outcome)) + "\n" +
           std::regex_replace(view.record->verdict.reason.substr(0, 200), numbers, "#");
  });
  for (const auto& [key, views] : groups) {
    std::set<std::string> kernels;
    for (const View* view : views)
      kernels.insert(view->record->key.kernel);
    table.rows.push_back({status_of(views.front()->record->verdict), text_entry(views.front()->record->verdict.reason),
                          number_entry(static_cast<double>(views.size())), text_entry(listed(kernels))});
  }
  return table;
}

}  // namespace

Section reviewer_section(const Study& study, const std::vector<FamilyContest>& contests, const ReportInput& input,
                         const Report& report) {
  Dossier dossier{
      .study = study, .report = report, .timed = {}, .comparisons = {}, .provenance = {}, .runs = input.runs.size()};
  for (const View& view : study.views) {
    if (view.timing() != nullptr) dossier.timed.push_back(&view);
  }
  for (const FamilyContest& family : contests) {
    for (const Contest& contest : family.contests) {
      if (contest.runner_up != nullptr) dossier.comparisons.push_back(&contest);
    }
  }
  for (const RunRecord& run : input.runs) {
    Json provenance = Json::parse(run.provenance, nullptr, false);
    if (provenance.is_object()) dossier.provenance.push_back(std::move(provenance));
  }
  Section section{.id = "reviewer", .title = "For a reviewer", .blocks = {}};
  section.blocks.emplace_back(checklist(dossier));
  section.blocks.emplace_back(facts_table(dossier, input.runs));
  Table left_out = left_out_table(dossier);
  if (left_out.rows.empty()) {
    section.blocks.emplace_back(
        Paragraph{study.views.empty() ? "The store holds no cells." : "Every cell of the store gave a result."});
  } else {
    section.blocks.emplace_back(std::move(left_out));
  }
  return section;
}

}  // namespace attest::reports
