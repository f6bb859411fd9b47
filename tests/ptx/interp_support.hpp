#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "harness/backends/emulator/device.hpp"

// A kernel from the text of its body, run on words of memory. The entry is `k(.param .u64 out, .param .u32 n)`; bodies
// find %out (address of the words) and %n loaded, and %r0 to %r31, %rd0 to %rd15, %f0 to %f7, %p0 to %p15 declared.
namespace interp {

using namespace attest::emulator;

inline std::string module_of(const std::string& body, const std::string& before = "",
                             const std::string& directives = "") {
  return ".version 8.0\n.target sm_80\n.address_size 64\n" + before +
         "\n.visible .entry k(.param .u64 k_out, .param .u32 k_n)\n" + directives +
         "{\n.reg .b32 %r<32>; .reg .b64 %rd<16>; .reg .f32 %f<8>; .reg .pred %p<16>; .reg .b16 %rs<8>;\n"
         ".reg .b64 %out; .reg .b32 %n; .reg .b32 %tid;\n"
         "ld.param.u64 %out, [k_out];\nld.param.u32 %n, [k_n];\nmov.u32 %tid, %tid.x;\n" +
         body + "\nret;\n}\n";
}

/// Stores %r`value` into word %tid of the output.
inline const char* const store_r0 =
    "mul.wide.u32 %rd0, %tid, 4; add.u64 %rd0, %out, %rd0; st.global.u32 [%rd0], %r0;\n";

struct Run {
  LaunchResult result;
  std::vector<std::uint32_t> words;
};

struct Shape {
  std::uint32_t blocks = 1;
  std::uint32_t threads = 32;
  std::uint32_t n = 0;
  std::uint32_t dynamic_shared_bytes = 0;
  std::size_t words = 0;  ///< of output; 0: one a thread of a block
};

/// Runs `k` of the module on words that are all zero at first.
inline Run run(const std::string& ptx, const Shape& shape = {}, const LaunchOptions& options = {}) {
  GlobalMemory memory;
  const Module module(ptx, "test.ptx", memory);
  Run done;
  done.words.assign(shape.words != 0 ? shape.words : shape.threads, 0);
  const std::uint64_t bytes = done.words.size() * sizeof(std::uint32_t);
  const std::uint64_t out = memory.allocate(bytes);
  memory.write(out, done.words.data(), bytes);
  std::vector<std::byte> parameters(12);
  std::memcpy(parameters.data(), &out, 8);
  std::memcpy(parameters.data() + 8, &shape.n, 4);
  done.result =
      module.launch("k", {shape.blocks, 1, 1}, {shape.threads, 1, 1}, shape.dynamic_shared_bytes, parameters, options);
  memory.read(out, done.words.data(), bytes);
  return done;
}

inline Run run_body(const std::string& body, const Shape& shape = {}, const LaunchOptions& options = {}) {
  return run(module_of(body), shape, options);
}

/// What loading a module of that body says; "accepted" where it is taken.
inline std::string load_error(const std::string& body, const std::string& before = "") {
  GlobalMemory memory;
  try {
    const Module module(module_of(body, before), "test.ptx", memory);
  } catch (const LoadError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace interp
