// What kernels did on the emulator: bytes moved against theory, conflicts, registers. Counts, never times.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "harness/core/counts.hpp"
#include "harness/core/occupancy.hpp"
#include "harness/measure/growth.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

const DeviceCounts* counts_of(const View& view) {
  return view.passed() && view.record->counts ? &*view.record->counts : nullptr;
}

double compulsory_bytes(const DeviceCounts& counts) {
  return counts.global_unique_read_bytes + counts.global_unique_written_bytes;
}

Entry ratio_entry(double over, double under, std::string why_not) {
  if (!(under > 0)) return Missing{std::move(why_not)};
  return number_entry(over / under);
}

/// How often the keys and values were loaded: what was asked for beyond Q, over K and V. Only where these three are the
/// whole input.
Entry passes_entry(const View& view, const DeviceCounts& counts) {
  const Problem& problem = view.problem;
  if (!view.function_class.empty()) return Missing{"another function"};
  const auto bytes = static_cast<double>(size_of(problem.dtype));
  const double q = static_cast<double>(problem.batch * problem.heads_q * problem.seq_q * problem.head_dim) * bytes;
  return ratio_entry(counts.global_load_bytes - q, kv_cache_bytes(problem), "no keys");
}

void add_point(std::vector<GrowthPoint>& points, double length, double cost) {
  if (cost > 0) points.push_back({.length = length, .samples = {cost}, .width = 0});
}

Table io_table(const Study& study) {
  const NumberFormat two{NumberFormat::Style::fixed, 2};
  const NumberFormat three{NumberFormat::Style::significant, 3};
  Table table{
      .id = "io_complexity",
      .title = "IO complexity, counted",
      .note =
          "Moved: 32 bytes for each sector that a load, store or atomic of global memory touches, before any cache. "
          "Compulsory: bytes read or written at least once. Exponents are least squares on logarithms over the "
          "lengths; the counts are exact, so they have no interval. Passes over K and V: bytes loaded beyond Q, over "
          "the bytes of K and V; FlashAttention reads K and V once a block of query rows (Dao et al. 2022, "
          "arXiv:2205.14135, theorem 2). All figures but the exponents are those of the longest length.",
      .columns = {text_column("kernel"), text_column("problem"), text_column("lengths"),
                  number_column("exponent of bytes moved", two), number_column("of compulsory bytes", two),
                  number_column("of FLOPs", two), bytes_column("moved"), bytes_column("compulsory"),
                  number_column("moved / compulsory", three), number_column("passes over K and V", three)},
      .rows = {},
      .collapsed = false};
  const auto key = [](const View& view) {
    return counts_of(view) == nullptr ? std::string() : view.family + "\n" + view.record->key.kernel;
  };
  for (const auto& [name, views] : group_views(study, key)) {
    std::vector<GrowthPoint> moved;
    std::vector<GrowthPoint> compulsory;
    std::vector<GrowthPoint> work;
    for (const View* view : views) {
      const DeviceCounts& counts = *counts_of(*view);
      add_point(moved, view->length, counts.global_bytes_moved);
      add_point(compulsory, view->length, compulsory_bytes(counts));
      add_point(work, view->length, counts.tensor_flops + counts.scalar_flops);
    }
    const View& longest = *views.back();
    const DeviceCounts& counts = *counts_of(longest);
    table.rows.push_back(
        {code_entry(longest.record->key.kernel), code_entry(longest.family),
         code_entry(distinct_lengths(moved) < 2
                        ? format_length(longest.length)
                        : fmt::format("{} to {}", format_length(views.front()->length), format_length(longest.length))),
         exponent_entry(moved), exponent_entry(compulsory), exponent_entry(work),
         number_entry(counts.global_bytes_moved), number_entry(compulsory_bytes(counts)),
         ratio_entry(counts.global_bytes_moved, compulsory_bytes(counts), "nothing moved"),
         passes_entry(longest, counts)});
  }
  return table;
}

Table counts_table(const Study& study) {
  const NumberFormat three{NumberFormat::Style::significant, 3};
  const NumberFormat scientific{NumberFormat::Style::scientific, 3};
  Table table{
      .id = "device_counts",
      .title = "Counts of every emulated cell",
      .note = fmt::format(
          "Of one run, over all its launches. FLOPs of tensor cores are 2*m*n*k an mma; scalar FLOPs are those of the "
          "PTX, where an fma is 2 (ptxas fuses more). Lanes: active lanes a warp instruction, of 32. The lower bound "
          "is the most of compulsory bytes (those between launches included) over {:.0f} GB/s, tensor FLOPs over "
          "{:.0f} "
          "TFLOP/s and scalar FLOPs over {:.1f} TFLOP/s, of an {} with 40 GB whose caches start cold; what stays in "
          "its "
          "cache of 40 MB between launches, and pairs of 16-bit operations, may be faster. It is no time, and nothing "
          "was "
          "run on one.",
          a100.bytes_per_second * 1e-9, a100.tensor_flops_per_second * 1e-12, a100.scalar_flops_per_second * 1e-12,
          a100.name),
      .columns = {text_column("kernel"), text_column("problem"), text_column("inputs"),
                  number_column("warp instructions", scientific),
                  number_column("lanes", {NumberFormat::Style::percent, 1}), number_column("tensor FLOPs", scientific),
                  number_column("scalar FLOPs", scientific), bytes_column("loaded"), bytes_column("stored"),
                  bytes_column("moved"), bytes_column("compulsory"), bytes_column("by cp.async"),
                  number_column("wavefronts of shared memory", scientific), integer_column("bank conflicts"),
                  integer_column("barriers"), integer_column("divergent branches"), integer_column("blocks"),
                  number_column("lower bound on an A100", three, "s")},
      .rows = {},
      .collapsed = true};
  table.columns.back().format.style = NumberFormat::Style::seconds;
  for (const View& view : study.views) {
    const DeviceCounts* counts = counts_of(view);
    if (counts == nullptr) continue;
    table.rows.push_back({code_entry(view.record->key.kernel), code_entry(view.record->key.problem),
                          text_entry(view.record->key.inputs), number_entry(counts->warp_instructions),
                          number_entry(counts->lane_share()), number_entry(counts->tensor_flops),
                          number_entry(counts->scalar_flops), number_entry(counts->global_load_bytes),
                          number_entry(counts->global_store_bytes), number_entry(counts->global_bytes_moved),
                          number_entry(compulsory_bytes(*counts)), number_entry(counts->async_copy_bytes),
                          number_entry(counts->shared_wavefronts), number_entry(counts->bank_conflicts()),
                          number_entry(counts->barriers), number_entry(counts->divergent_branches),
                          number_entry(counts->blocks), number_entry(least_seconds(*counts))});
  }
  return table;
}

Table resource_table(const Study& study) {
  Table table{
      .id = "device_resources",
      .title = "Registers, spills and occupancy",
      .note =
          "Registers and spills are those that ptxas gave for sm_80 when Attest was built; occupancy is what "
          "follows from them by the toolkit's rules for an A100: resident warps of the 64 that a multiprocessor "
          "holds.",
      .columns = {text_column("kernel"), text_column("entry"), integer_column("registers a thread"),
                  bytes_column("spill stores"), bytes_column("spill loads"), integer_column("threads a block"),
                  bytes_column("static shared"), bytes_column("dynamic shared"),
                  integer_column("blocks a multiprocessor"),
                  number_column("occupancy", {NumberFormat::Style::percent, 0})},
      .rows = {},
      .collapsed = false};
  std::set<std::string> seen;
  std::vector<const View*> views;
  for (const View& view : study.views)
    views.push_back(&view);
  std::stable_sort(views.begin(), views.end(), [](const View* left, const View* right) {
    return left->record->key.kernel < right->record->key.kernel;
  });
  for (const View* view : views) {
    for (const EntryResources& entry : view->record->resources) {
      const std::string name = fmt::format("{} {} {} {}", view->record->key.kernel, entry.entry, entry.block_threads,
                                           entry.dynamic_shared_bytes);
      if (!seen.insert(name).second) continue;
      table.rows.push_back({code_entry(view->record->key.kernel), code_entry(entry.entry),
                            number_entry(entry.registers), number_entry(entry.spill_store_bytes),
                            number_entry(entry.spill_load_bytes), number_entry(entry.block_threads),
                            number_entry(entry.static_shared_bytes), number_entry(entry.dynamic_shared_bytes),
                            number_entry(blocks_per_multiprocessor(entry)), number_entry(occupancy(entry))});
    }
  }
  return table;
}

void measure_moved(const View& view, Point& point) {
  point.status = "";
  const DeviceCounts* counts = counts_of(view);
  if (counts == nullptr || !(counts->global_bytes_moved > 0)) return;
  point.status = "passed";
  point.y = counts->global_bytes_moved;
}

}  // namespace

Section device_section(const Study& study) {
  Section section{.id = "device", .title = "CUDA kernels, counted by executing their PTX", .blocks = {}};
  const auto counted = std::count_if(study.views.begin(), study.views.end(),
                                     [](const View& view) { return counts_of(view) != nullptr; });
  if (counted == 0) return section;
  section.blocks.emplace_back(Paragraph{
      fmt::format("{} cells ran on the PTX emulator. Their results are proved like all others; what is shown here is "
                  "counted, the same in every run, and none of it is a time.",
                  counted),
      true});
  section.blocks.emplace_back(io_table(study));
  PlannedFigure figure = plan_figure(
      study,
      {.id = "bytes_over_length",
       .title = "Bytes moved over length (counted)",
       .caption = "32-byte sectors of global memory that loads, stores and atomics touch, before any cache.",
       .x = length_axis,
       .y = {.label = "bytes moved", .unit = "B", .scale = Scale::log10, .quantity = Quantity::bytes, .ticks = {}},
       .group = length_group,
       .place = length_place,
       .measure = measure_moved,
       .most_panels = 6});
  if (figure.any) section.blocks.emplace_back(std::move(figure.figure));
  Table resources = resource_table(study);
  if (!resources.rows.empty()) section.blocks.emplace_back(std::move(resources));
  section.blocks.emplace_back(counts_table(study));
  return section;
}

}  // namespace attest::reports
