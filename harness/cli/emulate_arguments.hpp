#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/tensor.hpp"

namespace attest {

/// A type of elements in the memory of an emulated kernel.
struct ElementType {
  std::string_view name;   ///< "i32", "bf16"
  std::string_view descr;  ///< of numpy, in an output; bf16 is written as float32
  std::size_t bytes = 0;
  enum class Kind : std::uint8_t { integer, natural, floating, boolean } kind = Kind::integer;
};

/// What the kernel is given in one place of its parameters.
struct EmulateArgument {
  std::string text;                   ///< as it was given
  std::optional<std::size_t> offset;  ///< of at:OFFSET=, in the parameter block; else the next parameter
  bool is_buffer = false;             ///< the parameter is the buffer's address
  bool is_block = false;              ///< bytes:, which may be the whole parameter block
  std::vector<std::byte> bytes;       ///< of the value, or what a buffer read from a file holds at the start
  std::uint64_t buffer_bytes = 0;     ///< buffer
  bool zeroed = false;  ///< buffer not from a file: zeros; else what is read before it is written is a finding
  ElementType type;     ///< buffer
  Shape shape;          ///< buffer
  std::string output;   ///< buffer: the .npy that it is written to, or empty
};

/// Reads the texts of --args, loading the files that they name. Throws Error naming the argument, what is wrong with it
/// and what would be right. The forms are those of `attest emulate --help`.
std::vector<EmulateArgument> read_emulate_arguments(const std::vector<std::string>& texts);

/// The elements of a buffer as they are written to its output: bf16 widened to float32.
std::vector<std::byte> output_elements(const EmulateArgument& argument, std::vector<std::byte> memory);

}  // namespace attest
