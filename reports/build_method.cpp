// How the figures were made: conventions, the rules of timing and how far they were met, provenance.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/measure/peaks.hpp"
#include "harness/measure/statistics.hpp"
#include "reports/build_parts.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

constexpr std::size_t least_rounds = 3;
constexpr std::int64_t least_samples = 9;
constexpr std::int64_t least_interval_samples = 6;
constexpr double aimed_half_width = 0.01;
constexpr double dipped_share = 0.9;

struct Rule {
  std::string name;
  bool (*met)(const CellRecord&) = nullptr;
};

bool rounds_met(const CellRecord& record) {
  return record.rounds.size() >= least_rounds;
}

bool comparison_samples_met(const CellRecord& record) {
  return record.timing->samples >= least_samples;
}

bool interval_samples_met(const CellRecord& record) {
  return record.timing->samples >= least_interval_samples;
}

bool half_width_met(const CellRecord& record) {
  const TimingSummary& timing = *record.timing;
  // The slack is for the rounding of the three figures alone.
  return timing.seconds_ci_high - timing.seconds_ci_low <= 2 * aimed_half_width * timing.seconds_median * (1 + 1e-9);
}

bool same_output_met(const CellRecord& record) {
  return std::all_of(record.rounds.begin(), record.rounds.end(),
                     [&](const RoundRecord& round) { return round.output_hash == record.output_hash; });
}

bool peak_met(const CellRecord& record) {
  return record.peak_flops > 0;
}

bool no_outlier_met(const CellRecord& record) {
  return record.timing->outliers == 0;
}

Table rules_table(const Study& study) {
  Table table{
      .id = "timing_rules",
      .title = "Rules of timing",
      .note =
          "Counted over the timed cells. A rule that is not met everywhere is a limit of this report; the cells "
          "table shows samples and intervals of each. The order of the kernels inside a round is random and is in "
          "records.jsonl (position), as is what ended each round's sampling.",
      .columns = {text_column("rule"), integer_column("cells that meet it"), integer_column("timed cells"),
                  text_column("met")},
      .rows = {},
      .collapsed = false};
  const std::vector<Rule> rules = {
      {"at least 3 rounds (each is a process of its own, with the kernels of one shape in random order)", rounds_met},
      {"at least 9 samples, for a comparison", comparison_samples_met},
      {"at least 6 samples, for an exact 95% interval of the median", interval_samples_met},
      {"half-width of the interval at most 1% of the median (the aim; else the time limit ended sampling)",
       half_width_met},
      {"the outputs of every timed round have the hash of the proven output", same_output_met},
      {"multiply-add peak measured beside the rounds", peak_met},
      {"no sample further than 14.8 median absolute deviations from the median (flagged, never removed)",
       no_outlier_met}};
  for (const Rule& rule : rules) {
    long met = 0;
    long timed = 0;
    for (const View& view : study.views) {
      if (view.timing() == nullptr) continue;
      ++timed;
      met += rule.met(*view.record) ? 1 : 0;
    }
    if (timed == 0) return table;
    const Status status = met == timed ? Status{"everywhere", Tone::good}
                          : met == 0   ? Status{"nowhere", Tone::warning}
                                       : Status{"in part", Tone::warning};
    table.rows.push_back({text_entry(rule.name), number_entry(static_cast<double>(met)),
                          number_entry(static_cast<double>(timed)), status});
  }
  return table;
}

/// What the machine still gave while the cells were timed.
Table round_peaks_table(const Study& study) {
  const NumberFormat four{NumberFormat::Style::significant, 4};
  Table table{.id = "round_peaks",
              .title = "The multiply-add peak beside the rounds",
              .note = fmt::format("Measured beside every round of every timed cell, so that a machine that does other "
                                  "work shows. A round whose "
                                  "peak is under {:.0f} % of the highest is counted here and dropped from nothing: "
                                  "every sample counts. The share "
                                  "of a cell whose median peak is that low is taken against the session's best.",
                                  100 * dipped_share),
              .columns = {text_column("type"), integer_column("threads"), integer_column("rounds"),
                          number_column("highest", four, "GFLOP/s"), number_column("median", four, "GFLOP/s"),
                          number_column("lowest", four, "GFLOP/s"), integer_column("dipped")},
              .rows = {},
              .collapsed = false};
  std::map<std::pair<std::string, int>, std::vector<double>> peaks;
  for (const View& view : study.views) {
    if (view.timing() == nullptr) continue;
    for (const RoundRecord& round : view.record->rounds) {
      if (!(round.peak_flops > 0)) continue;
      peaks[{std::string(name_of(view.problem.dtype)), view.record->key.threads}].push_back(round.peak_flops);
    }
  }
  for (const auto& [group, rates] : peaks) {
    const auto [lowest, highest] = std::minmax_element(rates.begin(), rates.end());
    const auto dipped =
        std::count_if(rates.begin(), rates.end(), [&](double rate) { return rate < dipped_share * *highest; });
    table.rows.push_back({text_entry(group.first), number_entry(group.second),
                          number_entry(static_cast<double>(rates.size())), number_entry(*highest / 1e9),
                          number_entry(median(rates) / 1e9), number_entry(*lowest / 1e9),
                          number_entry(static_cast<double>(dipped))});
  }
  return table;
}

Table peaks_table(const std::optional<Peaks>& peaks) {
  Table table{
      .id = "peaks",
      .title = "Measured peaks of the machine",
      .note = "What the same machine reached in the same session: multiply-adds by type, reading by level of memory.",
      .columns = {text_column("what"), integer_column("threads"),
                  number_column("rate", {NumberFormat::Style::significant, 4}), text_column("unit")},
      .rows = {},
      .collapsed = false};
  if (!peaks) return table;
  for (const FlopPeak& peak : peaks->flops) {
    std::string what = fmt::format("multiply-adds {}, {}", peak.type, peak.isa);
    if (peak.computed_as != peak.type) what += ", computed as " + peak.computed_as;
    table.rows.push_back({text_entry(what), number_entry(peak.threads), number_entry(peak.flops_per_second / 1e9),
                          text_entry("GFLOP/s")});
  }
  for (const BandwidthPeak& peak : peaks->bandwidths) {
    table.rows.push_back(
        {text_entry(fmt::format("reading {} ({})", peak.level,
                                format_number(static_cast<double>(peak.bytes), {NumberFormat::Style::bytes, 3}))),
         number_entry(peak.threads), number_entry(peak.bytes_per_second / 1e9), text_entry("GB/s")});
  }
  return table;
}

using Json = nlohmann::ordered_json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string scalar_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "none";
  if (value.is_number_float()) return exact_number(value.get<double>());
  return value.dump();
}

std::string words(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

/// Objects become "outer: inner" names, lists of scalars one value.
void flatten(const Json& value, const std::string& name, Pairs& pairs) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      flatten(inner, name.empty() ? words(key) : name + ": " + words(key), pairs);
    return;
  }
  if (!value.is_array()) {
    pairs.emplace_back(name, scalar_text(value));
    return;
  }
  const bool plain = std::none_of(value.begin(), value.end(), [](const Json& item) { return item.is_structured(); });
  if (!plain) {
    for (std::size_t i = 0; i < value.size(); ++i)
      flatten(value[i], fmt::format("{} {}", name, i + 1), pairs);
    return;
  }
  std::string text;
  for (const Json& item : value)
    text += (text.empty() ? "" : " ") + scalar_text(item);
  pairs.emplace_back(name, text);
}

}  // namespace

Section method_section(const Study& study, const std::optional<Peaks>& peaks) {
  Section section{.id = "method", .title = "Method", .blocks = {}};
  for (const char* text :
       {"FLOPs are exact: 2 (d + dv) for every visible pair of a query row and a key, summed over heads and batch; a "
        "kernel "
        "whose algorithm does other work (linear attention, the whole module) counts its own. The other common "
        "convention is "
        "4 T^2 d H, halved when causal, as in the FlashAttention papers; it counts all T^2 pairs, or half of them, and "
        "knows no window. Both are in the table of all cells; all rates here use the exact count.",
        "Every cell is checked before it is timed: its output against a reference in double precision, element by "
        "element, "
        "within a bound that is derived from the kernel's declared arithmetic and the inputs (rule F). For large "
        "problems a "
        "seeded sample of query rows is checked; the rows are counted in every table. A time exists only for a cell "
        "that "
        "passed.",
        "The figure of merit is the median of all samples of all rounds, with its exact 95% interval by binomial "
        "ranks. "
        "Ratios are of medians and stand beside their absolute times."}) {
    section.blocks.emplace_back(Paragraph{text});
  }
  Table rules = rules_table(study);
  if (!rules.rows.empty()) section.blocks.emplace_back(std::move(rules));
  Table beside = round_peaks_table(study);
  if (!beside.rows.empty()) section.blocks.emplace_back(std::move(beside));
  Table measured = peaks_table(peaks);
  if (!measured.rows.empty()) section.blocks.emplace_back(std::move(measured));
  return section;
}

std::optional<Peaks> last_peaks(const ReportInput& input) {
  for (auto run = input.runs.rbegin(); run != input.runs.rend(); ++run) {
    if (run->peaks.empty()) continue;
    const nlohmann::json document = nlohmann::json::parse(run->peaks, nullptr, false);
    if (!document.is_discarded() && document.is_object() && !document.empty()) return peaks_from_json(document);
  }
  return std::nullopt;
}

std::string device_name(const ReportInput& input) {
  const std::string unknown = "unknown processor";
  if (input.runs.empty()) return unknown;
  const Json provenance = Json::parse(input.runs.back().provenance, nullptr, false);
  const Json::json_pointer place("/machine/cpu_model");
  return provenance.is_object() && provenance.contains(place) && provenance[place].is_string()
             ? provenance[place].get<std::string>()
             : unknown;
}

Pairs provenance_pairs(const ReportInput& input) {
  Pairs pairs;
  if (input.runs.empty()) return pairs;
  std::string started;
  for (const RunRecord& run : input.runs)
    started += (started.empty() ? "" : ", ") + run.started;
  pairs.emplace_back(input.runs.size() == 1 ? "run started" : "runs started", started);
  const RunRecord& last = input.runs.back();
  const Json provenance = Json::parse(last.provenance, nullptr, false);
  if (provenance.is_discarded()) {
    pairs.emplace_back("provenance", "the text in the store is not JSON");
  } else {
    flatten(provenance, "", pairs);
  }
  return pairs;
}

}  // namespace attest::reports
