#include "harness/sweep/plan.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <xxhash.h>

#include "harness/backends/backend.hpp"
#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/measure/machine.hpp"
#include "harness/sweep/models.hpp"

namespace attest {
namespace {

// Time of a worker beside its kernel: start, inputs, comparison.
constexpr double worker_seconds = 0.03;
// Keys times head dims that the reference works through in a second on one thread, roughly.
constexpr double reference_rate = 1.5e8;

// Emulated FLOPs a second: the emulator is fast where one instruction does many.
double emulated_rate(const PlannedCell& cell) {
  const bool by_mma =
      cell.problem.dtype != DType::f32 && cell.entry.kernel->name.find("naive") == std::string_view::npos;
  return (by_mma ? 5e9 : 3e8) * cell.key.threads;
}

double guessed_seconds(const PlannedCell& cell) {
  const double rate =
      cell.key.backend == "emulated" ? emulated_rate(cell) : guessed_rate(*cell.entry.kernel, cell.key.threads);
  const double once = flops_of(*cell.entry.variant, *cell.entry.kernel, cell.problem) / rate;
  const double checking =
      std::min(cell.options.check_budget, exact_flops(cell.problem) / 4.0) / (reference_rate * usable_threads());
  const double samples =
      std::max(once, std::min(cell.options.max_seconds, std::max(1e-3, once) * cell.options.min_samples));
  return worker_seconds + checking + once + cell.options.rounds * (worker_seconds + 2.0 * once + samples);
}

void judge(PlannedCell& cell, const Presence& presence, const Support& inputs_support) {
  if (!inputs_support) {
    cell.verdict = Verdict{Outcome::unsupported, inputs_support.reason};
    return;
  }
  const Kernel& kernel = *cell.entry.kernel;
  const Variant& variant = *cell.entry.variant;
  if (const Support support = supports(variant, kernel, cell.problem, presence); !support) {
    cell.verdict = Verdict{Outcome::unsupported, support.reason};
    return;
  }
  cell.predicted_bytes = predicted_tensor_bytes(variant, cell.problem, presence) +
                         static_cast<double>(kernel.workspace_bytes(cell.problem, cell.key.threads));
  // The emulated device's memory is this process's too.
  if (cell.key.backend == "emulated") cell.predicted_bytes *= 2.0;
  const auto budget = static_cast<double>(memory_budget(cell.options));
  if (cell.predicted_bytes > budget) {
    cell.verdict = Verdict{Outcome::skipped, fmt::format("needs {} and may take {}", format_bytes(cell.predicted_bytes),
                                                         format_bytes(budget))};
  } else {
    cell.predicted_seconds = guessed_seconds(cell);
  }
}

PlannedCell bare_cell(const KernelEntry& entry, std::string_view backend, const Problem& problem,
                      std::string_view inputs, int threads, const SweepOptions& options) {
  PlannedCell cell;
  cell.key = {.kernel = entry.id(),
              .backend = std::string(backend),
              .problem = problem.text(),
              .inputs = std::string(inputs),
              .threads = threads};
  cell.entry = entry;
  cell.problem = problem;
  cell.options = options;
  if (!find_backend(backend).has_clock()) cell.options.rounds = 0;
  return cell;
}

// Axes that go together are one dimension of the product; each point is the tokens of all.
std::vector<std::vector<PartialProblem>> dimensions_of(const SweepTable& table) {
  std::vector<std::vector<PartialProblem>> dimensions;
  std::map<std::string, std::size_t> zipped;  // axis to dimension
  for (const Axis& axis : table.axes) {
    std::vector<PartialProblem> points;
    for (const std::string& token : axis.tokens) {
      PartialProblem point = parse_partial_problem(token, axis.place);
      if (axis.name == "causal") point.causal = token == "causal";
      points.push_back(std::move(point));
    }
    if (const auto known = zipped.find(axis.name); known != zipped.end()) {
      for (std::size_t index = 0; index < points.size(); ++index)
        dimensions[known->second][index].override_with(points[index]);
      continue;
    }
    for (const std::vector<std::string>& zip : table.zips) {
      if (std::find(zip.begin(), zip.end(), axis.name) == zip.end()) continue;
      for (const std::string& name : zip)
        zipped[name] = dimensions.size();
    }
    dimensions.push_back(std::move(points));
  }
  return dimensions;
}

// Every problem of a table: models (or the one base problem) times the axes, the last axis fastest.
std::vector<Problem> problems_of(const SweepTable& table) {
  std::vector<PartialProblem> partial;
  if (table.models.empty()) partial.push_back(table.problem);
  for (const std::string& name : table.models) {
    partial.push_back(find_model(name).problem);
    partial.back().override_with(table.problem);
  }
  for (const std::vector<PartialProblem>& dimension : dimensions_of(table)) {
    std::vector<PartialProblem> product;
    for (const PartialProblem& base : partial) {
      for (const PartialProblem& point : dimension) {
        product.push_back(base);
        product.back().override_with(point);
      }
    }
    partial = std::move(product);
  }
  std::vector<Problem> problems;
  for (const PartialProblem& one : partial) {
    problems.push_back(one.complete(table.place));
    check_parameters(problems.back(), table.place);
  }
  return problems;
}

SweepOptions options_of(const SweepFile& file, const SweepTable& table, const OptionTexts& environment,
                        const OptionTexts& flags) {
  SweepOptions options;
  set_options(options, file.options);
  set_options(options, table.options);
  options.backends = table.backends;
  set_options(options, environment);
  set_options(options, flags);
  if (options.backends.empty()) options.backends = {"cpu"};
  if (options.threads.empty()) options.threads = {usable_threads()};
  return options;
}

class Collector {
 public:
  Collector(Plan& plan, const PlanFilter& filter) : plan_(plan), filter_(filter) {
    try {
      if (!filter.regex.empty()) regex_.emplace(filter.regex, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      complain("--filter", fmt::format("'{}' is no regular expression ({})", filter.regex, error.what()),
               "see ECMAScript's form, as flash2.*sq1024");
    }
  }

  void add(PlannedCell cell) {
    const std::string text = cell.key.text();
    if (!seen_.insert(text).second) {
      ++plan_.duplicates;
      return;
    }
    const bool matches = !regex_ || std::regex_search(text, *regex_);
    if (matches) ++matched_;
    if (matches && shard_of(cell.key, filter_.shards) == filter_.shard) {
      plan_.cells.push_back(std::move(cell));
    } else {
      ++plan_.elsewhere;
    }
  }

  // A shard may well be empty; a filter that no shard has a cell for is a slip.
  void finish() const {
    if (regex_ && matched_ == 0) {
      complain("--filter", fmt::format("'{}' matches none of {} cells", filter_.regex, seen_.size()),
               "see the texts of --dry-run, as flash2/cpu_tiled cpu b1 hq2 sq1024");
    }
  }

 private:
  Plan& plan_;
  const PlanFilter& filter_;
  std::optional<std::regex> regex_;
  std::set<std::string> seen_;
  std::size_t matched_ = 0;
};

}  // namespace

std::uint64_t memory_budget(const SweepOptions& options) {
  std::uint64_t budget = options.memory_limit == 0 ? std::numeric_limits<std::uint64_t>::max() : options.memory_limit;
  if (const auto available = available_memory_bytes()) budget = std::min<std::uint64_t>(budget, *available);
  if (const auto limit = control_group_limits().memory_bytes) budget = std::min<std::uint64_t>(budget, *limit);
  return budget;
}

double guessed_rate(const Kernel& kernel, int threads) {
  // Textbook loops reach about a twentieth of what tiled ones do.
  const double rate = kernel.name.find("naive") != std::string_view::npos ? 2e9 : 3e10;
  return rate * threads;
}

std::int64_t shard_of(const CellKey& key, std::int64_t shards) {
  const std::string shape = key.shape_text();
  return static_cast<std::int64_t>(XXH3_64bits(shape.data(), shape.size()) % static_cast<std::uint64_t>(shards)) + 1;
}

PlanFilter parse_shard(std::string_view text) {
  PlanFilter filter;
  const std::size_t slash = text.find('/');
  const auto read = [](std::string_view digits, std::int64_t& value) {
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return result.ec == std::errc() && result.ptr == digits.data() + digits.size();
  };
  if (slash == std::string_view::npos || !read(text.substr(0, slash), filter.shard) ||
      !read(text.substr(slash + 1), filter.shards) || filter.shard < 1 || filter.shard > filter.shards) {
    complain("--shard", fmt::format("'{}' is no part of a whole", text), "write I/N with I from 1 to N, as 2/8");
  }
  return filter;
}

PlannedCell plan_cell(const KernelEntry& entry, std::string_view backend, const Problem& problem,
                      std::string_view inputs, int threads, const SweepOptions& options) {
  PlannedCell cell = bare_cell(entry, backend, problem, inputs, threads, options);
  judge(cell, presence_of_inputs(inputs, *entry.variant, problem), supports_inputs(inputs, *entry.variant, problem));
  return cell;
}

PlannedCell plan_tensor_cell(const KernelEntry& entry, std::string_view backend, const Problem& problem,
                             std::string_view file, const Presence& presence, int threads,
                             const SweepOptions& options) {
  PlannedCell cell = bare_cell(entry, backend, problem, file, threads, options);
  cell.tensors = file;
  judge(cell, presence, Support::yes());
  return cell;
}

Plan make_plan(const SweepFile& file, const OptionTexts& environment, const OptionTexts& flags,
               const PlanFilter& filter) {
  Plan plan;
  Collector collector(plan, filter);
  for (const SweepTable& table : file.tables) {
    const SweepOptions options = options_of(file, table, environment, flags);
    const std::vector<KernelEntry> kernels = select_kernels(table.kernels);
    for (const Problem& problem : problems_of(table)) {
      for (const std::string& inputs : table.inputs) {
        for (const int threads : options.threads) {
          for (const std::string& name : options.backends) {
            const Backend& backend = find_backend(name);
            for (const KernelEntry& entry : kernels) {
              if (backend.runs(*entry.kernel)) {
                collector.add(plan_cell(entry, name, problem, inputs, threads, options));
              }
            }
          }
        }
      }
    }
  }
  collector.finish();
  return plan;
}

}  // namespace attest
