#include "harness/inputs/input_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

// Bytes that can be taken without swapping, or a negative number where the system does not say.
std::int64_t available_memory() {
  std::FILE* file = std::fopen("/proc/meminfo", "r");
  if (file == nullptr) return -1;
  char line[128];
  long long kibibytes = -1;
  while (kibibytes < 0 && std::fgets(line, sizeof line, file) != nullptr) {
    if (std::sscanf(line, "MemAvailable: %lld kB", &kibibytes) != 1) kibibytes = -1;
  }
  std::fclose(file);
  return kibibytes < 0 ? -1 : kibibytes * 1024;
}

}  // namespace

InputFile::InputFile(const std::string& path) : path_(path) {
  // Without O_NONBLOCK the open itself would wait for the other end of a pipe.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    complain(path, fmt::format("cannot be opened ({})", std::strerror(errno)), "give a file that can be read");
  }
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const bool directory = S_ISDIR(status.st_mode);
    ::close(descriptor_);
    complain(path, directory ? "is a directory" : "is no regular file", "give a .npy, .npz or .safetensors file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::read(void* target, std::size_t bytes) {
  char* cursor = static_cast<char*>(target);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, cursor, bytes, static_cast<off_t>(position_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) complain(path_, fmt::format("cannot be read ({})", std::strerror(errno)), "", ExitCode::storage);
    if (got == 0) {
      complain(path_, fmt::format("is truncated: it ends at byte {}", position_), "give the whole file");
    }
    cursor += got;
    bytes -= static_cast<std::size_t>(got);
    position_ += static_cast<std::uint64_t>(got);
  }
}

void InputFile::seek(std::uint64_t position) {
  position_ = std::min(position, size_);
}

std::uint64_t checked_bytes(const Shape& shape, DType dtype, std::string_view place) {
  if (shape.size() > static_cast<std::size_t>(max_rank)) {
    complain(place, fmt::format("shape {} has {} dimensions", text_of(shape), shape.size()), "give at most 4");
  }
  // Strides are products of dimensions, so they must not overflow even where a 0 makes the count small.
  std::int64_t bytes = static_cast<std::int64_t>(size_of(dtype));
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      complain(place, fmt::format("shape {} has a negative dimension", text_of(shape)), "give dimensions from 0");
    }
    empty = empty || extent == 0;
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(extent, 1), &bytes)) {
      complain(place, fmt::format("shape {} overflows 63 bits", text_of(shape)), "give the shape of the payload");
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(bytes);
}

void require_free_memory(std::uint64_t bytes, std::string_view place) {
  const std::int64_t available = available_memory();
  if (available >= 0 && bytes > static_cast<std::uint64_t>(available)) {
    complain(place, fmt::format("needs {} bytes of memory and {} are free", bytes, available),
             "give a smaller file or free memory");
  }
}

void check_booleans(const Tensor& tensor, std::string_view place) {
  if (tensor.view().dtype != DType::boolean) return;
  const auto bytes = tensor.raw();
  const auto wrong = std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
  if (wrong != bytes.end()) {
    complain(place, fmt::format("bool element {} is {}", wrong - bytes.begin(), std::to_integer<int>(*wrong)),
             "bool is 0 or 1");
  }
}

std::byte* payload_target(const Tensor& tensor, std::uint64_t bytes) {
  return tensor.raw().data() + (tensor.bytes() - bytes);
}

void widen_integers(const Tensor& tensor) {
  std::byte* memory = tensor.raw().data();
  const std::size_t count = tensor.bytes() / sizeof(std::int64_t);
  const std::byte* narrow = memory + count * sizeof(std::int32_t);
  for (std::size_t index = 0; index < count; ++index) {
    // Element `index` is written no further than the narrow one it came from, which has been read.
    std::int32_t value = 0;
    std::memcpy(&value, narrow + index * sizeof value, sizeof value);
    const std::int64_t wide = value;
    std::memcpy(memory + index * sizeof wide, &wide, sizeof wide);
  }
}

}  // namespace attest
