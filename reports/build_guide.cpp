// The selection guide: what people choose by, tested on this store, and what to take on this machine.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"
#include "reports/guide_claims.hpp"

namespace attest::reports {
namespace {

Status status_of_claim(ClaimAnswer answer) {
  switch (answer) {
    case ClaimAnswer::holds:
      return {"holds", Tone::good};
    case ClaimAnswer::does_not_hold:
      return {"does not hold", Tone::bad};
    case ClaimAnswer::unclear:
      return {"unclear", Tone::warning};
    case ClaimAnswer::not_measured:
      break;
  }
  return {"not measured", Tone::neutral};
}

Table claims_table(const Study& study) {
  Table table{.id = "guide_claims",
              .title = "What people choose by, tested",
              .note =
                  "Each answer is computed from this store and says nothing beyond its conditions. A claim holds when "
                  "every case here does; one clear counterexample refutes it; unclear is what an interval leaves open.",
              .columns = {text_column("claim"), text_column("here"), text_column("figures"), text_column("conditions"),
                          text_column("when it holds")},
              .rows = {},
              .collapsed = false};
  for (const Claim& claim : selection_claims()) {
    Finding finding = claim.judge(study);
    table.rows.push_back({text_entry(claim.text), status_of_claim(finding.answer),
                          text_entry(std::move(finding.figures)), text_entry(std::move(finding.conditions)),
                          text_entry(claim.test)});
  }
  return table;
}

/// What to take at one length.
struct Advice {
  double length = 0;
  const View* fastest = nullptr;
  const View* runner_up = nullptr;
  bool clear = false;
  const View* smallest = nullptr;  // the least workspace among those that were timed

  std::string words() const {
    const std::string name = fastest->record->key.kernel;
    return clear || runner_up == nullptr ? name : name + " or " + runner_up->record->key.kernel;
  }
};

std::string kind_of(const View& view, bool many_threads) {
  const Problem& problem = view.problem;
  std::string kind = problem.decodes() && problem.seq_kv > 1 ? "decoding"
                     : problem.seq_q != problem.seq_kv
                         ? "cross, " + format_length(static_cast<double>(problem.seq_kv)) + " keys"
                     : problem.causal ? "causal"
                                      : "full";
  if (problem.has_window()) kind += fmt::format(", window {},{}", problem.window.left, problem.window.right);
  for (const auto& [name, value] : problem.parameters)
    kind += ", " + name + "=" + value;
  if (view.record->key.inputs != "normal") kind += ", inputs " + view.record->key.inputs;
  if (many_threads) kind += ", " + threads_text(view.record->key.threads);
  return kind;
}

std::vector<Entry> advice_row(const Advice& first, const Advice& last, bool many_threads) {
  const Problem& problem = last.fastest->problem;
  const CellRecord& fastest = *last.fastest->record;
  const CellRecord& smallest = *last.smallest->record;
  const auto count = [](std::int64_t value) { return number_entry(static_cast<double>(value)); };
  const Entry take = Text{.text = last.words(), .code = true, .strong = last.clear};
  return {text_entry(kind_of(*last.fastest, many_threads)),
          text_entry(std::string(name_of(problem.dtype))),
          count(problem.batch),
          count(problem.heads_q),
          count(problem.heads_kv),
          count(problem.head_dim),
          text_entry(first.length == last.length ? format_length(last.length)
                                                 : format_length(first.length) + " to " + format_length(last.length)),
          take,
          number_entry(last.fastest->timing()->seconds_median),
          number_entry(static_cast<double>(fastest.workspace_bytes_measured)),
          code_entry(smallest.key.kernel),
          number_entry(static_cast<double>(smallest.workspace_bytes_measured)),
          number_entry(last.smallest->timing()->seconds_median)};
}

/// Workspace, and of equals the time.
std::pair<std::int64_t, double> needs(const View& view) {
  return {view.record->workspace_bytes_measured, view.timing()->seconds_median};
}

/// Kernels of softmax attention alone: what computes another function is no choice for the same model.
Table advice_table(const Study& study, const std::vector<FamilyContest>& contests) {
  Table table{
      .id = "guide_advice",
      .title = "Which kernel for which length, heads and memory, on this machine",
      .note =
          "Of the softmax kernels timed here on the same problem and inputs. Bold is beyond doubt; A or B says that "
          "the two fastest cannot be told apart; a problem with one timed kernel offers no choice and is not "
          "listed. Times and workspace are those at the longest length of the row. With little memory take the "
          "kernel of the least workspace.",
      .columns = {text_column("attention"), text_column("type"), integer_column("batch"), integer_column("query heads"),
                  integer_column("KV heads"), integer_column("head dim"), text_column("length"), text_column("take"),
                  seconds_column("its time"), bytes_column("its workspace"), text_column("least workspace"),
                  bytes_column("that workspace"), seconds_column("that time")},
      .rows = {},
      .collapsed = false};
  std::map<std::string, std::map<double, const View*>> smallest;
  for (const View& view : study.views) {
    if (view.timing() == nullptr || !view.function_class.empty() || view.record->workspace_bytes_measured < 0) continue;
    const View*& place = smallest[view.family][view.length];
    if (place == nullptr || needs(view) < needs(*place)) place = &view;
  }
  for (const FamilyContest& family : contests) {
    if (!family.function_class.empty() || !family.is_contested()) continue;
    std::vector<std::pair<Advice, Advice>> stretches;
    for (const Contest& contest : family.contests) {
      const View* small = smallest[family.family][contest.length];
      if (contest.runner_up == nullptr || small == nullptr) continue;
      const Advice advice{.length = contest.length,
                          .fastest = contest.fastest,
                          .runner_up = contest.runner_up,
                          .clear = contest.clear,
                          .smallest = small};
      const bool same = !stretches.empty() && stretches.back().second.words() == advice.words() &&
                        stretches.back().second.smallest->record->key.kernel == small->record->key.kernel;
      if (same) {
        stretches.back().second = advice;
      } else {
        stretches.emplace_back(advice, advice);
      }
    }
    for (const auto& [first, last] : stretches)
      table.rows.push_back(advice_row(first, last, study.many_threads));
  }
  return table;
}

}  // namespace

Section guide_section(const Study& study, const std::vector<FamilyContest>& contests) {
  Section section{.id = "guide", .title = "Selection guide", .blocks = {}};
  section.blocks.emplace_back(claims_table(study));
  Table advice = advice_table(study, contests);
  if (advice.rows.empty()) {
    section.blocks.emplace_back(
        Paragraph{"No two softmax kernels were timed on the same problem, so there is nothing to choose by."});
  } else {
    section.blocks.emplace_back(std::move(advice));
  }
  return section;
}

}  // namespace attest::reports
