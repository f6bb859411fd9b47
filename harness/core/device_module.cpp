#include "harness/core/device_module.hpp"

#include <charconv>
#include <fmt/format.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

// Reads what `ptxas -v` prints, where each entry is
//   ptxas info    : Compiling entry function 'f' for 'sm_80'
//   ptxas info    : Function properties for f
//       0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
//   ptxas info    : Used 10 registers, used 1 barriers, 1024 bytes smem, 368 bytes cmem[0]
class ResourceReader {
 public:
  explicit ResourceReader(const DeviceModule& module) : module_(module) {}

  std::vector<EntryResources> read() {
    std::string_view rest = module_.resources;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      line_ = rest.substr(0, end);
      ++number_;
      rest.remove_prefix(std::min(end + 1, rest.size()));
      read_line();
    }
    if (!complete_) refuse(fmt::format("entry '{}' has no registers", entries_.back().entry));
    return std::move(entries_);
  }

 private:
  void read_line() {
    constexpr std::string_view compiling = "Compiling entry function '";
    constexpr std::string_view properties = "Function properties for ";
    if (const std::size_t at = line_.find(compiling); at != std::string_view::npos) {
      const std::string_view name = line_.substr(at + compiling.size());
      if (!complete_) refuse(fmt::format("entry '{}' has no registers", entries_.back().entry));
      entries_.emplace_back().entry = name.substr(0, name.find('\''));
      complete_ = false;
    } else if (const std::size_t of = line_.find(properties); of != std::string_view::npos) {
      // Functions that are called and not inlined have properties too.
      of_entry_ = !entries_.empty() && line_.substr(of + properties.size()) == entries_.back().entry;
    } else if (line_.find("bytes spill stores") != std::string_view::npos) {
      if (!of_entry_) return;
      entries_.back().spill_store_bytes = number_before(" bytes spill stores");
      entries_.back().spill_load_bytes = number_before(" bytes spill loads");
    } else if (line_.find("Used ") != std::string_view::npos && !complete_) {
      entries_.back().registers = number_before(" registers");
      if (line_.find(" bytes smem") != std::string_view::npos) {
        entries_.back().static_shared_bytes = number_before(" bytes smem");
      }
      complete_ = true;
    }
  }

  int number_before(std::string_view unit) const {
    const std::size_t end = line_.find(unit);
    if (end == std::string_view::npos) refuse(fmt::format("no '{}'", unit.substr(1)));
    const std::size_t begin = line_.substr(0, end).find_last_not_of("0123456789") + 1;
    int value = 0;
    const auto result = std::from_chars(line_.data() + begin, line_.data() + end, value);
    if (result.ec != std::errc()) refuse(fmt::format("no number before '{}'", unit.substr(1)));
    return value;
  }

  [[noreturn]] void refuse(const std::string& wrong) const {
    complain(fmt::format("ptxas output of {}, line {}", module_.id, number_), fmt::format("{}: '{}'", wrong, line_),
             "it is written for the ptxas of CUDA 13.0");
  }

  const DeviceModule& module_;
  std::vector<EntryResources> entries_;
  std::string_view line_;
  int number_ = 0;
  bool complete_ = true;  ///< the last entry has its registers
  bool of_entry_ = false;
};

}  // namespace

const DeviceModule* find_device_module(std::string_view kernel_id) {
  for (const DeviceModule& module : device_modules()) {
    if (module.id == kernel_id) return &module;
  }
  return nullptr;
}

std::vector<EntryResources> resources_of(const DeviceModule& module) {
  return ResourceReader(module).read();
}

}  // namespace attest
