// Conversions, compiled for one instruction set: conversion_<isa>.cpp includes this.
#include "harness/backends/emulator/isa_forms.inc.hpp"

namespace attest::emulator::ATTEST_ISA {
#include "harness/backends/emulator/arithmetic_integer_operations.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_rounding.inc.hpp"
//
#include "harness/backends/emulator/arithmetic_convert.inc.hpp"

void add_conversion_forms(FormSink& sink) {
  add_convert(sink);
}
}  // namespace attest::emulator::ATTEST_ISA
