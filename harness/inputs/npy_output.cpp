#include <cerrno>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "harness/core/error.hpp"
#include "harness/inputs/npy_format.hpp"
#include "harness/inputs/tensor_file.hpp"

namespace attest {
namespace {

// A file beside the one that is meant, removed unless it has taken that one's place.
class StagedFile {
 public:
  explicit StagedFile(const std::string& path) : path_(path), staged_(fmt::format("{}.{}.writing", path, ::getpid())) {
    descriptor_ = ::open(staged_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail();
  }
  ~StagedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!placed_) ::unlink(staged_.c_str());
  }
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  void sync() {
    if (::fsync(descriptor_) != 0 && errno != EINVAL) fail();
  }

  void place() {
    if (::rename(staged_.c_str(), path_.c_str()) != 0) fail();
    placed_ = true;
  }

 private:
  [[noreturn]] void fail() const {
    complain(path_, fmt::format("cannot be written ({})", std::strerror(errno)),
             "give a path in a writable folder with room", ExitCode::storage);
  }

  std::string path_;
  std::string staged_;
  int descriptor_ = -1;
  bool placed_ = false;
};

}  // namespace

void write_npy(std::span<const NpyOutput> outputs) {
  std::deque<StagedFile> files;
  for (const NpyOutput& output : outputs) {
    StagedFile& file = files.emplace_back(output.path);
    const std::string preamble = npy_preamble(output.descr, output.shape);
    file.write(std::as_bytes(std::span(preamble)));
    file.write(output.payload);
    file.sync();
  }
  for (StagedFile& file : files)
    file.place();
}

}  // namespace attest
