#pragma once

#include <string>

#include "harness/core/tensor.hpp"

namespace attest {

// Strict readers: a file that is not exactly what its header says is refused with an Error (exit 2) that names the
// file, the array and what would be right: truncated or trailing bytes, object arrays, Fortran order, big-endian or
// unknown types, shapes whose product overflows or disagrees with the payload, duplicate names, damaged archives, and
// more than 4 dimensions. Nothing is allocated before the header has been checked against the file's size.

/// A .npy file (versions 1 to 3): f2 f4 f8, i4 and i8 (as i64), b1, little-endian, C order.
Tensor read_npy(const std::string& path);

/// Every array of a .npz archive (stored or deflated), by name without ".npy", in the archive's order.
TensorStorage read_npz(const std::string& path);

/// Every tensor of a .safetensors file: F16 BF16 F32 F64 I32 I64 BOOL.
TensorStorage read_safetensors(const std::string& path);

/// By the file's ending: .npz, .npy (one tensor named by the file's stem) or .safetensors.
TensorStorage read_tensor_file(const std::string& path);

/// Writes a .npz archive of stored (not deflated) arrays, whole or not at all (a temporary file, then rename).
void write_npz(const std::string& path, const TensorSet& tensors);

}  // namespace attest
