// The sections of a report, each built from the study alone.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
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

/// The same kernel on the same problem with fewer and with more threads; without blocks where all had the same number.
Section threads_section(const Study& study);

/// Length, fastest kernel, time, runner-up, ratio: a table a family, and one for all families of one length.
Section winners_section(const std::vector<FamilyContest>& contests);

/// Rates as bars over the length, in panels of causal and not, by head dim, as the FlashAttention papers print them;
/// without blocks where no kernel was timed so. `device` is named in the title.
Section rate_section(const Study& study, const std::string& device);

/// Every timed kernel against `base` (a kernel id; empty: the kernel of `standard` that was timed most often). Throws
/// Error (exit 2) for a base that the study does not have.
Section speedup_section(const Study& study, const std::string& base);

/// Rates against the measured peaks, over the operational intensity.
Section roofline_section(const Study& study, const std::optional<Peaks>& peaks);

/// Error against time, problem by problem.
Section tradeoff_section(const Study& study);

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
/// Passed cells whose verdict carries a reason; none where none does.
std::optional<Table> reservations_table(const Study& study);
/// A sentence when the inputs of some cells prove little; else empty.
std::string sensitivity_warning(const Study& study);

/// Decoding steps timed with K and V flushed; without blocks where there are none.
Section decoding_section(const Study& study);

/// What the time of kernels on the CPU goes to; without blocks where none says.
Section phases_section(const Study& study);

/// Workspace measured against predicted.
Section memory_section(const Study& study);

/// Bytes moved, conflicts, registers and occupancy of the cells that the emulator counted; without blocks where there
/// are none.
Section device_section(const Study& study);

/// KV-cache bytes of the model presets.
Section cache_section(const std::vector<CacheModel>& models);

/// Conventions, and which timing rules were met.
Section method_section(const Study& study, const std::optional<Peaks>& peaks);

/// A comparison of published.json: its source and a table of the published figures beside ours; nothing where the store
/// lacks cells for a row of it.
std::vector<Block> published_comparison(const Study& study, const nlohmann::ordered_json& comparison);

/// Figures that others have published beside those of the store; without blocks where it has none to set beside.
Section published_section(const Study& study);

/// The verifier's own quality, from the text of its table (reports/verifier_table.hpp). Throws nlohmann's exceptions
/// for a text that is none.
Section verifier_section(const std::string& text);

/// Every cell; what was not run or did not pass, and why.
Section cells_section(const Study& study, const std::optional<Peaks>& peaks);

/// Claims that people choose by with what the store says of each, and which kernel to take on this machine.
Section guide_section(const Study& study, const std::vector<FamilyContest>& contests);

/// The twelve rules of benchmarking with what the store shows of each, where everything is, and what has no result and
/// why. `report` holds the sections that come before.
Section reviewer_section(const Study& study, const std::vector<FamilyContest>& contests, const ReportInput& input,
                         const Report& report);

/// The provenance of the last run, flattened to names and values.
std::vector<std::pair<std::string, std::string>> provenance_pairs(const ReportInput& input);

/// The model of the machine's processor, as the last run recorded it; "unknown processor" where it did not.
std::string device_name(const ReportInput& input);

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
  std::function<std::string(const Study&, const View&)> group = {};
  std::function<double(const View&)> place = {};
  /// The figure of a view; the point's `x` is filled in already.
  std::function<void(const View&, Point&)> measure = {};
  std::size_t most_panels = 6;
};

/// The figure with the panels that have the most points at two or more places, at most `most_panels` of them; false in
/// `any` where there is none.
struct PlannedFigure {
  bool any = false;
  Figure figure;
  std::vector<const View*> shown = {};
};
PlannedFigure plan_figure(const Study& study, const FigurePlan& plan);

/// Axes and groups that figures share: the sequence length, and all cells of one family.
extern const Axis length_axis;
std::string length_group(const Study& study, const View& view);
double length_place(const View& view);
/// Cells with a window, grouped by all but its size. The form of the window stays: causal and symmetric ones differ.
std::string window_group(const Study& study, const View& view);
double window_place(const View& view);
/// The token hkv is absent where hkv = hq, so those cells form a group of their own.
std::string heads_group(const Study& study, const View& view);
double heads_place(const View& view);

/// A cell that was meant to run and gave no figure is a word in the plot.
void mark_status(const View& view, Point& point);

/// Exact FLOPs over the median, in GFLOP/s, with the interval of the median.
void measure_rate(const View& view, Point& point);

/// The kernel's name, with a mark where it computes another function than softmax attention of q, k and v.
std::string legend_name(const View& view);

}  // namespace attest::reports
