#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/counters.hpp"
#include "harness/backends/emulator/fault.hpp"
#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/memory.hpp"

namespace attest::emulator {

using Size3 = std::array<std::uint32_t, 3>;

/// How to execute.
struct LaunchOptions {
  bool sanitize = true;
  bool count = true;
  int threads = 0;                       ///< host threads; 0: every CPU that the process may use
  std::uint64_t instruction_budget = 0;  ///< warp instructions a launch; 0: none
  double deadline_seconds = 0.0;         ///< 0: none
  std::uint64_t warp_order_seed = 0;     ///< 0: in order; else the order in which warps run is shuffled
};

/// One finding in words.
struct Finding {
  FaultKind kind{};
  std::string entry;
  std::string source;  ///< "variants/flash2/cuda_mma.cu:88", or "module:ptx line" where the PTX has no .loc
  int ptx_line = 0;
  Size3 block{};
  Size3 thread{};
  std::uint64_t address = 0;
  std::string detail;
  /// "race: flash2 at cuda_mma.cu:88: block (0,0,0) thread (33,0,0): shared byte 0x120 ..."
  std::string message() const;
};

/// How a launch ended.
struct LaunchResult {
  std::optional<Finding> fault;   ///< what killed it
  std::vector<Finding> findings;  ///< of the sanitizer, in order of kind and pc
  Counters counters;
  std::string printed;  ///< by printf and assert
};

/// What is known of one entry.
struct EntryInfo {
  std::string name;
  std::vector<std::uint32_t> parameter_offsets;  ///< in the parameter block
  std::vector<std::uint32_t> parameter_sizes;
  std::vector<std::uint32_t> parameter_alignments;
  std::uint32_t parameter_bytes = 0;
  std::uint32_t static_shared_bytes = 0;
  std::uint32_t local_bytes = 0;
  std::optional<Size3> required_block;
  std::optional<Size3> maximum_block;
  std::uint32_t virtual_registers = 0;  ///< as the PTX declares and uses
  std::uint32_t slots = 0;              ///< after allocation, of 32 bits a lane
};

struct Program;

/// A loaded module: parsed, every form resolved, registers allocated. Its variables live in the memory it was loaded
/// for.
class Module {
 public:
  /// Throws LoadError. `name` is for messages. `memory` outlives the module.
  Module(std::string ptx, std::string_view name, GlobalMemory& memory, const ArithmeticModel& model = {},
         Isa isa = chosen_isa());
  ~Module();
  Module(Module&&) noexcept;

  std::vector<std::string> entries() const;
  /// Throws LaunchError naming the entries that there are.
  const EntryInfo& entry(std::string_view name) const;
  /// Address and size of a .global or .const variable; size 0 where there is none.
  GlobalMemory::Range variable(std::string_view name) const;

  /// Runs the entry to its end. Throws LaunchError for a call that makes no sense (grid or block of zero or over the
  /// limits of compute capability 8.0, parameter bytes of a wrong number, more than 163 KiB of shared memory).
  LaunchResult launch(std::string_view entry, const Size3& grid, const Size3& block, std::uint32_t dynamic_shared_bytes,
                      std::span<const std::byte> parameters, const LaunchOptions& options = {}) const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace attest::emulator
