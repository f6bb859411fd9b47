#include "harness/sweep/cell.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <new>
#include <vector>

#include "harness/backends/backend.hpp"
#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/inputs/tensor_file.hpp"
#include "harness/measure/cold_memory.hpp"
#include "harness/measure/memory.hpp"
#include "harness/measure/statistics.hpp"
#include "harness/measure/timer.hpp"
#include "harness/verify/approximation.hpp"
#include "harness/verify/input_seal.hpp"
#include "harness/verify/verify.hpp"

namespace attest {
namespace {

using Clock = std::chrono::steady_clock;

class CellRun {
 public:
  explicit CellRun(const CellJob& job)
      : job_(job),
        entry_(find_kernel(job.key.kernel)),
        backend_(find_backend(job.key.backend)),
        problem_(parse_problem(job.key.problem, "job")) {
    record_.key = job.key;
    record_.seed = job.seed;
  }

  CellRecord run() {
    record_.reproduce = reproduce_line(record_, job_.tensors);
    if (const Support available = backend_.available(); !available) {
      complain(job_.key.backend, available.reason, "see `attest doctor`", ExitCode::no_backend);
    }
    try {
      if (prepare()) {
        execute();
        prove();
        judge_findings();
        if (job_.timing && backend_.has_clock() && record_.verdict.has_passed()) time();
      }
    } catch (const DeviceError& error) {
      record_.verdict = {Outcome::failed, error.what()};
      record_.rounds.clear();
      if (execution_) note_device();
    } catch (const std::bad_alloc&) {
      record_.verdict = {Outcome::oom, "memory ran out"};
      record_.rounds.clear();
    }
    return std::move(record_);
  }

 private:
  // False with a verdict when the cell cannot be run.
  bool prepare() {
    if (job_.tensors.empty()) {
      const Support support = supports_inputs(job_.key.inputs, *entry_.variant, problem_);
      if (!support) return unsupported(support);
      storage_ = generate_inputs(job_.key.inputs, *entry_.variant, problem_, job_.seed);
    } else {
      file_ = read_tensor_file(job_.tensors);
      storage_ = inputs_from_file(file_.views(), *entry_.variant, problem_, job_.tensors);
    }
    inputs_ = storage_.views();
    const Support support = supports(*entry_.variant, *entry_.kernel, problem_, presence_of(inputs_));
    if (!support) return unsupported(support);
    describe_cell(record_, entry_, problem_, job_.tensors);
    seal_.emplace(inputs_);
    execution_ = backend_.prepare(*entry_.variant, *entry_.kernel, problem_, inputs_, job_.key.threads,
                                  {.sanitize = job_.sanitize});
    return true;
  }

  bool unsupported(const Support& support) {
    record_.verdict = {Outcome::unsupported, support.reason};
    return false;
  }

  void execute() {
    reset_peak_resident_bytes();
    const auto before = resident_bytes();
    execution_->run();
    const auto after = peak_resident_bytes();
    if (before && after)
      record_.resident_growth_bytes = *after > *before ? static_cast<std::int64_t>(*after - *before) : 0;
    record_.workspace_bytes_measured = static_cast<std::int64_t>(execution_->workspace_measured());
    record_.tensor_bytes = static_cast<std::int64_t>(storage_.bytes()) + output_bytes();
    record_.output_hash = hash_tensors(execution_->outputs());
    note_device();
  }

  void note_device() {
    record_.counts = execution_->counts();
    record_.resources = execution_->resources();
    record_.findings = execution_->findings();
  }

  // Right results do not excuse a race: another device may run it in another order.
  void judge_findings() {
    if (record_.findings.empty()) return;
    const std::size_t more = record_.findings.size() - 1;
    const std::string others = more == 0 ? "" : fmt::format(" (and {} more)", more);
    const std::string wrong = record_.verdict.has_passed() ? "" : "; and " + record_.verdict.reason;
    record_.verdict = {Outcome::failed, record_.findings.front().message + others + wrong};
  }

  std::int64_t output_bytes() const {
    std::int64_t bytes = 0;
    for (const TensorSet::Entry& output : execution_->outputs().entries()) {
      bytes += output.view.element_count() * static_cast<std::int64_t>(size_of(output.view.dtype));
    }
    return bytes;
  }

  // Equal bits to what another process proved are proved; anything else is judged by the oracle.
  void prove() {
    if (wrote_inputs()) return;
    if (job_.proven_hash && record_.output_hash == *job_.proven_hash) {
      record_.verdict = Verdict::passed();
    } else {
      check();
    }
  }

  // The truth is computed from the inputs, so that what a kernel wrote there would be believed.
  bool wrote_inputs() {
    const std::string name = seal_->broken();
    if (name.empty()) return false;
    record_.verdict = {Outcome::failed, fmt::format("the kernel wrote to its input '{}'", name)};
    return true;
  }

  void check() {
    const auto start = Clock::now();
    const auto oracle = make_oracle(*entry_.variant, problem_, inputs_, execution_->outputs());
    VerifyOptions options;
    options.budget = job_.check_budget;
    options.seed = job_.seed;
    options.threads = job_.check_threads;
    if (job_.tensors.empty()) options.nature = find_input_kind(job_.key.inputs).nature;
    Verification verification =
        verify(*oracle, problem_, entry_.kernel->arithmetic(problem_), execution_->outputs(), options);
    record_.verdict = std::move(verification.verdict);
    record_.accuracy = std::move(verification.accuracy);
    if (record_.verdict.has_passed()) note_approximation(*oracle, options);
    if (job_.expected && record_.verdict.has_passed()) check_expected(*oracle);
    record_.check_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  }

  // How far the variant's own definition is from softmax attention, and what it recalls.
  void note_approximation(const Oracle& oracle, const VerifyOptions& options) {
    const bool recalls = job_.tensors.empty() && job_.key.inputs == "recall";
    if (entry_.variant->approximated == nullptr && !recalls) return;
    const std::vector<RowPlace> places = rows_in_even_steps(oracle, problem_, options);
    const TensorSet& outputs = execution_->outputs();
    if (entry_.variant->approximated != nullptr) {
      const auto softmax = entry_.variant->approximated(problem_, inputs_, outputs);
      record_.accuracy.approximation = approximation_of(oracle, *softmax, places, options.threads);
    }
    if (recalls)
      record_.accuracy.recall = recall_of(oracle, problem_, inputs_, outputs.at("out"), places, options.threads);
  }

  // Values from elsewhere: |got - expected| <= atol + rtol*|expected| + the kernel's own bound.
  void check_expected(const Oracle& oracle) {
    const Tensor* expected = file_.find("out");
    if (expected == nullptr) complain(job_.tensors, "has no array 'out'", "add the expected output");
    const TensorView& got = execution_->outputs().at("out");
    if (expected->view().shape_vector() != got.shape_vector()) {
      complain(job_.tensors, fmt::format("array 'out' has shape {}", text_of(expected->view().shape_vector())),
               fmt::format("the problem gives {}", text_of(got.shape_vector())));
    }
    const Arithmetic arithmetic = entry_.kernel->arithmetic(problem_);
    const RowPlace extent = oracle.extent();
    std::vector<OutputRow> rows;
    for (std::int64_t batch = 0; batch < extent.batch; ++batch) {
      for (std::int64_t head = 0; head < extent.head; ++head) {
        for (std::int64_t row = 0; row < extent.row; ++row) {
          oracle.row({batch, head, row}, arithmetic, rows);
          for (const OutputRow& line : rows) {
            if (line.output == "out" && !compare_line(line, got, expected->view())) return;
          }
        }
      }
    }
  }

  bool compare_line(const OutputRow& line, const TensorView& got, const TensorView& expected) {
    const std::int64_t from = got.offset(line.index);
    const std::int64_t expected_from = expected.offset(line.index);
    for (std::size_t index = 0; index < line.bound.size(); ++index) {
      const double value = load_element(got.data, got.dtype, from + static_cast<std::int64_t>(index));
      const double wanted =
          load_element(expected.data, expected.dtype, expected_from + static_cast<std::int64_t>(index));
      const double allowed = job_.expected->atol + job_.expected->rtol * std::abs(wanted) + line.bound[index];
      if (std::isnan(value) && std::isnan(wanted)) continue;
      if (value == wanted || std::abs(value - wanted) <= allowed) continue;
      record_.verdict = {Outcome::failed,
                         fmt::format("out[{}, {}] is {:.9g}, {} expects {:.9g} within {:.3g}",
                                     fmt::join(line.index, ", "), index, value, job_.tensors, wanted, allowed)};
      return false;
    }
    return true;
  }

  /// K and V: what a decoding step has to read.
  ReadBytes cache_bytes() const {
    ReadBytes bytes;
    for (const char* name : {"k", "v"}) {
      const TensorView* view = inputs_.find(name);
      if (view == nullptr) continue;
      const auto size = static_cast<std::size_t>(view->element_count()) * size_of(view->dtype);
      bytes.emplace_back(static_cast<const std::byte*>(view->data), size);
    }
    return bytes;
  }

  static double bytes_of(const ReadBytes& memory) {
    double bytes = 0.0;
    for (const auto& piece : memory)
      bytes += static_cast<double>(piece.size());
    return bytes;
  }

  std::vector<double> read_rates_now() const {
    std::vector<double> rates;
    for (int reading = 0; reading < 3; ++reading)
      rates.push_back(cold_read_rate(cache_bytes(), problem_threads()));
    return rates;
  }
  int problem_threads() const { return std::max(1, record_.key.threads); }

  void time() {
    const RoundJob& asked = *job_.timing;
    Workload workload;
    workload.run = [this] { execution_->run(); };
    if (execution_->device_seconds()) {
      workload.seconds_of_last_run = [this] { return execution_->device_seconds().value(); };
    }
    // A decoding step finds its KV cache in memory, never in a cache: the layers before it took them all.
    const bool cold = problem_.decodes() && record_.key.backend == "cpu";
    std::vector<double> read_rates;
    if (cold) {
      workload.prepare = [this] { flush_from_caches(cache_bytes(), problem_threads()); };
      read_rates = read_rates_now();
    }
    TimingOptions options;
    options.min_samples = static_cast<std::size_t>(asked.min_samples);
    options.least_samples = static_cast<std::size_t>(std::min(asked.least_samples, asked.min_samples));
    options.max_seconds = asked.max_seconds;
    options.max_warm_up_seconds = std::min(0.5, asked.max_seconds / 2.0);
    Timing timing = time_workload(workload, options);
    if (cold) {
      const std::vector<double> after = read_rates_now();
      read_rates.insert(read_rates.end(), after.begin(), after.end());
      record_.cold =
          ColdFigures{.bytes = bytes_of(cache_bytes()), .read_rates = {median(read_rates)}, .read_rate = 0.0};
    }
    if (wrote_inputs()) return;
    const std::uint64_t hash = hash_tensors(execution_->outputs());
    if (hash != record_.output_hash) {
      check();
      if (!record_.verdict.has_passed()) {
        record_.verdict.reason = "after timing: " + record_.verdict.reason;
        return;
      }
    }
    RoundRecord round;
    round.round = asked.round;
    round.position = asked.position;
    round.seconds = std::move(timing.samples);
    round.iterations = timing.iterations_per_sample;
    round.stopped_by = to_string(timing.stopped_by);
    round.peak_flops = asked.peak_flops;
    round.output_hash = hash;
    round.phases = phases_now(cold);
    record_.rounds.push_back(std::move(round));
    record_.workspace_bytes_measured = static_cast<std::int64_t>(execution_->workspace_measured());
  }

  /// Where the threads' time goes, of as many runs as a twentieth of a second has, and one at least.
  std::optional<PhaseFigures> phases_now(bool cold) {
    constexpr double enough_seconds = 0.05;
    constexpr int most_runs = 50;
    Phases phases(problem_threads());
    PhaseFigures figures;
    double elapsed = 0.0;
    while (figures.runs < most_runs && elapsed < enough_seconds) {
      if (cold) flush_from_caches(cache_bytes(), problem_threads());
      const Clock::time_point start = Clock::now();
      if (!execution_->run_in_phases(phases)) return std::nullopt;
      elapsed += std::chrono::duration<double>(Clock::now() - start).count();
      ++figures.runs;
    }
    figures.shares = phases.seconds();
    for (double& share : figures.shares)
      share /= elapsed * problem_threads();
    const bool says = std::any_of(figures.shares.begin(), figures.shares.end(), [](double share) { return share > 0; });
    return says ? std::optional(figures) : std::nullopt;
  }

  const CellJob& job_;
  KernelEntry entry_;
  Backend& backend_;
  Problem problem_;
  TensorStorage file_;
  std::optional<InputSeal> seal_;
  TensorStorage storage_;
  TensorSet inputs_;
  std::unique_ptr<Execution> execution_;
  CellRecord record_;
};

}  // namespace

CellJob job_of(const PlannedCell& cell) {
  CellJob job;
  job.key = cell.key;
  job.tensors = cell.tensors;
  job.expected = cell.expected;
  job.seed = cell.options.seed;
  job.check_budget = cell.options.check_budget;
  job.check_threads = usable_threads();
  job.sanitize = cell.options.sanitize && cell.key.backend == "emulated";
  // Beside what is predicted: the program and its libraries, the reference, and 128 MiB of reserved (not used) address
  // space a thread for its stack and its heap. Generated inputs are held in double for a moment.
  constexpr double slack = 1.5e9;
  constexpr double slack_per_thread = 0x1p27;
  const double threads = cell.key.threads + job.check_threads;
  const double bytes = std::min(2.0 * cell.predicted_bytes, static_cast<double>(memory_budget(cell.options)));
  job.address_space_bytes = static_cast<std::uint64_t>(bytes + slack + slack_per_thread * threads);
  // The emulator's host threads each note which bytes were touched: two bits a byte.
  if (cell.key.backend == "emulated") {
    job.address_space_bytes += static_cast<std::uint64_t>(bytes * 0.25 * (cell.key.threads + 1));
  }
  // A driver reserves addresses for all memory of the machine and its devices.
  if (cell.key.backend == "cuda") job.address_space_bytes = 0;
  return job;
}

CellRecord run_cell(const CellJob& job) {
  return CellRun(job).run();
}

}  // namespace attest
