#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "harness/backends/backend.hpp"
#include "harness/backends/emulator/form.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/measure/timer.hpp"
#include "harness/sweep/options.hpp"

// The speed of the emulator itself: how long a person waits for an emulated kernel. It says nothing about a GPU.
namespace attest {
namespace {

// Tensor cores, asynchronous copies and barriers, for about a fifth of a second a run; counters on, checks off.
constexpr std::string_view measured_kernel = "flash2/cuda_mma";
constexpr std::string_view measured_problem = "sq4096 d64 bf16";

struct EmulatorSpeed {
  int threads = 0;
  double seconds = 0;  ///< a run, the median
  double warp_instructions = 0;
  double flops = 0;  ///< of attention, a run
  Timing timing;
};

EmulatorSpeed measure_speed(Backend& backend, const KernelEntry& entry, const Problem& problem, const TensorSet& inputs,
                            int threads) {
  const auto execution = backend.prepare(*entry.variant, *entry.kernel, problem, inputs, threads);
  EmulatorSpeed speed;
  speed.threads = threads;
  speed.timing = time_workload({.run = [&] { execution->run(); }});
  speed.seconds = speed.timing.median;
  if (const auto counts = execution->counts()) speed.warp_instructions = counts->warp_instructions;
  speed.flops = flops_of(*entry.variant, *entry.kernel, problem);
  return speed;
}

}  // namespace

ExitCode emulator_peaks_command(const CommonOptions& common, const OptionTexts& flags) {
  SweepOptions settings;
  set_options(settings, flags);
  std::vector<int> threads = settings.threads;
  if (threads.empty()) {
    threads.push_back(1);
    if (usable_threads() > 1) threads.push_back(usable_threads());
  }
  Backend& backend = find_backend("emulated");
  if (const Support here = backend.available(); !here.supported)
    throw Error(fmt::format("peaks --emulator: {}", here.reason), ExitCode::no_backend);
  const KernelEntry entry = find_kernel(measured_kernel);
  const Problem problem = parse_problem(measured_problem);
  const TensorStorage inputs = generate_inputs("normal", *entry.variant, problem, 1);
  const TensorSet views = inputs.views();

  const std::string isa(emulator::name_of(emulator::chosen_isa()));
  nlohmann::ordered_json objects = nlohmann::ordered_json::array();
  TextTable table({{"kernel"},
                   {"problem"},
                   {"host threads", true},
                   {"warp instructions", true},
                   {"emulated attention", true},
                   {"a run", true},
                   {"by"}},
                  common.color_out);
  for (const int count : threads) {
    const EmulatorSpeed speed = measure_speed(backend, entry, problem, views, count);
    const double instructions = speed.warp_instructions / speed.seconds;
    const double flops = speed.flops / speed.seconds;
    table.add({std::string(measured_kernel), std::string(measured_problem), std::to_string(count),
               fmt::format("{:.1f} M/s", instructions * 1e-6), fmt::format("{:.1f} GFLOP/s", flops * 1e-9),
               format_seconds(speed.seconds), isa});
    objects.push_back({{"kernel", measured_kernel},
                       {"problem", problem.text()},
                       {"host_threads", count},
                       {"instruction_set", isa},
                       {"warp_instructions", speed.warp_instructions},
                       {"warp_instructions_per_second", instructions},
                       {"flops_per_second", flops},
                       {"seconds_median", speed.seconds},
                       {"seconds", speed.timing.samples}});
  }
  fmt::print("{}", common.json ? objects.dump(1) + "\n" : table.text());
  return ExitCode::passed;
}

}  // namespace attest
