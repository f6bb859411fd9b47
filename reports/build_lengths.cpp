// Who is fastest at each length.
#include <algorithm>
#include <set>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr long most_open_tables = 4;  // more of one kind are folded in HTML

/// What is said of a contest, in the columns of contest_columns().
std::vector<Entry> contest_row(const Contest& contest) {
  std::vector<Entry> row = {number_entry(contest.length), code_entry(contest.fastest->record->key.kernel),
                            Number{.value = contest.fastest->timing()->seconds_median, .strong = contest.clear}};
  if (contest.runner_up == nullptr) {
    row.insert(row.end(), {Missing{"no other was timed"}, Missing{}, Missing{}, Missing{}, Missing{}});
    return row;
  }
  row.push_back(code_entry(contest.runner_up->record->key.kernel));
  row.push_back(number_entry(contest.runner_up->timing()->seconds_median));
  row.push_back(number_entry(contest.ratio));
  row.push_back(number_entry(contest.probability));
  row.push_back(text_entry(contest.clear ? "clear" : "unclear"));
  return row;
}

std::vector<Column> contest_columns() {
  return {number_column("length", {NumberFormat::Style::integer, 0}),
          text_column("fastest kernel"),
          seconds_column("time"),
          text_column("runner-up"),
          seconds_column("its time"),
          number_column("ratio", {NumberFormat::Style::fixed, 2}),
          number_column("p (Holm)", {NumberFormat::Style::significant, 2}),
          text_column("difference")};
}

std::string contest_title(const FamilyContest& family) {
  return family.family + (family.function_class.empty() ? "" : " (" + class_note(family.function_class) + ")");
}

/// The families with one length, a row each: a table each would be a head over every row.
Table one_length_table(const std::vector<FamilyContest>& contests) {
  Table table{.id = "fastest_at_one_length",
              .title = "Problems timed at one length",
              .note = "",
              .columns = contest_columns(),
              .rows = {},
              .collapsed = false};
  table.columns.insert(table.columns.begin(), text_column("problem"));
  for (const FamilyContest& family : contests) {
    if (!family.is_contested() || family.contests.size() > 1) continue;
    std::vector<Entry> row = contest_row(family.contests.front());
    row.insert(row.begin(), code_entry(contest_title(family)));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

Section winners_section(const std::vector<FamilyContest>& contests) {
  Section section{.id = "by_length", .title = "By length", .blocks = {}};
  std::set<std::string> ids;
  const auto compared = [](const FamilyContest& family) { return family.is_contested() && family.contests.size() > 1; };
  const auto tables = std::count_if(contests.begin(), contests.end(), compared);
  for (const FamilyContest& family : contests) {
    if (!compared(family)) continue;
    std::string id = slug("fastest " + family.family + " " + family.function_class).substr(0, 100);
    while (!ids.insert(id).second)
      id += "_x";
    Table table{.id = id,
                .title = contest_title(family),
                .note = winner_sentence(family),
                .columns = contest_columns(),
                .rows = {},
                .collapsed = tables > most_open_tables};
    for (const Contest& contest : family.contests)
      table.rows.push_back(contest_row(contest));
    section.blocks.emplace_back(std::move(table));
  }
  Table single = one_length_table(contests);
  if (!single.rows.empty()) section.blocks.emplace_back(std::move(single));
  if (section.blocks.empty()) {
    section.blocks.emplace_back(Paragraph{"No two kernels were timed on the same problem."});
  }
  return section;
}

}  // namespace attest::reports
