// Rates under the roofs that the machine was measured to have.
#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <set>

#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr std::array<const char*, 4> levels = {"DRAM", "L3", "L2", "L1"};

/// FLOPs a byte that must be moved: inputs and outputs, each once.
double intensity(const View& view) {
  return view.record->flops / view.record->io_bytes;
}

/// min(peak, intensity * bandwidth) from `low` to `high` FLOPs a byte, with its corner.
Series roof(const std::string& level, int reference, double peak, double bandwidth, double low, double high) {
  Series line{.name = level + " roof", .kernel = "", .points = {}, .draw = Draw::line, .reference = reference};
  std::set<double> places = {low, high};
  const double corner = peak / bandwidth;
  if (corner > low && corner < high) places.insert(corner);
  for (const double x : places)
    line.points.push_back({.x = x, .y = std::min(peak, x * bandwidth) / 1e9, .interval = {}, .status = "passed"});
  return line;
}

Panel roofline_panel(const std::string& title, const std::vector<const View*>& views, const Peaks& peaks) {
  Panel panel{.title = title, .series = {}};
  std::map<std::string, Series> by_kernel;
  double low = INFINITY;
  double high = 0;
  for (const View* view : views) {
    Point point;
    point.x = intensity(*view);
    measure_rate(*view, point);
    point.interval.reset();  // hundreds of them would hide the marks
    low = std::min(low, point.x);
    high = std::max(high, point.x);
    Series& series = by_kernel[view->record->key.kernel];
    series.name = legend_name(*view);
    series.kernel = view->record->key.kernel;
    series.draw = Draw::marks;
    series.points.push_back(point);
  }
  const std::string type(name_of(views.front()->problem.dtype));
  const int threads = views.front()->record->key.threads;
  const double peak = peaks.flops_per_second(type, threads).value();
  // The corners of all roofs are to be seen.
  for (const char* level : levels) {
    const double bandwidth = peaks.bytes_per_second(level, threads).value_or(0);
    if (!(bandwidth > 0)) continue;
    low = std::min(low, 0.5 * peak / bandwidth);
    high = std::max(high, 2 * peak / bandwidth);
  }
  int reference = 0;
  for (const char* level : levels) {
    ++reference;
    const double bandwidth = peaks.bytes_per_second(level, threads).value_or(0);
    if (bandwidth > 0) panel.series.push_back(roof(level, reference, peak, bandwidth, low, high));
  }
  for (auto& [kernel, series] : by_kernel)
    panel.series.push_back(std::move(series));
  return panel;
}

}  // namespace

Section roofline_section(const Study& study, const std::optional<Peaks>& peaks) {
  Section section{.id = "roofline_section", .title = "Roofline", .blocks = {}};
  const auto key = [&](const View& view) {
    if (view.timing() == nullptr || view.record->key.backend != "cpu" || !peaks) return std::string();
    const std::string type(name_of(view.problem.dtype));
    if (!(view.record->flops > 0 && view.record->io_bytes > 0)) return std::string();
    if (!peaks->flops_per_second(type, view.record->key.threads)) return std::string();
    return type + ", " + threads_text(view.record->key.threads);
  };
  Figure figure{
      .id = "roofline",
      .title = "Rates under the measured roofs",
      .caption =
          "Roofs are the multiply-add peak of the type and the read bandwidth of each level of memory that attest "
          "peaks measured in the same session. Operational intensity counts inputs and outputs once, so that a kernel "
          "that moves more lies further left than it is drawn; a mark above the DRAM roof took its inputs from a "
          "cache.",
      .x = {.label = "operational intensity",
            .unit = "FLOP/B",
            .scale = Scale::log10,
            .quantity = Quantity::plain,
            .ticks = {}},
      .y = {.label = "rate", .unit = "GFLOP/s", .scale = Scale::log10, .quantity = Quantity::plain, .ticks = {}},
      .panels = {}};
  for (const auto& [name, views] : group_views(study, key))
    figure.panels.push_back(roofline_panel(name, views, *peaks));
  if (figure.panels.empty()) {
    section.blocks.emplace_back(Paragraph{
        "Not measured: a roofline needs timed cells on the CPU and the machine's peaks for their type and number of "
        "threads, which attest sweep measures unless it is told --no-peaks."});
    return section;
  }
  section.blocks.emplace_back(
      Paragraph{"How near each kernel comes to what arithmetic and memory allow: every timed cell on the CPU."});
  section.blocks.emplace_back(std::move(figure));
  return section;
}

}  // namespace attest::reports
