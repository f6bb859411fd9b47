#pragma once

// One PTX instruction in a kernel of its own: operands are loaded from global arrays, the instruction runs, its
// destinations are stored; what it stored is held against an oracle that shares nothing with the emulator.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"
#include "tests/ptx/values.hpp"

namespace attest::ptx {

/// What one value may be.
struct Part {
  std::uint64_t bits = 0;  ///< a NaN stands for every NaN of a floating type
  std::uint64_t also = 0;  ///< where the definition leaves two results open; else as `bits`
  bool anything = false;   ///< the definition promises nothing
  bool bounded = false;    ///< any value of [low, high], which holds the documented error
  double low = 0.0;
  double high = 0.0;
};

/// What a destination must hold: for a pair of halves the low and the high one.
struct Want {
  Part part[2];
  Want() = default;
  Want(std::uint64_t bits) : part{{bits, bits}, {}} {}  // NOLINT: an oracle's result is most often just bits
  explicit Want(const Part& one) : part{one, {}} {}
  Want(const Part& low, const Part& high) : part{low, high} {}
};
Part exactly(std::uint64_t bits);
Part one_of(std::uint64_t bits, std::uint64_t also);
Part anything();
/// Any value within `error` of `value`.
Part within(double value, double error);

/// From the sources' bits of one lane to what its destinations must hold.
using LaneOracle = std::function<void(const std::uint64_t* sources, Want* destinations)>;

/// Of a whole warp, for instructions by which lanes meet.
struct WarpSources {
  std::span<const std::vector<std::uint64_t>> lanes;  ///< 32 tuples
  std::uint32_t active = 0;
};
using WarpOracle = std::function<void(const WarpSources& sources, std::vector<std::vector<Want>>& destinations)>;

struct FormCase {
  /// "add.s32", given the operands %d0.. and %s0.. in order; or whole instructions, one a line, each ended by ';', with
  /// {on} where the guard belongs ("{on}add.cc.u32 %d0, %s0, %s1;"). %members is the mask of active lanes of the warp.
  std::string text;
  std::vector<Type> destinations;
  std::vector<Type> sources;
  LaneOracle lane;
  WarpOracle warp = {};
  std::string operands = {};                                                   ///< instead of the default ones
  std::string declarations = {};                                               ///< of registers that `text` uses beside
  std::size_t count = 2048;                                                    ///< tuples of operands
  std::function<void(std::vector<std::vector<std::uint64_t>>&)> prepare = {};  ///< changes the operands drawn
  std::string variables = {};                                                  ///< of the module
  emulator::ArithmeticModel model = {};
  bool under_guard = true;  ///< false: every lane of the warp must take part
  bool required = true;     ///< false: of a later architecture, tested where the emulator knows it
};

/// PTX of an entry `name` that applies the form, under a guard or not.
std::string entry_text(const FormCase& form, const std::string& name, bool guarded);
/// The header that entries stand behind.
std::string module_header();
/// The forms that a case holds: "add.cc.u32", ...
std::vector<std::string> form_names(const FormCase& form);

/// Instruction sets that this CPU has.
std::vector<emulator::Isa> available_isas();

/// Runs the form with all lanes and with some, on every instruction set, and reports what differs from its oracle.
void check_form(const FormCase& form);
void check_forms(const std::vector<FormCase>& forms);

// Every table of forms, by theme.
std::vector<FormCase> integer_forms();
std::vector<FormCase> bit_forms();
std::vector<FormCase> compare_forms();
std::vector<FormCase> float_forms();
std::vector<FormCase> half_forms();
std::vector<FormCase> approximate_forms();
std::vector<FormCase> convert_forms();
std::vector<FormCase> move_forms();
std::vector<FormCase> warp_forms();
std::vector<FormCase> mma_forms();
std::vector<FormCase> exact_mma_forms();
std::vector<FormCase> load_store_forms();
std::vector<FormCase> atomic_forms();
std::vector<FormCase> shared_forms();
std::vector<FormCase> control_forms();
std::vector<FormCase> all_forms();

}  // namespace attest::ptx
