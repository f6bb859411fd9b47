#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

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

/// One array to be written as .npy: elements as `descr` says, such as "<i4", and their bytes.
struct NpyOutput {
  std::string path;
  std::string_view descr;
  Shape shape;
  std::span<const std::byte> payload;
};

/// Writes .npy files, each whole or not at all; none is put in its place before all are on the disk. Throws Error
/// (exit 4) naming the file.
void write_npy(std::span<const NpyOutput> outputs);

}  // namespace attest
