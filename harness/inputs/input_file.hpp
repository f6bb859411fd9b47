#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/tensor.hpp"

namespace attest {

/// A regular file that is read from its beginning to its end. The size is taken once, when it is opened, so that every
/// length a header declares can be checked against it before memory is taken.
class InputFile {
 public:
  /// Throws Error when the path is absent, unreadable, or no regular file.
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return size_ - position_; }

  /// Reads exactly `bytes` bytes. Throws Error when the file ends before.
  void read(void* target, std::size_t bytes);
  /// Goes to `position` bytes from the beginning, at most size().
  void seek(std::uint64_t position);

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
};

/// Bytes of a dense tensor. Throws Error naming `place` when a dimension is negative, there are more than 4, or a
/// product of dimensions overflows (also one that a dimension of 0 would hide).
std::uint64_t checked_bytes(const Shape& shape, DType dtype, std::string_view place);

/// Throws Error when `bytes` more bytes do not fit in the memory that is free now.
void require_free_memory(std::uint64_t bytes, std::string_view place);

/// Throws Error when a bool tensor holds a byte that is neither 0 nor 1.
void check_booleans(const Tensor& tensor, std::string_view place);

/// 32-bit integers at the end of the tensor's memory are widened in place to its 64-bit elements.
void widen_integers(const Tensor& tensor);

/// The memory of `tensor` that `bytes` bytes of payload are read into: its start, or its end where 32-bit integers are
/// to be widened.
std::byte* payload_target(const Tensor& tensor, std::uint64_t bytes);

}  // namespace attest
