#include "harness/verify/verify.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <tuple>

#include "harness/core/error.hpp"
#include "harness/verify/defect_search.hpp"
#include "harness/verify/figures.hpp"
#include "harness/verify/line_signature.hpp"
#include "harness/verify/not_finite_rows.hpp"
#include "harness/verify/parts.hpp"
#include "reference/softmax_oracle.hpp"

namespace attest {
namespace {

// Rows with NaN or infinity that are judged beside the sample, at least.
constexpr std::size_t not_finite_limit = 64;
// Rows with wrong elements in which their defect is looked for.
constexpr std::size_t wrong_limit = 64;

// The collectors of one run of places, in the order in which the oracle names its outputs.
class LineJudge {
 public:
  LineJudge(const TensorSet& outputs, const Nature& nature) : outputs_(outputs), nature_(nature) {}

  void add(const OutputRow& line) {
    const TensorView* view = outputs_.find(line.output);
    if (view == nullptr) return;
    const auto leading = static_cast<int>(line.index.size());
    const bool is_scalar = leading == view->rank;
    const std::int64_t width = is_scalar ? 1 : view->shape[static_cast<std::size_t>(view->rank - 1)];
    if ((!is_scalar && leading != view->rank - 1) || std::ssize(line.value) != width ||
        std::ssize(line.bound) != width) {
      complain(line.output, text_of(view->shape_vector()) + " disagrees with the reference's lines",
               fmt::format("lines have {} leading indices and {} values", leading, line.value.size()));
    }
    const std::int64_t first = view->offset(line.index);
    const std::int64_t stride = is_scalar ? 0 : view->strides[static_cast<std::size_t>(view->rank - 1)];
    FigureCollector& collector = collector_of(line.output, view->dtype);
    if (line.may_overflow && is_lost(line, *view, first, stride)) {
      overflows_here_ = true;
      return;
    }
    proves_nothing_here_ = proves_nothing_here_ || line.proves_nothing;
    const std::int64_t failures = collector.wrong_elements();
    collector.add_line(signature_of(line.value));
    const bool probable = nature_.continuous && !line.probable.empty();
    const bool scored = nature_.continuous && nature_.exchangeable && !line.deviation.empty();
    for (std::int64_t c = 0; c < width; ++c) {
      const auto column = static_cast<std::size_t>(c);
      collector.add({.index = line.index,
                     .column = is_scalar ? -1 : c,
                     .expected = line.value[column],
                     .got = load_element(view->data, view->dtype, first + c * stride),
                     .bound = line.bound[column],
                     .probable = probable ? line.probable[column] : std::numeric_limits<double>::infinity(),
                     .deviation = scored ? line.deviation[column] : 0.0});
      if (!line.plain.empty()) collector.add_plain(line.value[column], line.plain[column]);
    }
    wrong_here_ = wrong_here_ || collector.wrong_elements() > failures;
  }

  /// The lines of a place end: one with a wrong element is kept, so that the defect can be looked for there.
  void end_place(const RowPlace& place) {
    if (wrong_here_ && wrong_places_.size() < wrong_limit) wrong_places_.push_back(place);
    wrong_here_ = false;
    overflowed_ += overflows_here_ ? 1 : 0;
    without_proof_ += proves_nothing_here_ ? 1 : 0;
    overflows_here_ = proves_nothing_here_ = false;
  }

  void merge(const LineJudge& later) {
    overflowed_ += later.overflowed_;
    without_proof_ += later.without_proof_;
    for (const RowPlace& place : later.wrong_places_)
      if (wrong_places_.size() < wrong_limit) wrong_places_.push_back(place);
    for (const FigureCollector& collector : later.collectors_) {
      const auto own = find(collector.output());
      if (own == collectors_.end()) {
        collectors_.push_back(collector);
      } else {
        own->merge(collector);
      }
    }
  }

  const std::vector<FigureCollector>& collectors() const { return collectors_; }
  /// Places whose scores overflowed in the kernel, and places whose bound any weights would meet.
  std::int64_t overflowed() const { return overflowed_; }
  std::int64_t without_proof() const { return without_proof_; }
  const std::vector<RowPlace>& wrong_places() const { return wrong_places_; }

 private:
  /// Whether a finite truth came back as NaN or infinity.
  static bool is_lost(const OutputRow& line, const TensorView& view, std::int64_t first, std::int64_t stride) {
    for (std::size_t c = 0; c < line.value.size(); ++c) {
      const double got = load_element(view.data, view.dtype, first + static_cast<std::int64_t>(c) * stride);
      if (std::isfinite(line.value[c]) && !std::isfinite(got)) return true;
    }
    return false;
  }

  std::vector<FigureCollector>::iterator find(std::string_view output) {
    return std::find_if(collectors_.begin(), collectors_.end(),
                        [output](const FigureCollector& collector) { return collector.output() == output; });
  }

  FigureCollector& collector_of(std::string_view output, DType dtype) {
    const auto own = find(output);
    return own != collectors_.end() ? *own : collectors_.emplace_back(output, dtype);
  }

  const TensorSet& outputs_;
  Nature nature_;
  std::vector<FigureCollector> collectors_;
  std::vector<RowPlace> wrong_places_;
  bool wrong_here_ = false;
  bool overflows_here_ = false;
  bool proves_nothing_here_ = false;
  std::int64_t overflowed_ = 0;
  std::int64_t without_proof_ = 0;
};

bool is_before(const RowPlace& one, const RowPlace& other) {
  return std::tie(one.batch, one.head, one.row) < std::tie(other.batch, other.head, other.row);
}

void sort_once(std::vector<RowPlace>& places) {
  std::sort(places.begin(), places.end(), is_before);
  const auto same = [](const RowPlace& one, const RowPlace& other) { return !is_before(one, other); };
  places.erase(std::unique(places.begin(), places.end(), same), places.end());
}

// A rule that some outputs have a finding of. The first reason stands: F before P before S.
void add_rule(std::string_view rule, const std::vector<FigureCollector>& collectors,
              std::optional<RuleFinding> (ChanceTally::*find)() const, Verification& result) {
  std::optional<RuleResult> judged;
  for (const FigureCollector& collector : collectors) {
    std::optional<RuleFinding> finding = (collector.chances().*find)();
    if (!finding) continue;
    if (!judged) judged = {.rule = std::string(rule), .ratio = 0.0, .passed = true};
    if (!(finding->ratio <= judged->ratio)) judged->ratio = finding->ratio;
    if (finding->passed) continue;
    judged->passed = false;
    if (result.verdict.has_passed())
      result.verdict = {.outcome = Outcome::failed, .reason = std::move(finding->reason)};
  }
  if (judged) result.accuracy.rules.push_back(std::move(*judged));
}

// Rule M, where the inputs' nature lets it judge. The worst element of the reason is that of the output that it
// rejects.
void add_matched_rule(const DefectSearch& search, const Nature& nature, const std::vector<FigureCollector>& collectors,
                      Verification& result) {
  const bool judges = nature.continuous && nature.exchangeable;
  result.accuracy.defects = search.figures(judges);
  result.accuracy.defect_rows = search.places();
  const std::optional<DefectSearch::Judgement> judged = search.judge();
  if (!judged || !judges) return;
  const bool passed = judged->worst.ratio <= 1.0;
  result.accuracy.rules.push_back({.rule = "M", .ratio = judged->worst.ratio, .passed = passed});
  if (passed || !result.verdict.has_passed()) return;
  const auto own = std::find_if(collectors.begin(), collectors.end(),
                                [&](const FigureCollector& one) { return one.output() == judged->output; });
  const DefectFigure& defect = judged->worst.defect;
  result.verdict = {.outcome = Outcome::failed,
                    .reason = fmt::format("{}; over {} lines the errors of {} are {:.3g} times those of '{}', {:.3g} "
                                          "standard deviations of what rounding makes, by rule M",
                                          own == collectors.end() ? judged->output : own->worst(), judged->lines,
                                          judged->output, defect.c, defect.name, defect.z)};
}

// "; looks like: ..." of the output that is explained best, of those that a rule rejects; the errors of right ones are
// noise, which may look like anything. Where the search saw none of them, it is made in the wrong rows.
std::string likeness(const DefectSearch& search, DefectSearch where_wrong, const LineJudge& whole,
                     const Nature& nature) {
  const auto is_wrong = [&](std::string_view output) {
    for (const FigureCollector& one : whole.collectors()) {
      if (one.output() != output) continue;
      const std::optional<RuleFinding> statistic = one.chances().statistic();
      if (one.wrong_elements() > 0 || (statistic && !statistic->passed)) return true;
    }
    return nature.continuous && nature.exchangeable && search.rejects(output);
  };
  std::optional<DefectSearch::Recognition> found = search.recognised(is_wrong);
  if (!found && search.knows_any()) {
    where_wrong.add(whole.wrong_places());
    found = where_wrong.recognised(is_wrong);
  }
  return found ? "; " + text_of(found->defect, found->output) : "";
}

// What a verdict that has passed does not prove.
void add_reservations(const LineJudge& judge, const NotFiniteRows& not_finite, std::size_t places, Verdict& verdict) {
  if (!verdict.has_passed()) return;
  std::vector<std::string> parts;
  if (judge.overflowed() > 0) {
    verdict.outcome = Outcome::unsupported;
    parts.push_back(
        fmt::format("scores exceed what the kernel's arithmetic holds in {} of {} rows", judge.overflowed(), places));
  }
  if (judge.without_proof() > 0) {
    parts.push_back(
        fmt::format("{} of {} rows prove nothing: the declared arithmetic lets scores err so far that any "
                    "average of the values is within the bound",
                    judge.without_proof(), places));
  }
  if (static_cast<std::size_t>(not_finite.found) > not_finite.places.size()) {
    const std::string seen =
        not_finite.seen > 0 ? fmt::format(", {} of the others see one in their inputs", not_finite.seen) : "";
    parts.push_back(fmt::format("of {} rows that hold NaN or infinity {} were judged{}", not_finite.found,
                                not_finite.places.size(), seen));
  }
  verdict.reason = fmt::format("{}", fmt::join(parts, "; "));
}

// The judgement of all outputs together. Every tensor of `outputs` must have been looked at: what nobody checked is not
// proved.
Verification conclude(std::string_view rule, const std::vector<FigureCollector>& collectors, const TensorSet& outputs) {
  Verification result{.verdict = Verdict::passed(), .accuracy = {}};
  RuleResult judged{.rule = std::string(rule), .ratio = 0.0, .passed = true};
  const auto fail = [&](std::string reason) {
    if (judged.passed) result.verdict = {.outcome = Outcome::failed, .reason = std::move(reason)};
    judged.passed = false;
  };
  for (const FigureCollector& collector : collectors) {
    result.accuracy.outputs.push_back(collector.figures());
    judged.ratio = std::max(judged.ratio, result.accuracy.outputs.back().error_over_bound);
    if (collector.failures() > 0) fail(collector.failure(rule));
  }
  for (const TensorSet::Entry& entry : outputs.entries()) {
    const bool seen = std::any_of(collectors.begin(), collectors.end(),
                                  [&](const FigureCollector& collector) { return collector.output() == entry.name; });
    if (!seen) fail(fmt::format("output '{}' has no reference, so nothing proves it", entry.name));
  }
  if (collectors.empty()) fail("no output was compared");
  result.accuracy.rules.push_back(std::move(judged));
  add_rule("P", collectors, &ChanceTally::probable, result);
  add_rule("S", collectors, &ChanceTally::statistic, result);
  return result;
}

}  // namespace

std::unique_ptr<Oracle> make_oracle(const Variant& variant, const Problem& problem, const TensorSet& inputs,
                                    const TensorSet& outputs) {
  if (variant.make_oracle != nullptr) return variant.make_oracle(problem, inputs, outputs);
  if (variant.spec == nullptr) {
    complain(variant.name, "the variant has neither a spec nor an oracle", "give it one of the two");
  }
  return make_softmax_oracle(*variant.spec, problem, inputs);
}

Verification verify(const Oracle& oracle, const Problem& problem, const Arithmetic& arithmetic,
                    const TensorSet& outputs, const VerifyOptions& options) {
  std::vector<RowPlace> places = rows_to_check(oracle, problem, options);
  DefectSearch search(oracle, arithmetic, outputs);
  std::vector<RowPlace> searched;
  if (search.knows_any() && options.matches_defects)
    searched = rows_for_defects(oracle, problem, options, places.size());
  places.insert(places.end(), searched.begin(), searched.end());
  const NotFiniteRows not_finite = not_finite_rows(oracle, outputs, std::max(not_finite_limit, places.size()));
  places.insert(places.end(), not_finite.places.begin(), not_finite.places.end());
  sort_once(places);
  sort_once(searched);
  const std::size_t parts = parts_of(places.size());
  std::vector<LineJudge> judges(parts, LineJudge(outputs, options.nature));
  std::vector<DefectSearch> searches(parts, search);
  for_each_part(parts, options.threads, [&](std::size_t part) {
    std::vector<OutputRow> lines;
    const std::size_t end = first_of_part(part + 1, parts, places.size());
    for (std::size_t at = first_of_part(part, parts, places.size()); at < end; ++at) {
      oracle.row(places[at], arithmetic, lines);
      for (const OutputRow& line : lines)
        judges[part].add(line);
      judges[part].end_place(places[at]);
      if (std::binary_search(searched.begin(), searched.end(), places[at], is_before))
        searches[part].add(places[at], lines);
    }
  });
  LineJudge whole(outputs, options.nature);
  for (const LineJudge& judge : judges)
    whole.merge(judge);
  for (const DefectSearch& part : searches)
    search.merge(part);

  Verification result = conclude("F", whole.collectors(), outputs);
  if (search.places() > 0) add_matched_rule(search, options.nature, whole.collectors(), result);
  if (!result.verdict.has_passed())
    result.verdict.reason += likeness(search, DefectSearch(oracle, arithmetic, outputs), whole, options.nature);
  add_reservations(whole, not_finite, places.size(), result.verdict);
  const RowPlace extent = oracle.extent();
  result.accuracy.rows_checked = static_cast<std::int64_t>(places.size());
  result.accuracy.rows_total = extent.batch * extent.head * extent.row;
  return result;
}

Verification compare_expected(const TensorView& got, const TensorView& expected, std::string_view output, double rtol,
                              double atol) {
  if (got.shape_vector() != expected.shape_vector()) {
    return {.verdict = {.outcome = Outcome::failed,
                        .reason = fmt::format("{} is {}, expected {}", output, text_of(got.shape_vector()),
                                              text_of(expected.shape_vector()))},
            .accuracy = {}};
  }
  FigureCollector collector(output, got.dtype);
  std::vector<std::int64_t> index(static_cast<std::size_t>(got.rank), 0);
  const std::int64_t count = got.element_count();
  for (std::int64_t element = 0; element < count; ++element) {
    const double truth = load_element(expected.data, expected.dtype, expected.offset(index));
    collector.add({.index = index,
                   .column = -1,
                   .expected = truth,
                   .got = load_element(got.data, got.dtype, got.offset(index)),
                   .bound = std::isfinite(truth) ? atol + rtol * std::fabs(truth) : 0.0});
    for (int axis = got.rank - 1; axis >= 0; --axis) {
      const auto at = static_cast<std::size_t>(axis);
      if (++index[at] < got.shape[at]) break;
      index[at] = 0;
    }
  }
  TensorSet outputs;
  outputs.add(std::string(output), got);
  Verification result = conclude("expected", {collector}, outputs);
  const std::int64_t width = got.rank == 0 ? 1 : got.shape[static_cast<std::size_t>(got.rank - 1)];
  result.accuracy.rows_total = result.accuracy.rows_checked = width == 0 ? 0 : count / width;
  return result;
}

Tensor reference_output(const Oracle& oracle, std::string_view output, const Shape& shape) {
  Tensor tensor(DType::f64, shape);
  const RowPlace extent = oracle.extent();
  std::vector<OutputRow> lines;
  for (std::int64_t batch = 0; batch < extent.batch; ++batch) {
    for (std::int64_t head = 0; head < extent.head; ++head) {
      for (std::int64_t row = 0; row < extent.row; ++row) {
        oracle.row({batch, head, row}, Arithmetic{}, lines);
        for (const OutputRow& line : lines) {
          if (line.output != output) continue;
          const std::int64_t first = tensor.view().offset(line.index);
          if (line.index.size() > shape.size() || first + std::ssize(line.value) > tensor.view().element_count()) {
            complain(output, text_of(shape) + " is too small for the reference's lines", "give the output's own shape");
          }
          std::copy(line.value.begin(), line.value.end(), tensor.view().as<double>() + first);
        }
      }
    }
  }
  return tensor;
}

}  // namespace attest
