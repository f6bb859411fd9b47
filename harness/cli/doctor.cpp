#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/backends/backend.hpp"
#include "harness/backends/cuda/cuda_backend.hpp"
#include "harness/backends/emulator/form.hpp"
#include "harness/cli/commands.hpp"
#include "harness/cli/text_table.hpp"
#include "harness/core/device_module.hpp"
#include "harness/core/error.hpp"
#include "harness/core/registry.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/measure/machine.hpp"
#include "harness/measure/peaks.hpp"
#include "harness/sweep/plan.hpp"
#include "harness/sweep/worker.hpp"

namespace attest {
namespace {

// One line of the doctor's answer.
struct Finding {
  std::string what;
  bool works = true;
  std::string detail;
};

bool in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::stringstream folders(path == nullptr ? "" : path);
  std::string folder;
  while (std::getline(folders, folder, ':')) {
    std::error_code error;
    if (std::filesystem::is_regular_file(std::filesystem::path(folder) / program, error)) return true;
  }
  return false;
}

// Minilm is the kind that needs files.
Finding find_data() {
  const Problem problem = parse_problem("b1 hq12 sq64 d32");
  for (const RegisteredVariant& entry : registered_variants()) {
    if (!entry.variant->is_softmax) continue;
    const Support support = supports_inputs("minilm", *entry.variant, problem);
    return {"real activations (minilm)", support.supported, support.reason};
  }
  return {"real activations (minilm)", false, "no variant is in this build"};
}

std::vector<Finding> find_cuda() {
  std::vector<Finding> result;
  const bool compiled = !device_compiler().empty();
  result.push_back({"nvcc at build time", compiled,
                    compiled ? fmt::format("nvcc {}", device_compiler())
                             : "the CUDA kernels are absent; run.sh installs NVIDIA's compiler"});
  std::size_t bytes = 0;
  for (const DeviceModule& module : device_modules())
    bytes += module.ptx.size();
  result.push_back({"device code", !device_modules().empty(),
                    fmt::format("{} modules of PTX for sm_80, {}", device_modules().size(),
                                format_bytes(static_cast<double>(bytes)))});
  try {
    result.push_back({"emulator", true, fmt::format("executes with {}", emulator::name_of(emulator::chosen_isa()))});
  } catch (const std::exception& error) {
    result.push_back({"emulator", false, error.what()});
  }
  try {
    const DeviceFacts device = cuda_device();
    result.push_back({"CUDA device", true,
                      fmt::format("{}, compute capability {}.{}, {} multiprocessors; driver {} of CUDA {}.{}",
                                  device.name, device.compute_major, device.compute_minor, device.multiprocessors,
                                  driver_library(), device.driver_version / 1000, device.driver_version % 1000 / 10)});
  } catch (const Error& error) {
    result.push_back({"CUDA device", false, error.what()});
  }
  return result;
}

std::vector<Finding> findings() {
  std::vector<Finding> result;
  result.push_back({"variants", !registered_variants().empty(),
                    fmt::format("{} variants, {} kernels", registered_variants().size(), all_kernels().size())});
  for (const Backend* backend : all_backends()) {
    const Support available = backend->available();
    result.push_back({fmt::format("backend {}", backend->name()), available.supported, available.reason});
  }
  for (Finding& finding : find_cuda())
    result.push_back(std::move(finding));
  const Peaks peaks = measure_flop_peak(1);
  result.push_back({"instruction set", true,
                    fmt::format("{}, {:.0f} GFLOP/s in f32 on one thread", peaks.isa,
                                peaks.flops_per_second("f32", 1).value_or(0.0) * 1e-9)});
  result.push_back({"CPUs", true, fmt::format("{} that this process may use", usable_threads())});
  const ControlGroupLimits limits = control_group_limits();
  if (limits.cpus) result.push_back({"CPU quota", true, fmt::format("{:.2f} CPUs by control group", *limits.cpus)});
  result.push_back({"memory for a cell", true, format_bytes(static_cast<double>(memory_budget({})))});
  const double worker = peak_in_worker(1, "f32", {});
  result.push_back({"worker processes", worker > 0.0, worker > 0.0 ? "start and answer" : "gave no answer"});
  result.push_back(find_data());
  result.push_back({"gnuplot", in_path("gnuplot"),
                    in_path("gnuplot") ? "" : "reports come without drawn figures; install gnuplot-nox"});
  return result;
}

}  // namespace

ExitCode doctor_command(const CommonOptions& common) {
  nlohmann::ordered_json objects = nlohmann::ordered_json::array();
  TextTable table({{"what"}, {"works"}, {"detail"}}, common.color_out);
  constexpr int green = 32;
  constexpr int red = 31;
  for (const Finding& finding : findings()) {
    table.add({finding.what, {finding.works ? "yes" : "no", finding.works ? green : red}, finding.detail});
    objects.push_back({{"what", finding.what}, {"works", finding.works}, {"detail", finding.detail}});
  }
  fmt::print("{}", common.json ? objects.dump(1) + "\n" : table.text());
  return ExitCode::passed;
}

ExitCode peaks_command(const CommonOptions& common, const OptionTexts& flags) {
  SweepOptions settings;
  set_options(settings, flags);
  PeakOptions options;
  options.threads = settings.threads;
  const Peaks peaks = measure_peaks(options);
  if (common.json) {
    fmt::print("{}\n", peaks_to_json(peaks).dump(1));
    return ExitCode::passed;
  }
  TextTable table({{"bound"}, {"threads", true}, {"rate", true}, {"by"}}, common.color_out);
  for (const FlopPeak& peak : peaks.flops) {
    table.add({peak.type, std::to_string(peak.threads), fmt::format("{:.1f} GFLOP/s", peak.flops_per_second * 1e-9),
               peak.computed_as == peak.type ? peak.isa : fmt::format("{}, as {}", peak.isa, peak.computed_as)});
  }
  for (const BandwidthPeak& peak : peaks.bandwidths) {
    table.add({peak.level, std::to_string(peak.threads), fmt::format("{:.1f} GB/s", peak.bytes_per_second * 1e-9),
               format_bytes(static_cast<double>(peak.bytes)) + " read again and again"});
  }
  fmt::print("{}", table.text());
  return ExitCode::passed;
}

}  // namespace attest
