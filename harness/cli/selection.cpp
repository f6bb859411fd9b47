#include "harness/cli/selection.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

#include "harness/backends/backend.hpp"
#include "harness/cli/cases_file.hpp"
#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/inputs/tensor_file.hpp"
#include "harness/verify/verify.hpp"

namespace attest {
namespace {

// Expected values in a tensor file without a tolerance of their own are held to this, relative to their largest.
constexpr double tight = 1e-6;

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

double largest_finite(const TensorView& view) {
  double largest = 0.0;
  const Tensor flat = converted(view, DType::f64);
  const auto* values = flat.view().as<double>();
  for (std::int64_t index = 0; index < view.element_count(); ++index) {
    if (std::isfinite(values[index])) largest = std::max(largest, std::abs(values[index]));
  }
  return largest;
}

// How much a verdict says of why a problem cannot be run: memory more than a kernel's limits, those more than that a
// variant has another meaning.
int weight_of(const Verdict& verdict) {
  if (verdict.outcome == Outcome::skipped) return 2;
  return verdict.reason.find("has no parameter") == std::string::npos ? 1 : 0;
}

class Selector {
 public:
  explicit Selector(const CheckOptions& options) : options_(options), named_(!options.kernels.empty()) {
    kernels_ = named_ ? select_kernels(options.kernels) : all_kernels();
    settings_.rounds = 3;
    settings_.backends = {"cpu"};
    settings_.threads = {usable_threads()};
    set_options(settings_, options_from_environment());
    const bool sanitizes_always = settings_.sanitize;
    set_options(settings_, options.flags);
    const auto& backends = settings_.backends;
    if (settings_.sanitize && !sanitizes_always &&
        std::find(backends.begin(), backends.end(), "emulated") == backends.end())
      complain("--sanitize", "checks emulated kernels, and no backend is emulated",
               "add --backend emulated, or leave it out");
    if (!options.timed) settings_.rounds = 0;
    if (options.timed && settings_.rounds < 1)
      complain("rounds", "0 rounds give no time", "use attest check, or 1 or more");
  }

  Selection select() {
    const int sources = (options_.problems.empty() ? 0 : 1) + (options_.cases.empty() ? 0 : 1);
    if (!options_.tensors.empty() && !options_.cases.empty()) {
      complain("--tensors", "goes not with --cases", "give one of them");
    }
    if (!options_.cases.empty()) {
      if (sources > 1) complain("--cases", "goes not with a PROBLEM", "give one of them");
      select_cases();
    } else if (!options_.tensors.empty()) {
      select_tensors();
    } else if (!options_.problems.empty()) {
      select_problems();
    } else {
      select_own_cases();
    }
    if (std::all_of(cells().begin(), cells().end(), [](const PlannedCell& cell) { return cell.verdict.has_value(); })) {
      if (cells().empty()) complain("check", "no cell is left to run", "choose other kernels, inputs or problems");
      const PlannedCell& first = cells().front();
      complain(first.key.kernel, fmt::format("{}: {}", name_of(first.verdict->outcome), first.verdict->reason),
               "choose another kernel or problem");
    }
    return std::move(result_);
  }

 private:
  std::vector<PlannedCell>& cells() { return result_.plan.cells; }

  // Calls `add` for each backend, thread count and kernel that may run.
  template <class Add>
  void for_each_kernel(Add add) {
    for (const std::string& backend : settings_.backends) {
      for (const int threads : settings_.threads) {
        for (const KernelEntry& entry : kernels_) {
          if (find_backend(backend).runs(*entry.kernel)) add(entry, backend, threads);
        }
      }
    }
  }

  // Adds the cells of one problem; with none to run it is an error, unless kernels were named.
  void add_cells(std::vector<PlannedCell> candidates, const std::string& place) {
    const auto runs = [](const PlannedCell& cell) { return !cell.verdict; };
    const Verdict* why = nullptr;
    for (const PlannedCell& cell : candidates) {
      if (cell.verdict && (why == nullptr || weight_of(*cell.verdict) > weight_of(*why))) why = &*cell.verdict;
    }
    if (!named_ && std::none_of(candidates.begin(), candidates.end(), runs)) {
      complain(place, why == nullptr ? "no kernel is there" : why->reason,
               why != nullptr && why->outcome == Outcome::skipped ? "choose smaller sizes or another --memory-limit"
                                                                  : "no kernel supports it; see attest list kernels");
    }
    for (PlannedCell& cell : candidates) {
      const bool unsupported = cell.verdict && cell.verdict->outcome == Outcome::unsupported;
      if (named_ || !unsupported) cells().push_back(std::move(cell));
    }
  }

  std::vector<std::string> input_kinds_asked() const {
    if (options_.inputs.empty()) return {"normal"};
    if (options_.inputs == "all") {
      std::vector<std::string> all;
      for (const InputKind& kind : input_kinds())
        all.emplace_back(kind.name);
      return all;
    }
    std::vector<std::string> kinds = split(options_.inputs);
    for (const std::string& kind : kinds) {
      try {
        find_input_kind(kind);
      } catch (const Error& error) {
        throw Error(fmt::format("--inputs: {}", error.what()));
      }
    }
    return kinds;
  }

  // Cells of a problem over all kinds of input; of one variant's kernels, or of all.
  std::vector<PlannedCell> candidates_of(const Problem& problem, const Variant* only) {
    std::vector<PlannedCell> candidates;
    for (const std::string& kind : input_kinds_asked()) {
      for_each_kernel([&](const KernelEntry& entry, const std::string& backend, int threads) {
        if (only != nullptr && entry.variant != only) return;
        candidates.push_back(plan_cell(entry, backend, problem, kind, threads, settings_));
      });
    }
    return candidates;
  }

  void select_problems() {
    for (const std::string& text : options_.problems) {
      const std::string place = fmt::format("problem '{}'", text);
      const Problem problem = parse_problem(text, place);
      check_parameters(problem, place);
      add_cells(candidates_of(problem, nullptr), place);
    }
  }

  void select_own_cases() {
    for (const RegisteredVariant& entry : registered_variants()) {
      for (const std::string& text : own_cases(entry, options_.level)) {
        const Problem problem = parse_problem(text, fmt::format("variants/{}/cases.toml", entry.variant->name));
        for (PlannedCell& cell : candidates_of(problem, entry.variant)) {
          if (!cell.verdict || cell.verdict->outcome != Outcome::unsupported) cells().push_back(std::move(cell));
        }
      }
    }
  }

  // The arrays of a file as the variant sees them, or nothing where they do not fit it.
  struct Fitted {
    Problem problem;
    TensorStorage inputs;
    std::vector<std::string> unknown;  ///< arrays that mean nothing to the variant
  };
  static Fitted fit(const Variant& variant, const TensorSet& arrays, const PartialProblem& said,
                    const std::string& place) {
    Fitted fitted;
    PartialProblem partial = said;
    try {
      infer_problem(variant, arrays, partial);
    } catch (const Error& error) {
      throw Error(fmt::format("{}: {}", place, error.what()));
    }
    fitted.problem = partial.complete(place);
    fitted.inputs = inputs_from_file(arrays, variant, fitted.problem, place);
    fitted.unknown = unknown_arrays(arrays, variant, fitted.problem);
    return fitted;
  }

  // The cells of one tensor file; softmax variants alone where expected values decide.
  void select_file(const std::string& path, const std::string& inputs, const PartialProblem& said,
                   const std::string& place, const std::optional<ExpectedJob>& expected) {
    const TensorStorage storage = read_tensor_file(path);
    const TensorSet arrays = storage.views();
    refuse_empty(arrays, place);
    std::vector<PlannedCell> candidates;
    const Variant* judge = nullptr;
    Fitted judged;
    std::optional<Error> error_of_closest;
    std::size_t fewest_unknown = 0;
    std::optional<std::vector<std::string>> unused;  // by the variant that uses the most
    for (const RegisteredVariant& registered : registered_variants()) {
      const Variant& variant = *registered.variant;
      if (expected && !variant.is_softmax) continue;
      Fitted fitted;
      try {
        fitted = fit(variant, arrays, said, place);
      } catch (const Error& error) {
        // The variant that knows most of the file's arrays is the one that was meant.
        const std::size_t unknown = unknown_arrays(arrays, variant, Problem()).size();
        if (!error_of_closest || unknown < fewest_unknown ||
            (unknown == fewest_unknown && variant.name == "standard")) {
          error_of_closest = error;
          fewest_unknown = unknown;
        }
        continue;
      }
      if (!unused || fitted.unknown.size() < unused->size()) unused = fitted.unknown;
      const Presence presence = presence_of(fitted.inputs.views());
      for_each_kernel([&](const KernelEntry& entry, const std::string& backend, int threads) {
        if (entry.variant != &variant) return;
        PlannedCell cell = plan_tensor_cell(entry, backend, fitted.problem, path, presence, threads, settings_);
        cell.key.inputs = inputs;
        cell.expected = expected;
        candidates.push_back(std::move(cell));
      });
      const bool knows = std::all_of(
          fitted.problem.parameters.begin(), fitted.problem.parameters.end(), [&variant](const auto& parameter) {
            return std::any_of(variant.parameters.begin(), variant.parameters.end(),
                               [&parameter](const ParameterSpec& spec) { return spec.name == parameter.first; });
          });
      if (variant.is_softmax && knows && (judge == nullptr || fitted.unknown.size() < judged.unknown.size())) {
        judge = &variant;
        judged = std::move(fitted);
      }
    }
    if (candidates.empty() && error_of_closest) throw *error_of_closest;
    if (unused && !unused->empty()) {
      fmt::print(stderr, "attest: {}: not used, as no variant here knows the name: {}\n", place,
                 fmt::join(*unused, ", "));
    }
    if (judge != nullptr) {
      judge_reference(*judge, judged, arrays, inputs, place, expected);
    } else {
      note_not_compared(arrays, place);
    }
    add_cells(std::move(candidates), place);
  }

  static void refuse_empty(const TensorSet& arrays, const std::string& place) {
    for (const TensorSet::Entry& array : arrays.entries()) {
      if (array.view.element_count() == 0) {
        complain(place, fmt::format("array '{}' has shape {}", array.name, text_of(array.view.shape_vector())),
                 "every extent must be 1 or more");
      }
    }
  }

  // An oracle that reads the kernel's own stages gives no values before a kernel has run: said, not passed over.
  static void note_not_compared(const TensorSet& arrays, const std::string& place) {
    std::string names;
    for (const char* name : {"out", "lse", "weights", "attn"}) {
      if (arrays.find(name) != nullptr) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", name);
    }
    if (names.empty()) return;
    fmt::print(stderr, "attest: {}: expected values {} are not compared; the kernel is judged stage by stage instead\n",
               place, names);
  }

  void judge_reference(const Variant& variant, const Fitted& fitted, const TensorSet& arrays, const std::string& inputs,
                       const std::string& place, const std::optional<ExpectedJob>& expected) {
    if (expected && arrays.find("out") == nullptr) complain(place, "the tensors hold no array 'out'", "add it");
    const TensorSet views = fitted.inputs.views();
    CellRecord record;
    record.key = {
        .kernel = "reference", .backend = "double", .problem = fitted.problem.text(), .inputs = inputs, .threads = 1};
    record.seed = settings_.seed;
    record.verdict = Verdict::passed();
    bool compared = false;
    std::unique_ptr<Oracle> oracle;
    for (const TensorSpec& spec : tensors_of(variant, fitted.problem)) {
      const TensorView* wanted = arrays.find(spec.name);
      if (spec.role != Role::output || wanted == nullptr || (expected && spec.name != "out")) continue;
      if (wanted->shape_vector() != spec.shape) {
        complain(place, fmt::format("array '{}' has shape {}", spec.name, text_of(wanted->shape_vector())),
                 fmt::format("the problem gives {}", text_of(spec.shape)));
      }
      if (!oracle) oracle = make_oracle(variant, fitted.problem, views, TensorSet{});
      const Tensor truth = reference_output(*oracle, spec.name, spec.shape);
      const double rtol = expected ? expected->rtol : 0.0;
      const double atol = expected ? expected->atol : tight * largest_finite(*wanted);
      Verification verification = compare_expected(truth.view(), *wanted, spec.name, rtol, atol);
      if (record.verdict.has_passed()) record.verdict = std::move(verification.verdict);
      for (AccuracyFigures& figures : verification.accuracy.outputs)
        record.accuracy.outputs.push_back(std::move(figures));
      for (RuleResult& rule : verification.accuracy.rules)
        record.accuracy.rules.push_back(std::move(rule));
      record.accuracy.rows_checked = std::max(record.accuracy.rows_checked, verification.accuracy.rows_checked);
      record.accuracy.rows_total = std::max(record.accuracy.rows_total, verification.accuracy.rows_total);
      compared = true;
    }
    if (compared) result_.references.push_back(std::move(record));
  }

  void select_cases() {
    for (const ExpectedCase& one : read_cases(options_.cases)) {
      select_file(one.tensors, one.name, parse_partial_problem(one.problem, one.place), one.place,
                  ExpectedJob{.rtol = one.rtol, .atol = one.atol, .cases = options_.cases});
    }
  }

  void select_tensors() {
    if (!options_.inputs.empty()) complain("--inputs", "goes not with --tensors", "the file has the inputs");
    if (options_.problems.size() > 1) {
      complain("--tensors", fmt::format("goes not with {} problems", options_.problems.size()), "give one, or none");
    }
    PartialProblem said;
    if (!options_.problems.empty()) said = parse_partial_problem(options_.problems.front(), "problem");
    select_file(options_.tensors, options_.tensors, said, options_.tensors, std::nullopt);
  }

  const CheckOptions& options_;
  bool named_;
  std::vector<KernelEntry> kernels_;
  SweepOptions settings_;
  Selection result_;
};

}  // namespace

Selection select_cells(const CheckOptions& options) {
  return Selector(options).select();
}

}  // namespace attest
