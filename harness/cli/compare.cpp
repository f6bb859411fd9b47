// attest compare: two stores, cell by cell.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "harness/cli/commands.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/measure/comparison.hpp"
#include "harness/store/store.hpp"

namespace attest {
namespace {

std::vector<double> samples_of(const CellRecord& record) {
  std::vector<double> samples;
  for (const RoundRecord& round : record.rounds)
    samples.insert(samples.end(), round.seconds.begin(), round.seconds.end());
  return samples;
}

bool is_wrong(const CellRecord& record) {
  const Outcome outcome = record.verdict.outcome;
  return outcome == Outcome::failed || outcome == Outcome::crashed;
}

/// Passed before, and now without a result that is believed: out of time or memory, suspect, skipped, unsupported.
bool is_lost(const CellRecord& before, const CellRecord& after) {
  return before.verdict.has_passed() && !after.verdict.has_passed() && !is_wrong(after);
}

bool ran(const CellRecord& record) {
  const Outcome outcome = record.verdict.outcome;
  return outcome != Outcome::skipped && outcome != Outcome::unsupported;
}

/// One cell that both stores have.
struct Pair {
  const CellRecord* first = nullptr;
  const CellRecord* second = nullptr;
  std::optional<Comparison> times;  ///< where both have them
  double adjusted = 1.0;
  std::string change;  ///< the word of the table
};

/// What stands in only one of the stores, and what both have, in the order of the first.
struct Pairing {
  std::vector<Pair> pairs;
  std::size_t only_first = 0;
  std::size_t only_second = 0;
};

Pairing pair_up(const std::vector<CellRecord>& first, const std::vector<CellRecord>& second) {
  std::map<std::string, const CellRecord*> others;
  for (const CellRecord& record : second)
    others.emplace(record.key.text(), &record);
  Pairing pairing;
  for (const CellRecord& record : first) {
    const auto found = others.find(record.key.text());
    if (found == others.end()) {
      ++pairing.only_first;
      continue;
    }
    Pair& pair = pairing.pairs.emplace_back();
    pair.first = &record;
    pair.second = found->second;
    others.erase(found);
  }
  pairing.only_second = others.size();
  return pairing;
}

/// The probabilities of all timed pairs are one family.
void compare_times(std::vector<Pair>& pairs) {
  std::vector<double> probabilities;
  for (Pair& pair : pairs) {
    // A suspect cell keeps its time in the store, and it is believed nowhere.
    if (!pair.first->verdict.has_passed() || !pair.second->verdict.has_passed()) continue;
    if (!pair.first->timing || !pair.second->timing) continue;
    const std::vector<double> before = samples_of(*pair.first);
    const std::vector<double> after = samples_of(*pair.second);
    if (before.empty() || after.empty()) continue;
    pair.times = compare_samples(before, after);
    probabilities.push_back(pair.times->probability);
  }
  const std::vector<double> adjusted = holm(probabilities);
  std::size_t next = 0;
  for (Pair& pair : pairs) {
    if (pair.times) pair.adjusted = adjusted[next++];
  }
}

/// More bytes moved or instructions are certain: counts have no noise.
std::string change_of_counts(const DeviceCounts& before, const DeviceCounts& after) {
  if (before == after) return "same counts";
  if (after.global_bytes_moved != before.global_bytes_moved) {
    return after.global_bytes_moved > before.global_bytes_moved ? "more bytes" : "fewer bytes";
  }
  return "other counts";
}

std::string change_of(const Pair& pair) {
  const CellRecord& before = *pair.first;
  const CellRecord& after = *pair.second;
  if (is_wrong(after)) return is_wrong(before) ? "still wrong" : "wrong";
  if (is_wrong(before) && after.verdict.has_passed()) return "mended";
  if (before.verdict.outcome != after.verdict.outcome) {
    return fmt::format("{} to {}", name_of(before.verdict.outcome), name_of(after.verdict.outcome));
  }
  if (pair.times) return std::string(to_string(judge(*pair.times, pair.adjusted)));
  if (before.counts && after.counts) return change_of_counts(*before.counts, *after.counts);
  return ran(after) ? "not timed" : "not run";
}

nlohmann::ordered_json to_json(const Pair& pair) {
  const CellRecord& before = *pair.first;
  const CellRecord& after = *pair.second;
  nlohmann::ordered_json json{{"kernel", before.key.kernel},
                              {"backend", before.key.backend},
                              {"problem", before.key.problem},
                              {"inputs", before.key.inputs},
                              {"threads", before.key.threads},
                              {"change", pair.change},
                              {"verdict_before", name_of(before.verdict.outcome)},
                              {"verdict_after", name_of(after.verdict.outcome)},
                              {"reason_after", after.verdict.reason}};
  if (pair.times) {
    json["seconds_before"] = pair.times->first_median;
    json["seconds_after"] = pair.times->second_median;
    json["samples_before"] = before.timing->samples;
    json["samples_after"] = after.timing->samples;
    json["ratio"] = pair.times->ratio;
    json["ratio_ci_low"] = pair.times->ratio_interval.low;
    json["ratio_ci_high"] = pair.times->ratio_interval.high;
    json["p_value"] = pair.times->probability;
    json["p_value_holm"] = pair.adjusted;
  }
  if (before.counts && after.counts) {
    json["global_bytes_moved_before"] = before.counts->global_bytes_moved;
    json["global_bytes_moved_after"] = after.counts->global_bytes_moved;
  }
  return json;
}

int color_of(const std::string& change) {
  constexpr int red = 31;
  constexpr int green = 32;
  if (change == "slower" || change == "wrong" || change == "still wrong" || change == "more bytes") return red;
  if (change.starts_with("passed to ")) return red;
  return change == "faster" || change == "mended" || change == "fewer bytes" ? green : 0;
}

void print_table(const std::vector<Pair>& pairs, bool color) {
  TextTable table({{"kernel"},
                   {"backend"},
                   {"problem"},
                   {"inputs"},
                   {"threads", true},
                   {"change"},
                   {"A", true},
                   {"B", true},
                   {"B / A", true},
                   {"95 % interval"},
                   {"p (Holm)", true}},
                  color);
  for (const Pair& pair : pairs) {
    const CellKey& key = pair.first->key;
    const bool timed = pair.times.has_value();
    table.add(
        {key.kernel,
         key.backend,
         key.problem,
         key.inputs,
         std::to_string(key.threads),
         {pair.change, color_of(pair.change)},
         timed ? format_seconds(pair.times->first_median) : "",
         timed ? format_seconds(pair.times->second_median) : "",
         timed ? fmt::format("{:.3f}", pair.times->ratio) : "",
         timed ? fmt::format("{:.3f} to {:.3f}", pair.times->ratio_interval.low, pair.times->ratio_interval.high) : "",
         timed ? fmt::format("{:.2g}", pair.adjusted) : ""});
  }
  fmt::print("{}", table.text());
}

std::set<std::string> reasons_to_fail(const std::string& list) {
  std::set<std::string> reasons;
  std::size_t begin = 0;
  while (!list.empty() && begin <= list.size()) {
    const std::size_t comma = std::min(list.find(',', begin), list.size());
    const std::string word = list.substr(begin, comma - begin);
    if (word != "slower" && word != "wrong" && word != "lost" && word != "missing") {
      complain("--fail-on", fmt::format("'{}' is unknown", word),
               "give slower, wrong, lost or missing, comma-separated");
    }
    reasons.insert(word);
    begin = comma + 1;
  }
  return reasons;
}

/// Model of the CPU and commit of the last run, for the line that says what is compared.
std::string origin_of(const Store& store) {
  const std::vector<RunRecord> runs = store.runs();
  if (runs.empty()) return "no run is recorded";
  const auto document = nlohmann::json::parse(runs.back().provenance, nullptr, false);
  if (!document.is_object()) return "of unknown origin";
  const auto text = [&document](const char* part, const char* key) {
    const auto found = document.find(part);
    return found != document.end() && found->is_object() && found->contains(key) && (*found)[key].is_string()
               ? (*found)[key].get<std::string>()
               : std::string("unknown");
  };
  return fmt::format("commit {} on {}", text("build", "commit"), text("machine", "cpu_model"));
}

}  // namespace

ExitCode compare_command(const CommonOptions& common, const CompareOptions& options) {
  const std::set<std::string> fail_on = reasons_to_fail(options.fail_on);
  const Store first = Store::open_existing(options.first);
  const Store second = Store::open_existing(options.second);
  const std::vector<CellRecord> before = first.cells();
  const std::vector<CellRecord> after = second.cells();
  Pairing pairing = pair_up(before, after);
  if (pairing.pairs.empty()) {
    complain(options.second, fmt::format("shares no cell with {}", options.first),
             "compare stores of the same kernels, problems, inputs and threads");
  }
  compare_times(pairing.pairs);
  std::map<std::string, std::size_t> changes;
  for (Pair& pair : pairing.pairs) {
    pair.change = change_of(pair);
    ++changes[pair.change];
  }
  if (common.json) {
    nlohmann::ordered_json objects = nlohmann::ordered_json::array();
    for (const Pair& pair : pairing.pairs)
      objects.push_back(to_json(pair));
    fmt::print("{}\n", objects.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    print_table(pairing.pairs, common.color_out);
    fmt::print("A: {}, {}\nB: {}, {}\n", options.first, origin_of(first), options.second, origin_of(second));
    std::string sums;
    for (const auto& [change, count] : changes)
      sums += fmt::format("{}{} {}", sums.empty() ? "" : ", ", count, change);
    fmt::print("{}; {} cells only in A, {} only in B\n", sums, pairing.only_first, pairing.only_second);
  }
  if (origin_of(first).substr(origin_of(first).find(" on ") + 1) !=
      origin_of(second).substr(origin_of(second).find(" on ") + 1)) {
    fmt::print(stderr, "attest: note: the stores are of different machines; times are compared all the same\n");
  }
  const auto count = [&changes](const char* change) {
    const auto found = changes.find(change);
    return found == changes.end() ? std::size_t{0} : found->second;
  };
  const auto any = [&pairing](auto holds) {
    return std::any_of(pairing.pairs.begin(), pairing.pairs.end(),
                       [&](const Pair& pair) { return holds(*pair.first, *pair.second); });
  };
  const bool timed_out = any([](const CellRecord& first_record, const CellRecord& second_record) {
    return first_record.verdict.has_passed() && second_record.verdict.outcome == Outcome::timeout;
  });
  const bool slower = fail_on.contains("slower") && (count("slower") > 0 || timed_out);
  const bool lost = fail_on.contains("lost") && any(is_lost);
  const bool wrong = fail_on.contains("wrong") && count("wrong") + count("still wrong") > 0;
  const bool missing = fail_on.contains("missing") && pairing.only_first > 0;
  return slower || wrong || lost || missing ? ExitCode::failed : ExitCode::passed;
}

}  // namespace attest
