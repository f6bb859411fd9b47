#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/backends/emulator/device.hpp"
#include "harness/backends/emulator/form.hpp"
#include "harness/backends/emulator/syntax.hpp"
#include "harness/backends/emulator/warp.hpp"

// An entry as the interpreter runs it: one array of instructions, functions inlined, registers allocated.
namespace attest::emulator {

/// Slots of 128 bytes, aligned for vector loads.
class SlotArray {
 public:
  SlotArray() = default;
  explicit SlotArray(std::size_t slots);
  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t slots() const { return slots_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t slots_ = 0;
};

/// What the special registers hold. The first ones fill a slot when a warp starts; clocks are read by an instruction.
enum class Special : std::uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  dynamic_smem_size,
  total_smem_size,
  clock,
  clock_hi,
  clock64,
};
/// The special register of that name ("%tid.x"), or nothing.
std::optional<Special> find_special(std::string_view name);
/// 32 or 64.
int bits_of(Special special);

/// How a barrier acts; Instruction::immediate of Flow::barrier is one of these, with aligned_barrier added.
enum class BarrierAction : std::uint8_t { sync, arrive, red_popc, red_and, red_or };
inline constexpr std::int64_t aligned_barrier = 0x100;

/// Instruction::target of Flow::gather where no operand names the lanes.
inline constexpr std::uint32_t no_members = 0xffffffffu;

/// Where an instruction came from and what one execution counts as.
struct Origin {
  int line = 0;         ///< of the PTX
  int source_file = 0;  ///< index into Program::files
  int source_line = 0;
  int caller_file = 0;  ///< where the source was inlined into; 0: nowhere
  int caller_line = 0;
  std::uint32_t lane_flops = 0;
  std::uint32_t warp_flops = 0;
  Class kind = Class::move;
  Flow flow = Flow::none;
  bool counted = true;  ///< false: put in by lowering
};

/// One entry.
struct Program {
  std::string name;
  std::string module;
  EntryInfo info;
  std::vector<Instruction> code;  ///< control never runs past the last
  std::vector<Origin> origins;    ///< of each instruction
  std::shared_ptr<const std::vector<std::string>> files;
  SlotArray constants;
  std::uint32_t slots = 0;
  std::uint32_t predicates = 2;
  std::vector<std::pair<Special, Operand>> specials;      ///< filled when a warp starts
  std::vector<Operand> zeroed_slots;                      ///< read before they are written on some path
  std::vector<std::vector<std::uint32_t>> branch_tables;  ///< of brx.idx: Instruction::immediate is the index
  bool orders_blocks = false;                             ///< has atomics on global memory: blocks run one by one
  std::uint32_t dynamic_shared_offset = 0;                ///< where dynamic shared memory begins

  /// "file.cu:12", "header.cuh:5 inlined at file.cu:12", or "module:34" by the line of the PTX where it has no .loc.
  std::string source_of(std::uint32_t pc) const;
};

/// Addresses of the module's .global and .const variables.
struct PlacedVariable {
  std::string_view name;
  Space space = Space::global;
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

/// Bytes of a variable's type and dimensions, and the alignment that it asks for or its type has.
std::uint64_t bytes_of(const SyntaxVariable& variable);
std::uint32_t alignment_of(const SyntaxVariable& variable);

/// Lowers every function of a module. Throws LoadError for forms that are unknown, operands that do not fit them,
/// symbols that nobody declares and recursion.
std::vector<Program> lower(const Syntax& syntax, std::string_view module, const std::vector<PlacedVariable>& variables,
                           Isa isa, const ArithmeticModel& model);

}  // namespace attest::emulator
