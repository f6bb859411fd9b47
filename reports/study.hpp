// The records of a store as the parts of a report look at them: parsed, sorted and grouped.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/core/problem.hpp"
#include "harness/store/record.hpp"
#include "reports/model.hpp"

namespace attest::reports {

/// One cell with what the tables group by.
struct View {
  const CellRecord* record = nullptr;
  Problem problem;
  std::string variant;
  double length = 0;   // of the axis: sq = skv, or skv when decoding, or sq for cross-attention
  std::string family;  // all cells of one family differ in kernel and length alone
  /// Kernels with the same class compute the same function: "" for softmax attention, else the variant's name.
  std::string function_class;

  bool passed() const { return record->verdict.has_passed(); }
  /// The time, for passed cells alone.
  const TimingSummary* timing() const { return passed() && record->timing ? &*record->timing : nullptr; }
  /// The worst of all outputs, lse and a module's stages too; NaN where one is; negative where nothing was compared.
  double error_over_bound() const;
  /// All raw samples of all rounds, in seconds; empty without timing().
  std::vector<double> samples() const;
};

struct Study {
  std::vector<View> views;           // by family, length, kernel
  std::vector<std::string> kernels;  // sorted ids
  bool many_inputs = false;
  bool many_threads = false;
  bool many_backends = false;
};

/// Throws Error (exit 4) as build_report() says.
Study make_study(const std::vector<CellRecord>& cells);

/// Views grouped by a text, in the order of the study inside each group. Groups are in the order of their first view.
using Group = std::pair<std::string, std::vector<const View*>>;
std::vector<Group> group_views(const Study& study, const std::function<std::string(const View&)>& key);

/// `problem` text without the tokens whose name is one of `names` ("sq" drops sq512, "window" drops window=255,0).
std::string drop_tokens(const std::string& problem, const std::vector<std::string>& names);

/// What tells this view's conditions from others in the study: ", inputs minilm, 2 threads", or nothing.
std::string conditions(const Study& study, const View& view);

Tone tone_of(Outcome outcome);
Status status_of(const Verdict& verdict);

Entry text_entry(std::string text);
Entry code_entry(std::string text);
Entry number_entry(double value);

/// Columns of the kinds that the tables share.
Column text_column(std::string name);
Column number_column(std::string name, NumberFormat format, std::string unit = "");
Column seconds_column(std::string name);
Column bytes_column(std::string name);
Column integer_column(std::string name);

}  // namespace attest::reports
