#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace attest {

/// Sizes of a grid or a block.
struct Extent3 {
  std::uint32_t x = 1;
  std::uint32_t y = 1;
  std::uint32_t z = 1;

  bool operator==(const Extent3&) const = default;
};

/// A device pointer to an input or output of the problem, dense; null where an optional tensor is absent.
struct TensorPointer {
  std::string tensor;
  std::int64_t byte_offset = 0;
};

/// A device pointer into the execution's workspace, which is 256-byte aligned.
struct WorkspacePointer {
  std::int64_t byte_offset = 0;
};

/// The bytes of a scalar or of a struct that is passed by value.
using ValueBytes = std::vector<std::byte>;

/// One parameter of a kernel.
using Argument = std::variant<TensorPointer, WorkspacePointer, ValueBytes>;

/// The bytes of a trivially copyable value.
template <class T>
Argument by_value(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  ValueBytes bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

/// One kernel launch as data: the same for a device and for the emulator.
struct Launch {
  std::string entry;  ///< name of the `extern "C" __global__` function in the kernel's module
  Extent3 grid;
  Extent3 block;
  std::uint32_t shared_bytes = 0;  ///< dynamic shared memory
  std::vector<Argument> arguments;
};

/// All launches of one run, in order, on one stream.
struct LaunchPlan {
  std::vector<Launch> launches;
};

}  // namespace attest
