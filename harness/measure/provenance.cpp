#include "harness/measure/provenance.hpp"

#include <array>
#include <chrono>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness/measure/build_facts.hpp"
#include "harness/measure/machine.hpp"
#include "harness/measure/timer.hpp"

namespace attest {

namespace {

using Json = nlohmann::json;
using Path = std::filesystem::path;

/// Version of the keys; raised when one changes its meaning.
constexpr int schema = 1;

template <typename Value>
Json or_not_available(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(not_available);
}

Json line_of(const Path& file) {
  const std::optional<std::string> line = read_line(file);
  return line && !line->empty() ? Json(*line) : Json(not_available);
}

/// The first value of a key in /proc/cpuinfo ("model name	: AMD EPYC").
std::optional<std::string> cpuinfo(const Path& root, std::string_view key) {
  std::ifstream file(root / "proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(key)) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? std::string() : line.substr(value);
  }
  return std::nullopt;
}

/// On x86 the flag says that a hypervisor wants to be seen; other CPUs have no such flag.
Json virtual_machine(const Path& root) {
  const std::optional<std::string> flags = cpuinfo(root, "flags");
  if (!flags) return not_available;
  return fmt::format(" {} ", *flags).find(" hypervisor ") != std::string::npos;
}

/// One line, or the set of lines, of a file that every online CPU has.
std::set<std::string> lines_of_cpus(const Path& root, const std::string& file) {
  std::set<std::string> lines;
  const Path cpus = root / "sys/devices/system/cpu";
  for (int cpu : parse_cpu_list(read_line(cpus / "online").value_or(""))) {
    const auto line = read_line(cpus / fmt::format("cpu{}", cpu) / file);
    if (line && !line->empty()) lines.insert(*line);
  }
  return lines;
}

Json joined(const std::set<std::string>& lines) {
  if (lines.empty()) return not_available;
  return fmt::format("{}", fmt::join(lines, ", "));
}

Json caches(const Path& root) {
  Json rows = Json::array();
  for (const CacheLevel& cache : cpu_caches(root)) {
    rows.push_back(
        {{"level", cache.level}, {"type", cache.type}, {"bytes", cache.bytes}, {"sharing_cpus", cache.sharing_cpus}});
  }
  if (rows.empty()) return not_available;
  return rows;
}

/// The chosen word of "always [madvise] never".
Json chosen_word(const Path& file) {
  const std::optional<std::string> line = read_line(file);
  if (!line) return not_available;
  const std::size_t open = line->find('['), close = line->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return not_available;
  return line->substr(open + 1, close - open - 1);
}

Json load_average(const Path& root) {
  std::istringstream fields(read_line(root / "proc/loadavg").value_or(""));
  std::array<double, 3> loads{};
  for (double& load : loads) {
    if (!(fields >> load)) return not_available;
  }
  return loads;
}

Json operating_system() {
  utsname name{};
  if (uname(&name) != 0) return not_available;
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

Json simultaneous_threads(const Path& root, const std::set<std::string>& cores) {
  if (const auto active = read_line(root / "sys/devices/system/cpu/smt/active")) return *active == "1";
  if (cores.empty()) return not_available;
  for (const std::string& siblings : cores) {
    if (parse_cpu_list(siblings).size() > 1) return true;
  }
  return false;
}

Json machine_facts(const Path& root) {
  const std::set<std::string> cores = lines_of_cpus(root, "topology/thread_siblings_list");
  const std::vector<int> online = parse_cpu_list(read_line(root / "sys/devices/system/cpu/online").value_or(""));
  const std::vector<int> usable = usable_cpus();
  const Path pages = root / "sys/kernel/mm/transparent_hugepage";
  return {{"operating_system", operating_system()},
          {"cpu_model", or_not_available(cpuinfo(root, "model name"))},
          {"microcode", or_not_available(cpuinfo(root, "microcode"))},
          {"cpus", online.empty() ? Json(not_available) : Json(online.size())},
          {"cores", cores.empty() ? Json(not_available) : Json(cores.size())},
          {"simultaneous_threads", simultaneous_threads(root, cores)},
          {"affinity", usable.empty() ? Json(not_available) : Json(format_cpu_list(usable))},
          {"governor", joined(lines_of_cpus(root, "cpufreq/scaling_governor"))},
          {"caches", caches(root)},
          {"transparent_huge_pages", chosen_word(pages / "enabled")},
          {"huge_pages_reserved", line_of(root / "proc/sys/vm/nr_hugepages")},
          {"load_average", load_average(root)},
          {"memory_bytes", or_not_available(total_memory_bytes(root))},
          {"memory_available_bytes", or_not_available(available_memory_bytes(root))},
          {"virtual_machine", virtual_machine(root)}};
}

Json limit_facts(const Path& root) {
  const ControlGroupLimits limits = control_group_limits(root);
  if (limits.version.empty()) {
    return {{"control_groups", not_available},
            {"memory_bytes", not_available},
            {"cpus", not_available},
            {"cpu_set", not_available}};
  }
  return {{"control_groups", limits.version},
          {"memory_bytes", limits.memory_bytes ? Json(*limits.memory_bytes) : Json("unlimited")},
          {"cpus", limits.cpus ? Json(*limits.cpus) : Json("unlimited")},
          {"cpu_set", or_not_available(limits.cpu_set)}};
}

/// A white list, for an environment holds secrets.
Json environment_facts() {
  Json facts = Json::object();
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.size() == text.size()) continue;
    const bool listed =
        name.starts_with("OMP_") || name.starts_with("OPENBLAS_") || name.starts_with("ATTEST_") || name == "LANG";
    if (listed) facts[std::string(name)] = text.substr(name.size() + 1);
  }
  return facts;
}

std::string now_in_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// Bytes that are no UTF-8 (an argument may hold any) would make the document unprintable.
Json printable(const Json& document) {
  return Json::parse(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

Json provenance(const ProvenanceOptions& options) {
  return printable({{"schema", schema},
                    {"recorded_at", now_in_utc()},
                    {"build", build_facts(options.source_directory)},
                    {"machine", machine_facts(options.root)},
                    {"limits", limit_facts(options.root)},
                    {"environment", environment_facts()},
                    {"arguments", options.arguments},
                    {"libraries", library_versions()},
                    {"timer_resolution_seconds", timer_resolution()}});
}

}  // namespace attest
