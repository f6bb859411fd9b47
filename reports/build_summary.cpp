// The head of the report and who wins from which length.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>
#include <utility>

#include "harness/measure/growth.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

std::string joined(const std::set<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts)
    all += (all.empty() ? "" : ", ") + text;
  return all;
}

std::string joined_numbers(const std::set<std::int64_t>& numbers) {
  std::string all;
  for (const std::int64_t number : numbers) {
    all += (all.empty() ? "" : ", ") + format_length(static_cast<double>(number));
  }
  return all;
}

/// The counts that the headline and the chips are made of.
struct Counts {
  std::map<Outcome, long> of;
  long total = 0;
  long reserved = 0;  // passed, with a reason that says what this does not prove

  long operator[](Outcome outcome) const {
    const auto found = of.find(outcome);
    return found == of.end() ? 0 : found->second;
  }
  long not_run() const { return (*this)[Outcome::skipped] + (*this)[Outcome::unsupported]; }
  long run() const { return total - not_run(); }
};

Counts count(const Study& study) {
  Counts counts;
  for (const View& view : study.views) {
    ++counts.of[view.record->verdict.outcome];
    counts.reserved += view.passed() && !view.record->verdict.reason.empty() ? 1 : 0;
  }
  counts.total = static_cast<long>(study.views.size());
  return counts;
}

void fill_headline(const Counts& counts, Report& report) {
  std::string aside;
  if (counts.reserved > 0) {
    aside += fmt::format(" {} passed with a reservation: what that does not prove is listed under accuracy.",
                         counts.reserved == 1 ? std::string("One cell") : fmt::format("{} cells", counts.reserved));
  }
  if (counts.not_run() > 0)
    aside += fmt::format(" {} more cells were planned and not run, each with its reason.", counts.not_run());
  if (counts.total == 0) {
    report.headline = "The store holds no cells: nothing was run, so nothing is proved.";
    report.headline_tone = Tone::warning;
  } else if (counts.run() == 0) {
    report.headline =
        fmt::format("No cell was run, so nothing is proved: all {} are skipped or unsupported.", counts.total);
    report.headline_tone = Tone::warning;
  } else if (counts[Outcome::passed] == counts.run()) {
    report.headline = fmt::format(
        "{} of {} cells that ran passed: every checked element is within its derived bound of the double-precision "
        "reference.{}",
        counts.run() == 1 ? "The 1" : fmt::format("All {}", counts.run()), counts.run(), aside);
    if (counts.run() == 1)
      report.headline =
          "The one cell that ran passed: every checked element is within its derived bound of the double-precision "
          "reference." +
          aside;
    report.headline_tone = counts.reserved > 0 ? Tone::warning : Tone::good;
  } else {
    const long bad = counts[Outcome::failed] + counts[Outcome::crashed];
    report.headline = fmt::format("{} of {} cells that ran did not pass. No time is shown for them.{}",
                                  counts.run() - counts[Outcome::passed], counts.run(), aside);
    report.headline_tone = bad > 0 ? Tone::bad : Tone::warning;
  }
}

void fill_facts(const Study& study, Report& report) {
  std::set<std::string> variants;
  std::set<std::string> inputs;
  std::set<std::string> types;
  std::set<std::pair<std::int64_t, std::int64_t>> windows;
  std::set<std::int64_t> lengths;
  std::set<std::int64_t> heads;
  double rows_checked = 0;
  double rows_total = 0;
  long timed = 0;
  double worst = -1;
  const View* worst_view = nullptr;
  for (const View& view : study.views) {
    variants.insert(view.variant);
    inputs.insert(view.record->key.inputs);
    types.insert(std::string(name_of(view.problem.dtype)));
    lengths.insert(static_cast<std::int64_t>(view.length));
    heads.insert(view.problem.heads_q);
    const Window& window = view.problem.window;
    if (view.problem.has_window()) windows.emplace(window.left, window.right);
    rows_checked += static_cast<double>(view.record->accuracy.rows_checked);
    rows_total += static_cast<double>(view.record->accuracy.rows_total);
    timed += view.timing() != nullptr ? 1 : 0;
    if (!view.passed()) continue;
    if (view.error_over_bound() > worst) {
      worst = view.error_over_bound();
      worst_view = &view;
    }
  }
  auto& facts = report.facts;
  facts.emplace_back("Variants", joined(variants));
  facts.emplace_back("Kernels", fmt::format("{}", study.kernels.size()));
  facts.emplace_back("Lengths", joined_numbers(lengths));
  facts.emplace_back("Query heads", joined_numbers(heads));
  std::string window_text;
  for (const auto& [left, right] : windows) {
    window_text += fmt::format("{}{},{}", window_text.empty() ? "" : "; ", left, right);
  }
  if (!windows.empty()) facts.emplace_back("Windows (left,right)", window_text);
  facts.emplace_back("Types", joined(types));
  facts.emplace_back("Inputs", joined(inputs));
  if (rows_total > 0) {
    facts.emplace_back("Rows checked",
                       fmt::format("{:.0f} of {:.0f} ({})", rows_checked, rows_total,
                                   format_number(rows_checked / rows_total, {NumberFormat::Style::percent, 1})));
  }
  if (worst_view != nullptr) {
    facts.emplace_back(
        "Largest error / bound",
        fmt::format("{} ({}, {}, inputs {}); above 1 fails",
                    format_number(worst, {NumberFormat::Style::significant, 3}), worst_view->record->key.kernel,
                    worst_view->record->key.problem, worst_view->record->key.inputs));
  }
  facts.emplace_back("Timed cells", fmt::format("{}", timed));
}

/// The fastest kernel of another function that beats softmax attention in the same family, said as what it is.
std::vector<std::string> approximation_sentences(const std::vector<FamilyContest>& contests) {
  std::vector<std::string> sentences;
  for (const FamilyContest& other : contests) {
    if (other.function_class.empty()) continue;
    const auto exact = std::find_if(contests.begin(), contests.end(), [&](const FamilyContest& family) {
      return family.family == other.family && family.function_class.empty();
    });
    if (exact == contests.end()) continue;
    double from = -1;
    std::string kernel;
    // From the longest length down, as far as the other function stays ahead.
    for (auto contest = other.contests.rbegin(); contest != other.contests.rend(); ++contest) {
      const auto same = std::find_if(exact->contests.begin(), exact->contests.end(),
                                     [&](const Contest& rival) { return rival.length == contest->length; });
      if (same == exact->contests.end()) continue;
      if (!is_clear(*contest->fastest, *same->fastest)) break;
      from = contest->length;
      if (kernel.empty()) kernel = contest->fastest->record->key.kernel;
    }
    if (from < 0) continue;
    sentences.push_back(
        fmt::format("{}: {} is faster than every softmax kernel from {} on, but it computes {}; it does not win.",
                    other.family, kernel, format_length(from), class_note(other.function_class)));
  }
  return sentences;
}

std::vector<GrowthPoint> growth_points(const Study& study, const std::string& family, const std::string& kernel) {
  std::vector<GrowthPoint> points;
  for (const View& view : study.views) {
    if (view.family != family || view.record->key.kernel != kernel || view.timing() == nullptr) continue;
    std::vector<double> samples = view.samples();
    if (samples.empty()) samples = {view.timing()->seconds_median};
    points.push_back({.length = view.length, .samples = std::move(samples), .width = 0});
  }
  return points;
}

Table crossover_table(const Study& study, const std::vector<FamilyContest>& contests) {
  Table table{.id = "crossovers",
              .title = "Where one winner overtakes another",
              .note =
                  "Between two clear winners. The length at which the medians cross, by linear interpolation between "
                  "logarithms; the interval is a "
                  "95% bootstrap over the samples.",
              .columns = {text_column("problem"), text_column("fastest below"), text_column("fastest above"),
                          number_column("length", {NumberFormat::Style::fixed, 0}),
                          number_column("low", {NumberFormat::Style::fixed, 0}),
                          number_column("high", {NumberFormat::Style::fixed, 0})},
              .rows = {},
              .collapsed = false};
  for (const FamilyContest& family : contests) {
    const Contest* last = nullptr;  // the last clear one
    for (const Contest& contest : family.contests) {
      if (!contest.clear) continue;
      const Contest* before = std::exchange(last, &contest);
      if (before == nullptr) continue;
      const std::string below = before->fastest->record->key.kernel;
      const std::string above = contest.fastest->record->key.kernel;
      if (below == above) continue;
      const std::vector<GrowthPoint> first = growth_points(study, family.family, above);
      const std::vector<GrowthPoint> second = growth_points(study, family.family, below);
      for (const Crossover& crossing : crossovers(first, second)) {
        const bool here = crossing.length >= before->length && crossing.length <= contest.length;
        if (!here || !crossing.first_wins_after) continue;
        std::vector<Entry> row = {code_entry(family.family), code_entry(below), code_entry(above),
                                  number_entry(crossing.length)};
        if (crossing.interval) {
          row.push_back(number_entry(crossing.interval->low));
          row.push_back(number_entry(crossing.interval->high));
        } else {
          row.insert(row.end(), {Missing{"not certain"}, Missing{}});
        }
        table.rows.push_back(std::move(row));
      }
    }
  }
  return table;
}

}  // namespace

void fill_head(const Study& study, const ReportInput& input, Report& report) {
  report.title = input.title;
  report.subtitle = "Made by Attest. A time is shown only for a result that was proved.";
  report.kernels = study.kernels;
  const Counts counts = count(study);
  fill_headline(counts, report);
  for (const Outcome outcome : {Outcome::passed, Outcome::failed, Outcome::crashed, Outcome::suspect, Outcome::timeout,
                                Outcome::oom, Outcome::skipped, Outcome::unsupported}) {
    if (counts[outcome] == 0) continue;
    report.verdicts.push_back({.status = {std::string(name_of(outcome)), tone_of(outcome)}, .count = counts[outcome]});
  }
  if (counts.total > 0) fill_facts(study, report);
}

namespace {

/// Families with a contest, the ones that say most first: softmax attention before other functions, more lengths before
/// fewer.
std::vector<const FamilyContest*> contested_families(const std::vector<FamilyContest>& contests) {
  std::vector<const FamilyContest*> families;
  for (const FamilyContest& family : contests) {
    if (family.is_contested()) families.push_back(&family);
  }
  std::stable_sort(families.begin(), families.end(), [](const FamilyContest* left, const FamilyContest* right) {
    if (left->function_class.empty() != right->function_class.empty()) return left->function_class.empty();
    return left->contests.size() > right->contests.size();
  });
  return families;
}

std::vector<Entry> winner_row(const FamilyContest& family) {
  const Standing standing = final_standing(family);
  if (standing.kernel.empty()) {
    return {code_entry(family.family), Missing{"no clear winner"}, Missing{}, Missing{},
            text_entry(winner_sentence(family))};
  }
  const std::string note = family.function_class.empty() ? "" : " (own function)";
  return {code_entry(family.family), Text{.text = standing.kernel + note, .code = true, .strong = true},
          Text{.text = format_length(standing.from), .code = false, .strong = true}, number_entry(standing.ratio),
          text_entry(standing.unbroken ? lengths_text(family) : winner_sentence(family))};
}

}  // namespace

Section summary_section(const Study& study, const std::vector<FamilyContest>& contests) {
  Section section{.id = "summary", .title = "Winners", .blocks = {}};
  Table table{
      .id = "winners",
      .title = "Which kernel wins, and from which length",
      .note =
          "Only kernels that compute the same function of the same problem on the same inputs are compared. A "
          "winner is at least 2% faster, by the Mann-Whitney test too (under 5%, by Holm over all pairs of fastest "
          "and runner-up), its 95% interval lies wholly below the runner-up's, it is ahead in every round, and both "
          "have at least 9 samples; otherwise there is no clear winner. The ratio is "
          "the runner-up's time over the winner's at "
          "the longest length. 1k is 1024.",
      .columns = {text_column("problem"), text_column("winner"), text_column("from length"),
                  number_column("ratio", {NumberFormat::Style::significant, 3}), text_column("all lengths")},
      .rows = {},
      .collapsed = false};
  Table single{.id = "winners_at_one_length",
               .title = "Problems timed at one length",
               .note = "Compared as above.",
               .columns = table.columns,
               .rows = {},
               .collapsed = true};
  for (const FamilyContest* family : contested_families(contests)) {
    Table& home = family->contests.size() > 1 ? table : single;
    home.rows.push_back(winner_row(*family));
  }
  if (table.rows.empty() && single.rows.empty()) {
    section.blocks.emplace_back(
        Paragraph{"No two kernels were timed on the same problem, so there is no winner to name."});
    return section;
  }
  if (table.rows.empty()) {
    table.rows = std::move(single.rows);
    single.rows.clear();
  }
  section.blocks.emplace_back(std::move(table));
  if (!single.rows.empty()) section.blocks.emplace_back(std::move(single));
  for (const std::string& sentence : approximation_sentences(contests))
    section.blocks.emplace_back(Paragraph{sentence});
  Table crossing = crossover_table(study, contests);
  if (!crossing.rows.empty()) {
    section.blocks.emplace_back(std::move(crossing));
  } else {
    section.blocks.emplace_back(Paragraph{"Nowhere does one clear winner overtake another, so there is no crossover."});
  }
  return section;
}

}  // namespace attest::reports
