#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/backends/emulator/form.hpp"

// Between arithmetic.cpp and the handlers, which are compiled once for each instruction set (arithmetic_<isa>.cpp).
// Those files hold no function that another file could share: the linker keeps one copy of an inline function, and that
// must not be the one with instructions that the CPU lacks. So strings, vectors and exceptions are made on this side.
namespace attest::emulator {

/// What a form is besides its name and operands.
struct FormTraits {
  Handler run = nullptr;
  Handler wide = nullptr;  ///< for ArithmeticModel::wide_accumulation, where that differs
  Class kind = Class::integer;
  std::uint32_t lane_flops = 0;
  std::uint32_t warp_flops = 0;
  int members = -1;  ///< operand that holds the mask of lanes to gather; -1: the instruction gathers none
  bool gathers = false;
  bool reads_first = false;  ///< several destinations, all written after everything is read
};

/// Collects the forms of one instruction set.
class FormSink {
 public:
  struct Row {
    std::string name;
    Form form;
    Handler wide = nullptr;
  };

  /// Adds a form. `name` is joined by dots, empty parts left out. Throws std::logic_error when the name is there
  /// already.
  void add(std::initializer_list<const char*> name, std::span<const OperandForm> operands, const FormTraits& traits);
  const std::vector<Row>& rows() const { return rows_; }
  /// To be called once, when all forms are there. Throws std::logic_error where two forms have one name.
  void sort();
  /// The form of that name, whatever the order of its modifiers; but the order of types counts, and of layouts.
  const Row* find(std::string_view opcode, std::span<const std::string_view> modifiers) const;

 private:
  struct Key {
    std::string name;  ///< modifiers in alphabetical order before types and layouts
    std::size_t row = 0;
  };
  std::vector<Row> rows_;
  std::vector<Key> keys_;
};

// Of each instruction set, in its namespace.
#define ATTEST_FORMS(isa)                    \
  namespace isa {                            \
  void add_arithmetic_forms(FormSink& sink); \
  void add_comparison_forms(FormSink& sink); \
  void add_conversion_forms(FormSink& sink); \
  void add_special_forms(FormSink& sink);    \
  void add_mma_forms(FormSink& sink);        \
  void add_cross_lane_forms(FormSink& sink); \
  }
ATTEST_FORMS(portable)
ATTEST_FORMS(avx2)
ATTEST_FORMS(avx512)
#undef ATTEST_FORMS

/// Throw KernelFault: `lane` reads `source`, which does not take part; `lane` names `members` and `active` execute.
[[noreturn]] void fail_inactive_lane(int lane, int source, const char* instruction);
[[noreturn]] void fail_absent_member(Mask members, Mask active, int lane, const char* instruction);

}  // namespace attest::emulator
