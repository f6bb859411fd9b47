#include "reports/study.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>
#include <sstream>
#include <tuple>

#include "harness/core/error.hpp"
#include "reports/format.hpp"

namespace attest::reports {
namespace {

/// Numbers inside the text compare as numbers, so that hq8 comes before hq16.
bool natural_less(const std::string& left, const std::string& right) {
  const auto digit = [](char character) { return character >= '0' && character <= '9'; };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() && j < right.size()) {
    if (digit(left[i]) && digit(right[j])) {
      const std::size_t start_i = i;
      const std::size_t start_j = j;
      while (i < left.size() && digit(left[i]))
        ++i;
      while (j < right.size() && digit(right[j]))
        ++j;
      const std::size_t size_i = i - start_i;
      const std::size_t size_j = j - start_j;
      if (size_i != size_j) return size_i < size_j;
      const int order = left.compare(start_i, size_i, right, start_j, size_j);
      if (order != 0) return order < 0;
    } else {
      if (left[i] != right[j]) return left[i] < right[j];
      ++i;
      ++j;
    }
  }
  return left.size() - i < right.size() - j;
}

View make_view(const CellRecord& record) {
  View view;
  view.record = &record;
  view.problem = parse_problem(record.key.problem, "problem of a stored cell of " + record.key.kernel);
  view.variant = record.key.kernel.substr(0, record.key.kernel.find('/'));
  view.function_class = record.approximation ? view.variant : "";
  const Problem& problem = view.problem;
  if (problem.seq_q == problem.seq_kv) {
    view.length = static_cast<double>(problem.seq_q);
    view.family = drop_tokens(record.key.problem, {"sq", "skv"});
  } else if (problem.seq_q == 1) {
    view.length = static_cast<double>(problem.seq_kv);
    view.family = drop_tokens(record.key.problem, {"skv"});
  } else {
    view.length = static_cast<double>(problem.seq_q);
    view.family = drop_tokens(record.key.problem, {"sq"});
  }
  return view;
}

}  // namespace

double View::error_over_bound() const {
  double worst = -1;
  for (const AccuracyFigures& figures : record->accuracy.outputs) {
    // A NaN must show, and stay.
    if (figures.elements > 0 && !std::isnan(worst) && !(figures.error_over_bound <= worst))
      worst = figures.error_over_bound;
  }
  return worst;
}

std::vector<double> View::samples() const {
  std::vector<double> all;
  if (timing() == nullptr) return all;
  for (const RoundRecord& round : record->rounds)
    all.insert(all.end(), round.seconds.begin(), round.seconds.end());
  return all;
}

Study make_study(const std::vector<CellRecord>& cells) {
  Study study;
  std::set<std::string> kernels;
  std::set<std::string> inputs;
  std::set<std::string> backends;
  std::set<int> threads;
  for (const CellRecord& record : cells) {
    // A number without a proof must not reach a report. A suspect time is kept in the store but shown nowhere.
    if (record.timing && !record.verdict.has_passed() && record.verdict.outcome != Outcome::suspect) {
      complain("store",
               "the cell '" + record.key.text() + "' holds times but its verdict is " +
                   std::string(name_of(record.verdict.outcome)),
               "times belong to passed cells alone; sweep this cell again", ExitCode::storage);
    }
    study.views.push_back(make_view(record));
    kernels.insert(record.key.kernel);
    inputs.insert(record.key.inputs);
    backends.insert(record.key.backend);
    threads.insert(record.key.threads);
  }
  study.kernels.assign(kernels.begin(), kernels.end());
  study.many_inputs = inputs.size() > 1;
  study.many_backends = backends.size() > 1;
  study.many_threads = threads.size() > 1;
  for (View& view : study.views)
    view.family += conditions(study, view);
  std::sort(study.views.begin(), study.views.end(), [](const View& left, const View& right) {
    if (left.family != right.family) return natural_less(left.family, right.family);
    return std::tie(left.length, left.record->key.kernel, left.record->key.problem) <
           std::tie(right.length, right.record->key.kernel, right.record->key.problem);
  });
  return study;
}

std::vector<Group> group_views(const Study& study, const std::function<std::string(const View&)>& key) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> places;
  for (const View& view : study.views) {
    const std::string text = key(view);
    if (text.empty()) continue;
    const auto [place, added] = places.emplace(text, groups.size());
    if (added) groups.emplace_back(text, std::vector<const View*>());
    groups[place->second].second.push_back(&view);
  }
  return groups;
}

std::string drop_tokens(const std::string& problem, const std::vector<std::string>& names) {
  std::istringstream tokens(problem);
  std::string token;
  std::string kept;
  while (tokens >> token) {
    const std::string name = token.substr(0, token.find_first_of("=0123456789"));
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    kept += (kept.empty() ? "" : " ") + token;
  }
  return kept;
}

std::string conditions(const Study& study, const View& view) {
  std::string text;
  if (study.many_inputs) text += ", inputs " + view.record->key.inputs;
  if (study.many_threads) text += ", " + threads_text(view.record->key.threads);
  if (study.many_backends) text += ", " + view.record->key.backend;
  return text;
}

Tone tone_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return Tone::good;
    case Outcome::failed:
    case Outcome::crashed:
      return Tone::bad;
    case Outcome::suspect:
    case Outcome::timeout:
    case Outcome::oom:
      return Tone::warning;
    case Outcome::skipped:
    case Outcome::unsupported:
      break;
  }
  return Tone::neutral;
}

Status status_of(const Verdict& verdict) {
  return {std::string(name_of(verdict.outcome)), tone_of(verdict.outcome)};
}

Entry text_entry(std::string text) {
  return Text{.text = std::move(text), .code = false, .strong = false};
}
Entry code_entry(std::string text) {
  return Text{.text = std::move(text), .code = true, .strong = false};
}
Entry number_entry(double value) {
  return Number{.value = value, .strong = false};
}

Column text_column(std::string name) {
  return {.name = std::move(name), .unit = "", .alignment = Alignment::left, .format = {}};
}
Column number_column(std::string name, NumberFormat format, std::string unit) {
  return {.name = std::move(name), .unit = std::move(unit), .alignment = Alignment::right, .format = format};
}
Column seconds_column(std::string name) {
  return number_column(std::move(name), {NumberFormat::Style::seconds, 3}, "s");
}
Column bytes_column(std::string name) {
  return number_column(std::move(name), {NumberFormat::Style::bytes, 3}, "B");
}
Column integer_column(std::string name) {
  return number_column(std::move(name), {NumberFormat::Style::integer, 0});
}

}  // namespace attest::reports
