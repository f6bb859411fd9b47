#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <set>
#include <unistd.h>
#include <vector>
#include <zip.h>

#include "harness/core/error.hpp"
#include "harness/inputs/input_file.hpp"
#include "harness/inputs/npy_format.hpp"
#include "harness/inputs/tensor_file.hpp"

namespace attest {
namespace {

constexpr std::string_view suffix = ".npy";
constexpr std::size_t end_record_bytes = 22;
// Deflate codes at most 258 bytes in 2 bits, so no honest stream grows by more than 1032 times.
constexpr std::uint64_t most_inflation = 1032;

struct DiscardArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
  void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using Archive = std::unique_ptr<zip_t, DiscardArchive>;
using Entry = std::unique_ptr<zip_file_t, CloseEntry>;

// libzip looks for an archive anywhere near the end of a file; a .npz is nothing but the archive.
void check_frame(const std::string& path) {
  InputFile file(path);
  if (file.size() == 0) complain(path, "is empty", "give a .npz archive");
  unsigned char first[4] = {};
  if (file.size() >= sizeof first) file.read(first, sizeof first);
  if (first[0] != 'P' || first[1] != 'K' || (first[2] != 3 && first[2] != 5)) {
    complain(path, "does not begin with the magic of a zip archive", "give an archive saved by numpy.savez");
  }
  unsigned char last[end_record_bytes] = {};
  if (file.size() >= sizeof last) {
    file.seek(file.size() - sizeof last);
    file.read(last, sizeof last);
  }
  if (std::memcmp(last, "PK\x05\x06", 4) != 0 || last[20] != 0 || last[21] != 0) {
    complain(path, "does not end with the zip archive's own end record: it is truncated or has trailing bytes",
             "give the whole archive and nothing more");
  }
}

Archive open_archive(const std::string& path) {
  check_frame(path);
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  // Of two equal names libzip says only that there are some; read_npz() finds and names them.
  if (!archive && code == ZIP_ER_EXISTS) archive.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    complain(path, fmt::format("is no sound zip archive ({})", text), "save it again with numpy.savez");
  }
  return archive;
}

// What the directory says of one entry, checked before anything of it is read.
struct EntryFacts {
  std::string array;  // the name without .npy
  std::uint64_t size = 0;
  std::uint64_t stored_size = 0;
};

EntryFacts facts_of(zip_t* archive, zip_uint64_t index, const std::string& path) {
  zip_stat_t status;
  zip_stat_init(&status);
  constexpr zip_uint64_t needed =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if (zip_stat_index(archive, index, ZIP_FL_ENC_RAW, &status) != 0 || (status.valid & needed) != needed) {
    complain(path, fmt::format("entry {} has no sound directory record", index), "save it again with numpy.savez");
  }
  const std::string_view name = status.name;
  const bool printable = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 32 && c != 127; });
  if (name.size() <= suffix.size() || !name.ends_with(suffix) || !printable) {
    complain(path,
             printable ? fmt::format("entry '{}' is no .npy array", name)
                       : fmt::format("entry {} has a name that cannot be printed", index),
             "give an archive of .npy arrays only");
  }
  EntryFacts facts{std::string(name.substr(0, name.size() - suffix.size())), status.size, status.comp_size};
  const std::string place = fmt::format("{}: array '{}'", path, facts.array);
  if (status.encryption_method != ZIP_EM_NONE) complain(place, "is encrypted", "save it without a password");
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
    complain(place, fmt::format("uses compression method {}", status.comp_method), "give stored or deflated entries");
  }
  const bool stored = status.comp_method == ZIP_CM_STORE;
  if (stored ? facts.size != facts.stored_size : facts.size / most_inflation > facts.stored_size) {
    complain(
        place,
        fmt::format("declares {} bytes from {} in the archive, which it cannot hold", facts.size, facts.stored_size),
        "save it again with numpy.savez");
  }
  return facts;
}

Tensor read_entry(zip_t* archive, zip_uint64_t index, const EntryFacts& facts, const std::string& place) {
  const Entry entry(zip_fopen_index(archive, index, 0));
  const auto damaged = [&](std::string_view why) {
    complain(place, fmt::format("is damaged ({})", why), "save it again with numpy.savez");
  };
  if (!entry) damaged(zip_strerror(archive));
  const auto read = [&](void* target, std::size_t bytes) {
    char* cursor = static_cast<char*>(target);
    while (bytes > 0) {
      const zip_int64_t got = zip_fread(entry.get(), cursor, bytes);
      if (got < 0) damaged(zip_file_strerror(entry.get()));
      if (got == 0) damaged("it ends early");
      cursor += got;
      bytes -= static_cast<std::size_t>(got);
    }
  };
  Tensor tensor = read_npy_array(read, facts.size, place);
  // Only a read past the end makes libzip compare the checksum.
  char beyond = 0;
  const zip_int64_t more = zip_fread(entry.get(), &beyond, 1);
  if (more < 0) damaged(zip_file_strerror(entry.get()));
  if (more > 0) damaged("it holds more than it declares");
  return tensor;
}

[[noreturn]] void cannot_write(const std::string& path, std::string_view why) {
  complain(path, fmt::format("cannot be written ({})", why), "give a path in a writable folder with room",
           ExitCode::storage);
}

// A file that is removed unless it has been kept.
struct Temporary {
  std::string path;
  bool kept = false;
  ~Temporary() {
    if (!kept) ::unlink(path.c_str());
  }
};

void add_array(zip_t* archive, const std::string& path, const std::string& name, const std::string& preamble,
               const Tensor& payload) {
  zip_buffer_fragment_t fragments[] = {
      {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(preamble.data())), preamble.size()},
      {reinterpret_cast<zip_uint8_t*>(payload.raw().data()), payload.bytes()},
  };
  const std::size_t count = payload.bytes() > 0 ? 2 : 1;
  zip_source_t* source = zip_source_buffer_fragment(archive, fragments, count, 0);
  if (source == nullptr) cannot_write(path, zip_strerror(archive));
  const zip_int64_t index = zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    complain(path, fmt::format("array '{}' cannot be added ({})", name, zip_strerror(archive)), "give unique names");
  }
  // The time of writing would make equal contents differ: 1980-01-01 00:00, the first that the format knows.
  constexpr zip_uint16_t first_date = 1 << 5 | 1;
  if (zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0 ||
      zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, first_date, 0) != 0) {
    cannot_write(path, zip_strerror(archive));
  }
}

void make_durable(const std::string& written, const std::string& path) {
  const int descriptor = ::open(written.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int problem = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) cannot_write(path, std::strerror(problem));
  if (::rename(written.c_str(), path.c_str()) != 0) cannot_write(path, std::strerror(errno));
}

}  // namespace

TensorStorage read_npz(const std::string& path) {
  const Archive archive = open_archive(path);
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(archive.get(), 0));
  if (count == 0) complain(path, "holds no array", "give an archive saved by numpy.savez");
  std::vector<EntryFacts> entries;
  std::set<std::string_view> names;
  std::uint64_t total = 0;
  std::uint64_t stored_total = 0;
  entries.reserve(count);
  for (zip_uint64_t index = 0; index < count; ++index) {
    entries.push_back(facts_of(archive.get(), index, path));
    if (!names.insert(entries.back().array).second) {
      complain(path, fmt::format("array '{}' comes twice", entries.back().array), "give each name once");
    }
    if (__builtin_add_overflow(total, entries.back().size, &total) ||
        __builtin_add_overflow(stored_total, entries.back().stored_size, &stored_total)) {
      complain(path, "declares more bytes than 64 bits can count", "save it again with numpy.savez");
    }
  }
  // Entries that share their bytes would multiply what each may declare.
  if (const std::uint64_t size = InputFile(path).size(); stored_total > size) {
    complain(path, fmt::format("declares {} bytes of entries in a file of {}", stored_total, size),
             "save it again with numpy.savez");
  }
  require_free_memory(total, path);
  TensorStorage storage;
  for (zip_uint64_t index = 0; index < count; ++index) {
    const std::string place = fmt::format("{}: array '{}'", path, entries[index].array);
    storage.add(entries[index].array, read_entry(archive.get(), index, entries[index], place));
  }
  return storage;
}

void write_npz(const std::string& path, const TensorSet& tensors) {
  if (tensors.entries().empty()) complain(path, "would hold no array", "give at least one tensor");
  std::set<std::string_view> names;
  for (const auto& [name, view] : tensors.entries()) {
    if (name.empty()) complain(path, "an array has no name", "name it");
    if (!names.insert(name).second) complain(path, fmt::format("array '{}' comes twice", name), "give each name once");
  }
  Temporary temporary{fmt::format("{}.{}.writing", path, ::getpid())};
  int code = 0;
  Archive archive(zip_open(temporary.path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) cannot_write(path, std::strerror(errno));
  // Sources are read when the archive is closed, so what they point into must stay where it is until then.
  std::deque<std::pair<std::string, Tensor>> parts;
  for (const auto& [name, view] : tensors.entries()) {
    const DType type = view.dtype == DType::bf16 ? DType::f32 : view.dtype;
    auto& [preamble, payload] = parts.emplace_back(npy_preamble(type, view.shape_vector()), converted(view, type));
    add_array(archive.get(), path, name, preamble, payload);
  }
  if (zip_close(archive.get()) != 0) cannot_write(path, zip_strerror(archive.get()));
  archive.release();  // zip_close() has freed it
  make_durable(temporary.path, path);
  temporary.kept = true;
}

}  // namespace attest
