#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "harness/core/tensor.hpp"

namespace attest {

// The .npy format, versions 1 to 3: magic, version, header length, a Python dict literal, payload.
// Source: numpy, numpy/lib/format.py, "Format Version 1.0" to "3.0".

/// What a header says.
struct NpyHeader {
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t payload_bytes = 0;  ///< in the file; 32-bit integers take half of what they take in memory
  bool narrow_integers = false;     ///< <i4, to be widened to i64
};

/// Reads the dict of a header: exactly the keys descr, fortran_order and shape, once each. Throws Error naming `place`.
NpyHeader parse_npy_header(std::string_view text, std::string_view place);

/// Reads exactly that many bytes of an array, or throws.
using ReadBytes = std::function<void(void* target, std::size_t bytes)>;

/// Reads one array of `total_bytes` bytes, header included, of which the header must account for every one. `place`
/// begins every complaint. Memory is taken only when the header agrees with `total_bytes` and fits in free memory.
Tensor read_npy_array(const ReadBytes& read, std::uint64_t total_bytes, std::string_view place);

/// Magic, version 1.0 and header of a tensor, padded to 64 bytes. bf16, which numpy has no type for, is described as
/// f32.
std::string npy_preamble(DType dtype, const Shape& shape);
/// The same for elements that `descr` describes as numpy does, such as "<i4".
std::string npy_preamble(std::string_view descr, const Shape& shape);

}  // namespace attest
