// The sections of a report, each built from the study alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/measure/growth.hpp"
#include "harness/measure/peaks.hpp"
#include "reports/build.hpp"
#include "reports/contest.hpp"
#include "reports/model.hpp"
#include "reports/study.hpp"

namespace attest::reports {

/// Title, headline, verdict counts and facts of the head of the report.
void fill_head(const Study& study, const ReportInput& input, Report& report);

/// Who wins from which length, in sentences.
Section summary_section(const Study& study, const std::vector<FamilyContest>& contests);

/// One table a family: length, fastest kernel, time, runner-up, ratio; and where one overtakes another.
Section winners_section(const std::vector<FamilyContest>& contests);

/// Time, rate, share of the peak and workspace over length; window and head sweeps.
Section scaling_section(const Study& study);

/// The exponent of exact counts over the lengths, or that there are too few.
Entry exponent_entry(const std::vector<GrowthPoint>& points);

/// Fitted exponents of time, FLOPs and workspace over length.
Section growth_section(const Study& study);

/// Errors over length and all accuracy figures.
Section accuracy_section(const Study& study);

/// How far approximations of softmax attention are from it, and what variants recall; without blocks where no cell
/// says.
Section approximation_section(const Study& study);

/// Which named defects each cell's inputs would have shown; none where no cell was held against them.
std::optional<Table> sensitivity_table(const Study& study);
/// A sentence when the inputs of some cells prove little; else empty.
std::string sensitivity_warning(const Study& study);

/// Decoding steps timed with K and V flushed; without blocks where there are none.
Section decoding_section(const Study& study);

/// Workspace measured against predicted.
Section memory_section(const Study& study);

/// Bytes moved, conflicts, registers and occupancy of the cells that the emulator counted; without blocks where there
/// are none.
Section device_section(const Study& study);

/// KV-cache bytes of the model presets.
Section cache_section(const std::vector<CacheModel>& models);

/// Conventions, and which timing rules were met.
Section method_section(const Study& study, const std::optional<Peaks>& peaks);

/// Figures that others have published beside those of the store; without blocks where it has none to set beside.
Section published_section(const Study& study);

/// The verifier's own quality, from the text of its table (reports/verifier_table.hpp). Throws nlohmann's exceptions
/// for a text that is none.
Section verifier_section(const std::string& text);

/// Every cell; what was not run or did not pass, and why.
Section cells_section(const Study& study, const std::optional<Peaks>& peaks);

/// The provenance of the last run, flattened to names and values.
std::vector<std::pair<std::string, std::string>> provenance_pairs(const ReportInput& input);

/// The measured peaks of the last run that has readable ones.
std::optional<Peaks> last_peaks(const ReportInput& input);

/// Figures over an axis: groups of views that differ in kernel and in the axis alone, one panel a group.
struct FigurePlan {
  std::string id;
  std::string title;
  std::string caption;
  Axis x;
  Axis y;
  /// The group of a view and its place on the x axis; views with an empty group are left out.
  std::string (*group)(const Study&, const View&) = nullptr;
  double (*place)(const View&) = nullptr;
  /// The figure of a view; the point's `x` is filled in already.
  void (*measure)(const View&, Point&) = nullptr;
  std::size_t most_panels = 6;
};

/// The figure with the panels that have the most points at two or more places, at most `most_panels` of them; false in
/// `any` where there is none.
struct PlannedFigure {
  bool any = false;
  Figure figure;
};
PlannedFigure plan_figure(const Study& study, const FigurePlan& plan);

}  // namespace attest::reports
