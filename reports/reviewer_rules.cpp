// Nothing here is taken on trust: a rule is kept when the records say so.
#include "reports/reviewer_rules.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <map>

#include "harness/measure/comparison.hpp"
#include "harness/measure/statistics.hpp"

namespace attest::reports {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t least_rounds = 3;
constexpr std::size_t most_named = 4;  // of what a sentence lists

Evidence judged(bool kept, std::string text) {
  return {kept ? Evidence::Answer::kept : Evidence::Answer::not_kept, std::move(text)};
}

Evidence nothing_timed() {
  return {Evidence::Answer::not_applicable, "no cell was timed"};
}

long count_timed(const Dossier& dossier, const std::function<bool(const View&)>& holds) {
  return std::count_if(dossier.timed.begin(), dossier.timed.end(), [&](const View* view) { return holds(*view); });
}

std::string of_timed(const Dossier& dossier, long count) {
  return fmt::format("{} of {} timed cells", count, dossier.timed.size());
}

/// Rows of the report's tables that are ratios of two times.
struct RatioRows {
  std::size_t all = 0, with_interval = 0;
};

RatioRows ratio_rows(const Dossier& dossier, Compared compared) {
  RatioRows count;
  for (const Section& section : dossier.report.sections) {
    for (const Block& block : section.blocks) {
      const auto* table = std::get_if<Table>(&block);
      if (table == nullptr || table->compared != compared) continue;
      for (const auto& row : table->rows) {
        ++count.all;
        const auto is_lack = [](const Entry& entry) {
          return std::holds_alternative<Missing>(entry) && !std::get<Missing>(entry).reason.empty();
        };
        count.with_interval += std::none_of(row.begin(), row.end(), is_lack) ? 1 : 0;
      }
    }
  }
  return count;
}

// 1: the base of a speed-up.
Evidence base_is_named(const Dossier& dossier) {
  const std::size_t of_kernels = ratio_rows(dossier, Compared::kernels).all;
  const std::size_t of_threads = ratio_rows(dossier, Compared::threads).all;
  if (dossier.comparisons.empty() && of_kernels + of_threads == 0) {
    return {Evidence::Answer::not_applicable, "no ratio of times is given"};
  }
  const auto same = [](const Contest* contest) {
    return contest->fastest->record->key.threads == contest->runner_up->record->key.threads;
  };
  const bool kept = std::all_of(dossier.comparisons.begin(), dossier.comparisons.end(), same);
  std::set<std::string> threads;
  for (const View* view : dossier.timed)
    threads.insert(std::to_string(view->record->key.threads));
  std::string text = fmt::format(
      "{} ratios of a runner-up and the fastest kernel and {} of a kernel and a named base, each with as many threads "
      "({}) and both absolute times in its row",
      dossier.comparisons.size(), of_kernels, listed(threads));
  text += of_threads == 0 ? "; no ratio of threads is given"
                          : fmt::format(
                                "; {} of a kernel with more threads and itself with the fewest, both times and "
                                "numbers of threads in the row",
                                of_threads);
  return judged(kept, text + "; the ranges of the selection guide are of these");
}

// 2: why a part alone was run.
Evidence parts_are_explained(const Dossier& dossier) {
  if (dossier.study.views.empty()) return {Evidence::Answer::not_applicable, "nothing was planned"};
  long left_out = 0;
  long silent = 0;
  for (const View& view : dossier.study.views) {
    if (view.passed()) continue;
    ++left_out;
    silent += view.record->verdict.reason.empty() ? 1 : 0;
  }
  std::set<std::string> parts;
  std::set<std::string> resources;
  bool all_used = true;
  for (const Json& provenance : dossier.provenance) {
    if (provenance.contains("arguments")) {
      for (const Json& argument : provenance["arguments"]) {
        const std::string text = argument.is_string() ? argument.get<std::string>() : "";
        if (text.rfind("--filter", 0) == 0 || text.rfind("--set", 0) == 0) parts.insert(text.substr(0, text.find('=')));
      }
    }
    const std::string cpus = known(provenance, "machine/cpus");
    for (const View* view : dossier.timed) {
      const std::string threads = std::to_string(view->record->key.threads);
      resources.insert(threads + " threads of " + (cpus.empty() ? "an unknown number of" : cpus) + " CPUs");
      all_used = all_used && threads == cpus;
    }
  }
  if (dossier.provenance.empty()) all_used = dossier.timed.empty();
  std::string text = fmt::format("{} of {} planned cells gave no result, {} of them without a reason", left_out,
                                 dossier.study.views.size(), silent);
  if (!resources.empty()) text += "; timed with " + listed(resources);
  if (!parts.empty()) text += "; the sweep was narrowed by " + listed(parts) + ", for which the store has no reason";
  return judged(silent == 0 && parts.empty() && all_used, text);
}

// 3: which mean.
Evidence means_fit(const Dossier& dossier) {
  if (dossier.timed.empty()) return nothing_timed();
  return judged(true,
                "no mean of times or rates is taken: every time is the median of one cell's samples; the shares of a "
                "breakdown are of the summed times of its runs");
}

// 4: ratios are not averaged.
Evidence ratios_stay(const Dossier& dossier) {
  std::set<std::string> averaged;
  for (const Section& section : dossier.report.sections) {
    for (const Block& block : section.blocks) {
      const auto* table = std::get_if<Table>(&block);
      if (table != nullptr && table->note.find("geometric mean") != std::string::npos) averaged.insert(table->title);
    }
  }
  if (dossier.timed.empty() && averaged.empty()) {
    return {Evidence::Answer::not_applicable, "no ratios are summarised"};
  }
  if (averaged.empty()) return judged(true, "ratios are of two medians; none is averaged");
  return judged(false, "a geometric mean, labelled as such, of ratios stands in: " + listed(averaged) +
                           "; the figures that they come from are in the table of accuracy by cell");
}

// 5: intervals.
Evidence intervals_are_given(const Dossier& dossier) {
  const auto counted = std::count_if(dossier.study.views.begin(), dossier.study.views.end(),
                                     [](const View& view) { return view.record->counts.has_value(); });
  const std::string counts = counted == 0 ? "" : fmt::format("; {} counted cells are deterministic", counted);
  if (dossier.timed.empty() && counted == 0) return nothing_timed();
  if (dossier.timed.empty()) return judged(true, fmt::format("{} counted cells are deterministic", counted));
  const long with = count_timed(dossier, [](const View& view) { return view.timing()->has_interval(); });
  return judged(
      with == static_cast<long>(dossier.timed.size()),
      "times are not deterministic: " + of_timed(dossier, with) + " have a 95% interval of the median" + counts);
}

// 6: no normality. The stored intervals must be the order statistics of the stored samples.
Evidence normality_is_not_assumed(const Dossier& dossier) {
  if (dossier.timed.empty()) return nothing_timed();
  const long equal = count_timed(dossier, [](const View& view) {
    const TimingSummary& timing = *view.timing();
    const std::vector<double> samples = view.samples();
    if (samples.empty() || median(samples) != timing.seconds_median) return false;
    const std::optional<attest::Interval> interval = median_interval(samples);
    if (!interval) return !timing.has_interval();
    return interval->low == timing.seconds_ci_low && interval->high == timing.seconds_ci_high;
  });
  return judged(
      equal == static_cast<long>(dossier.timed.size()),
      "intervals are order statistics by exact binomial ranks, tests are by ranks, fits by bootstrap; median and "
      "interval computed again from the raw samples are those shown for " +
          of_timed(dossier, equal));
}

// 7: comparisons.
Evidence comparisons_are_sound(const Dossier& dossier) {
  const RatioRows of_kernels = ratio_rows(dossier, Compared::kernels);
  const RatioRows of_threads = ratio_rows(dossier, Compared::threads);
  const RatioRows others{of_kernels.all + of_threads.all, of_kernels.with_interval + of_threads.with_interval};
  if (dossier.comparisons.empty() && others.all == 0) return {Evidence::Answer::not_applicable, "nothing is compared"};
  long enough = 0;
  long clear = 0;
  for (const Contest* contest : dossier.comparisons) {
    const std::int64_t least = std::min(contest->fastest->timing()->samples, contest->runner_up->timing()->samples);
    enough += least >= static_cast<std::int64_t>(minimum_comparison_samples) ? 1 : 0;
    clear += contest->clear ? 1 : 0;
  }
  std::string text = fmt::format(
      "{} comparisons of the fastest kernel with the runner-up, {} of them clear ({}, over these), the others called "
      "unclear; {} have {} samples or more on both sides",
      dossier.comparisons.size(), clear, clear_rule, enough, minimum_comparison_samples);
  if (others.all > 0)
    text += fmt::format("; {} of {} other ratios of times have their interval", others.with_interval, others.all);
  return judged(enough == static_cast<long>(dossier.comparisons.size()) && others.with_interval == others.all, text);
}

// 8: whether the median says it.
Evidence quantiles_are_kept(const Dossier& dossier) {
  if (dossier.timed.empty()) return nothing_timed();
  const long raw = count_timed(dossier, [](const View& view) {
    return static_cast<std::int64_t>(view.samples().size()) == view.timing()->samples;
  });
  const long flagged = count_timed(dossier, [](const View& view) { return view.timing()->outliers > 0; });
  return judged(raw == static_cast<long>(dossier.timed.size()),
                fmt::format("every raw sample of {} is in records.jsonl, so any quantile can be had; {} have outliers, "
                            "flagged and kept",
                            of_timed(dossier, raw), flagged));
}

// 9: factors and set-up.
Evidence setup_is_documented(const Dossier& dossier) {
  static const std::vector<std::pair<const char*, const char*>> needed = {
      {"build/commit", "commit"},
      {"build/compiler", "compiler"},
      {"build/flags", "flags"},
      {"machine/operating_system", "kernel"},
      {"machine/cpu_model", "CPU"},
      {"machine/microcode", "microcode"},
      {"machine/cores", "cores"},
      {"machine/simultaneous_threads", "simultaneous threads"},
      {"machine/affinity", "affinity"},
      {"machine/governor", "governor"},
      {"machine/caches", "caches"},
      {"machine/transparent_huge_pages", "huge pages"},
      {"machine/load_average", "load"},
      {"machine/virtual_machine", "virtual machine"},
      {"limits/memory_bytes", "control groups"},
      {"environment", "environment"},
      {"arguments", "arguments"},
      {"libraries", "libraries"},
      {"timer_resolution_seconds", "timer"}};
  if (dossier.runs == 0) return judged(false, "the store names no run");
  std::set<std::string> missing;
  bool dirty = false;
  for (const Json& provenance : dossier.provenance) {
    for (const auto& [path, name] : needed) {
      if (known(provenance, path).empty()) missing.insert(name);
    }
    dirty = dirty || known(provenance, "build/dirty") != "false";
  }
  const bool readable = dossier.provenance.size() == dossier.runs;
  std::string text = fmt::format("{} run{}; of {} facts of build, machine and environment ", dossier.runs,
                                 dossier.runs == 1 ? "" : "s", needed.size());
  text += missing.empty() ? "none is missing" : "missing: " + listed(missing);
  if (dirty) text += "; the checkout was not the commit's, or that is not known";
  if (!readable) text += "; the facts of some runs cannot be read";
  return judged(missing.empty() && !dirty && readable, text);
}

// 10: how time was taken in parallel.
Evidence timing_is_described(const Dossier& dossier) {
  if (dossier.timed.empty()) return nothing_timed();
  std::map<std::string, long> ends;
  const long rounds = count_timed(dossier, [&](const View& view) {
    for (const RoundRecord& round : view.record->rounds)
      ++ends[round.stopped_by.empty() ? "nothing that is known" : round.stopped_by];
    return view.record->rounds.size() >= least_rounds;
  });
  std::string stopped;
  for (const auto& [end, count] : ends)
    stopped += fmt::format("{}{} by {}", stopped.empty() ? "" : ", ", count, end);
  return judged(
      rounds == static_cast<long>(dossier.timed.size()) && !ends.contains("nothing that is known"),
      fmt::format("a sample is one call, or as many as the clock needs, from before the threads start to after "
                  "they meet; {} have {} rounds or more, each a process of its own; rounds ended {}",
                  of_timed(dossier, rounds), least_rounds, stopped));
}

// 11: bounds.
Evidence bounds_are_shown(const Dossier& dossier) {
  if (dossier.timed.empty()) return nothing_timed();
  const long bounded = count_timed(dossier, [](const View& view) {
    return view.record->percent_of_peak() > 0 || view.record->percent_of_read() > 0;
  });
  const auto suspect = std::count_if(dossier.study.views.begin(), dossier.study.views.end(),
                                     [](const View& view) { return view.record->verdict.outcome == Outcome::suspect; });
  return judged(
      bounded == static_cast<long>(dossier.timed.size()),
      fmt::format("{} stand beside a peak or a rate of reading measured in the same run; {} cells above it are "
                  "suspect and show no time",
                  of_timed(dossier, bounded), suspect));
}

// 12: figures.
Evidence figures_say_enough(const Dossier& dossier) {
  long figures = 0, points = 0, intervals = 0, needed = 0, words = 0;
  for (const Section& section : dossier.report.sections) {
    for (const Block& block : section.blocks) {
      const auto* figure = std::get_if<Figure>(&block);
      if (figure == nullptr) continue;
      ++figures;
      for (const Panel& panel : figure->panels) {
        for (const Series& series : panel.series) {
          for (const Point& point : series.points) {
            const bool time = point.y && figure->y.quantity == Quantity::seconds;
            points += point.y ? 1 : 0;
            words += point.y ? 0 : 1;
            needed += time ? 1 : 0;
            intervals += time && point.interval ? 1 : 0;
          }
        }
      }
    }
  }
  if (figures == 0) return {Evidence::Answer::not_applicable, "there are no figures"};
  return judged(
      intervals == needed,
      fmt::format("{} figures with {} points; {} of {} times have their interval; {} cells without a figure are "
                  "words in the plot; lines join what was measured along an ordered axis; figures/*.tsv has all "
                  "points",
                  figures, points, intervals, needed, words));
}

}  // namespace

std::string known(const Json& provenance, const std::string& path) {
  const Json::json_pointer pointer("/" + path);
  if (!provenance.contains(pointer)) return "";
  const Json& value = provenance.at(pointer);
  if (value.is_null() || (value.is_structured() && value.empty() && path != "environment")) return "";
  if (!value.is_string()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto text = value.get<std::string>();
  return text == "not available" || text == "unknown" ? "" : text;
}

std::string listed(const std::set<std::string>& texts) {
  std::string all;
  std::size_t count = 0;
  for (const std::string& text : texts) {
    if (count++ == most_named) return all + fmt::format(" and {} more", texts.size() - most_named);
    all += (all.empty() ? "" : ", ") + text;
  }
  return all;
}

const std::vector<Rule>& benchmarking_rules() {
  static const std::vector<Rule> rules = {
      {"Speed-up names its base case and its absolute performance", base_is_named},
      {"Say why only a part of the benchmarks or of the system was used", parts_are_explained},
      {"Arithmetic mean for costs only, harmonic for rates", means_fit},
      {"Do not average ratios", ratios_stay},
      {"Say whether values are deterministic; intervals where they are not", intervals_are_given},
      {"Do not assume that data is normally distributed", normality_is_not_assumed},
      {"Compare in a statistically sound way", comparisons_are_sound},
      {"See whether the median is what matters; other quantiles where not", quantiles_are_kept},
      {"Document factors, levels and the whole set-up", setup_is_documented},
      {"For parallel times, say how they were measured, synchronised and summarised", timing_is_described},
      {"Show upper bounds of performance", bounds_are_shown},
      {"Plot what is needed to interpret; lines only where they mean a trend", figures_say_enough}};
  return rules;
}

}  // namespace attest::reports
