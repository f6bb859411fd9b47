// Modules that ask for more than a host can hold: each is refused when it is loaded, with its line and the limit,
// before memory or time is spent on it.

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "harness/backends/emulator/device.hpp"

BOOST_AUTO_TEST_SUITE(load_limits)

using namespace attest::emulator;

namespace {

const std::string header = ".version 8.0\n.target sm_80\n.address_size 64\n";

/// Body in line 4 and beyond; registers %r0 to %r7, %rd0 to %rd7 and %p0 are there.
std::string entry(const std::string& body, const std::string& before = "") {
  return header + before + ".entry k() { .reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .pred %p<1>;" + body + "\nret; }\n";
}

std::string repeated(int count, const std::function<std::string(int)>& part) {
  std::string text;
  for (int index = 0; index < count; ++index)
    text += part(index);
  return text;
}

/// f0 does nothing; each next one calls the one before it `calls` times.
std::string functions(int count, int calls) {
  return ".func f0() { ret; }\n" + repeated(count - 1, [calls](int index) {
           const std::string call = "call.uni f" + std::to_string(index) + ";\n";
           return ".func f" + std::to_string(index + 1) + "() {\n" + repeated(calls, [&](int) { return call; }) +
                  "ret; }\n";
         });
}

void check_refused(const std::string& text, const std::string& expected) {
  GlobalMemory memory;
  std::string said = "accepted";
  try {
    const Module module(text, "test.ptx", memory);
  } catch (const LoadError& error) {
    said = error.what();
  }
  BOOST_TEST(said.starts_with(expected), said << "\n  instead of\n" << expected);
  BOOST_TEST(said.find('\n') == std::string::npos);
}

}  // namespace

BOOST_AUTO_TEST_CASE(arrays_of_a_module_have_a_limit_together) {
  check_refused(header + ".global .b8 a[4096];\n.const .b8 b[1073741824];\n",
                "test.ptx:5: variable b: with it the module's variables take 1073745920 bytes; at most 1073741824");
  check_refused(header + ".global .b64 a[2147483648];\n", "test.ptx:4: 'a' is larger than 4294967296 bytes");
}

BOOST_AUTO_TEST_CASE(static_shared_and_local_memory_have_the_devices_limits) {
  check_refused(entry("\n.shared .b8 a[16];\n.shared .b64 b[6144];"),
                "test.ptx:6: 49168 bytes of static shared memory with b; at most 49152");
  check_refused(entry("\n.shared .b8 a[4294967296];"),
                "test.ptx:5: 4294967296 bytes of static shared memory with a; at most 49152");
  check_refused(entry("\nmov.u32 %r0, a;", ".shared .b8 a[65536];\n"),
                "test.ptx:6: 65536 bytes of static shared memory with a; at most 49152, in 'mov.u32 %r0, a'");
  check_refused(entry("\n.local .b8 a[524289];"), "test.ptx:5: more than 512 KiB of local memory a thread");
}

BOOST_AUTO_TEST_CASE(parameters_of_an_entry_have_the_devices_limit) {
  check_refused(header + ".entry k(.param .b8 a[4096],\n.param .b8 b)\n{ ret; }\n",
                "test.ptx:5: entry k: more than 4096 bytes of parameters");
}

BOOST_AUTO_TEST_CASE(registers_that_are_declared_have_a_limit) {
  check_refused(entry(repeated(4, [](int index) { return "\n.reg .b64 %x" + std::to_string(index) + "_<1048576>;"; })),
                "test.ptx:8: more than 4194304 registers after inlining, with %x3_");
}

BOOST_AUTO_TEST_CASE(registers_that_live_at_once_have_a_limit) {
  const auto name = [](int index) { return " %x" + std::to_string(index); };
  check_refused(entry("\n.reg .b32 %x<33000>;" +
                      repeated(33000, [&](int index) { return "mov.u32" + name(index) + ", %tid.x;"; }) +
                      repeated(33000, [&](int index) { return "add.u32 %r0, %r0," + name(index) + ";"; })),
                "test.ptx:4: entry k needs more than 32768 slots of registers");
}

BOOST_AUTO_TEST_CASE(registers_that_live_across_many_blocks_have_a_limit) {
  check_refused(
      entry("\n.reg .b32 %x<40000>;\nL:" + repeated(40000,
                                                    [](int index) {
                                                      const std::string name = " %x" + std::to_string(index);
                                                      return "add.u32" + name + "," + name + ", 1;@%p0 bra L;";
                                                    })),
      "test.ptx:4: entry k has 40002 basic blocks and 40001 registers that live across them; their product may "
      "be at most 1073741824");
}

BOOST_AUTO_TEST_CASE(constants_have_a_limit) {
  check_refused(
      entry(repeated(33000, [](int index) { return "\nadd.u32 %r0, %r0, " + std::to_string(index + 7) + ";"; })),
      "test.ptx:32772: more than 32767 slots of constants after inlining, in 'add.u32 %r0, %r0, 32774'");
}

BOOST_AUTO_TEST_CASE(inlined_calls_have_limits) {
  check_refused(entry("\ncall.uni f29;", functions(30, 2)),
                "test.ptx:70: more than 1048576 instructions after inlining, in 'call.uni f16'");
  check_refused(entry("\ncall.uni f299;", functions(300, 1)),
                "test.ptx:6: more than 256 calls inside each other, in 'call.uni f0'");
}

BOOST_AUTO_TEST_CASE(a_modules_functions_have_a_limit_together) {
  const std::string callers =
      repeated(300, [](int index) { return ".func g" + std::to_string(index) + "() { call.uni f14; ret; }\n"; });
  check_refused(entry("", functions(15, 2) + callers),
                "test.ptx:6: more than 4194304 instructions in the module's functions after inlining");
}

BOOST_AUTO_TEST_CASE(parameters_of_a_function_have_a_limit) {
  check_refused(entry("", ".func f(.param .b32 p" +
                              repeated(4096, [](int index) { return ",\n.param .b32 p" + std::to_string(index); }) +
                              ") { ret; }\n"),
                "test.ptx:4100: f has more than 4096 parameters");
}

BOOST_AUTO_TEST_CASE(targets_of_indexed_branches_have_a_limit) {
  const auto label = [](int index) { return "L" + std::to_string(index); };
  check_refused(entry("\nT: .branchtargets L" + repeated(2000, [&](int index) { return ", " + label(index); }) + ";\n" +
                      repeated(600, [](int) { return "brx.idx %r0, T;\n"; }) +
                      "L:" + repeated(2000, [&](int index) { return label(index) + ":"; })),
                "test.ptx:530: more than 1048576 targets of brx.idx after inlining, in 'brx.idx %r0, T'");
}

BOOST_AUTO_TEST_SUITE_END()
