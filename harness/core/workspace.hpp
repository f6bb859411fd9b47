#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>

namespace attest {

/// The only scratch memory a kernel may use: a bump allocator over memory that the backend gives. It measures its peak,
/// which must equal the kernel's declared formula. Not thread-safe: take before threads start and divide what was
/// taken.
class Workspace {
 public:
  static constexpr std::size_t alignment = 64;

  /// Bytes that a take of `bytes` uses: formulas are sums of these.
  static constexpr std::size_t padded(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }
  template <class T>
  static constexpr std::size_t padded_for(std::size_t count) {
    return padded(count * sizeof(T));
  }

  /// `memory` must be aligned to 64 bytes.
  explicit Workspace(std::span<std::byte> memory) : memory_(memory) {}

  /// Memory for `count` elements, aligned to 64 bytes, not initialised. Throws std::length_error beyond the formula.
  template <class T>
  T* take(std::size_t count) {
    const std::size_t bytes = padded_for<T>(count);
    if (bytes > memory_.size() - used_) {
      throw std::length_error("a kernel asked for more workspace than its formula declares");
    }
    T* result = reinterpret_cast<T*>(memory_.data() + used_);
    used_ += bytes;
    if (used_ > peak_) peak_ = used_;
    return result;
  }

  /// Gives everything back; the peak stays.
  void reset() { used_ = 0; }

  std::size_t peak() const { return peak_; }
  std::size_t capacity() const { return memory_.size(); }

 private:
  std::span<std::byte> memory_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace attest
