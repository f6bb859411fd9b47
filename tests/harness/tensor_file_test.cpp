// The readers accept what numpy writes, value by value, and refuse every lie with one line that says what is wrong.
// The files come from write_tensor_files.py; mutations of sound files look for a crash or a wrong acceptance.

#include "harness/inputs/tensor_file.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <random>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/core/error.hpp"

namespace {

namespace fs = std::filesystem;
using namespace attest;

// A folder with the files of write_tensor_files.py, for the life of the program.
struct Files {
  fs::path folder;

  Files() {
    folder = fs::temp_directory_path() / fmt::format("attest-tensor-files-{}", ::getpid());
    fs::create_directories(folder);
    const std::string command = fmt::format("'{}' '{}/tests/harness/write_tensor_files.py' '{}'", ATTEST_PYTHON,
                                            ATTEST_SOURCE_DIR, folder.string());
    if (std::system(command.c_str()) != 0) throw std::runtime_error("write_tensor_files.py failed");
  }
  ~Files() {
    std::error_code error;
    fs::remove_all(folder, error);
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }
};

const Files& files() {
  static const Files once;
  return once;
}

std::string error_of(const std::string& path) {
  try {
    read_tensor_file(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
}

double sum_of(const TensorView& view) {
  double sum = 0.0;
  for (std::int64_t index = 0; index < view.element_count(); ++index)
    sum += load_element(view.data, view.dtype, index);
  return sum;
}

void check_good(const std::string& file, std::istringstream arrays) {
  const TensorStorage storage = read_tensor_file(files().path(file));
  std::string expected;
  std::size_t count = 0;
  while (arrays >> expected) {
    ++count;
    const std::string name = expected.substr(0, expected.find(':'));
    const Tensor* tensor = storage.find(name);
    BOOST_REQUIRE_MESSAGE(tensor != nullptr, file << " lacks " << name);
    const TensorView& view = tensor->view();
    std::string shape;
    for (int axis = 0; axis < view.rank; ++axis)
      shape += fmt::format("{}{}", axis == 0 ? "" : "x", view.shape[axis]);
    const std::string found = fmt::format("{}:{}:{}:", name, name_of(view.dtype), shape);
    BOOST_CHECK_EQUAL(found, expected.substr(0, expected.rfind(':') + 1));
    const double sum = std::stod(expected.substr(expected.rfind(':') + 1));
    BOOST_CHECK_SMALL(sum_of(view) - sum, 1e-12 * (1.0 + std::fabs(sum)));
  }
  BOOST_CHECK_EQUAL(storage.entries().size(), count);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tensor_files)

BOOST_AUTO_TEST_CASE(what_numpy_writes_is_read_and_every_lie_is_refused_in_one_line) {
  std::ifstream cases(files().path("cases.txt"));
  std::string line;
  int sound = 0;
  int damaged = 0;
  while (std::getline(cases, line)) {
    const std::string file = line.substr(0, line.find('\t'));
    const std::string expectation = line.substr(line.find('\t') + 1);
    BOOST_TEST_CONTEXT(file) {
      if (expectation.rfind("good ", 0) == 0) {
        ++sound;
        BOOST_CHECK_NO_THROW(check_good(file, std::istringstream(expectation.substr(5))));
        continue;
      }
      ++damaged;
      const std::string error = error_of(files().path(file));
      BOOST_CHECK_MESSAGE(!error.empty(), "was accepted");
      BOOST_CHECK_MESSAGE(error.find(expectation) != std::string::npos,
                          "'" << error << "' lacks '" << expectation << "'");
      BOOST_CHECK_MESSAGE(error.find(file) != std::string::npos, error << " does not name the file");
      BOOST_CHECK_MESSAGE(error.find('\n') == std::string::npos, error << " has more than one line");
    }
  }
  BOOST_CHECK_GE(sound, 18);
  BOOST_CHECK_GE(damaged, 80);
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused) {
  const std::string folder = files().path("folder.npz");
  fs::create_directories(folder);
  BOOST_CHECK_EQUAL(error_of(folder), folder + ": is a directory; give a .npy, .npz or .safetensors file");
  const std::string pipe = files().path("pipe.npy");
  BOOST_REQUIRE_EQUAL(::mkfifo(pipe.c_str(), 0600), 0);
  BOOST_CHECK_EQUAL(error_of(pipe), pipe + ": is no regular file; give a .npy, .npz or .safetensors file");
  const std::string absent = files().path("absent.safetensors");
  BOOST_CHECK_EQUAL(error_of(absent),
                    absent + ": cannot be opened (No such file or directory); give a file that can be read");
  BOOST_CHECK_NE(error_of(files().path("cases.txt")).find("has an ending that is not known"), std::string::npos);
}

BOOST_AUTO_TEST_CASE(bfloat16_of_safetensors_keeps_its_bits) {
  const std::string header = R"({"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  const std::string path = files().path("bf16.safetensors");
  write(path, bytes + header + std::string("\x80\x3f\x49\xc0", 4));
  const TensorStorage storage = read_safetensors(path);
  BOOST_CHECK(storage.find("x")->view().dtype == DType::bf16);
  BOOST_CHECK_EQUAL(storage.find("x")->view().load(0), 1.0);
  BOOST_CHECK_EQUAL(storage.find("x")->view().load(1), -3.140625);
}

BOOST_AUTO_TEST_CASE(a_written_archive_reads_back_equal_and_its_bytes_do_not_depend_on_the_time) {
  TensorStorage storage;
  storage.add("q", DType::f32, {2, 3}).view().as<float>()[4] = 1.5f;
  storage.add("mask", DType::boolean, {3}).view().as<std::uint8_t>()[1] = 1;
  storage.add("kv_lengths", DType::i64, {2}).view().as<std::int64_t>()[0] = -7;
  storage.add("half", DType::f16, {1}).view().as<std::uint16_t>()[0] = f16_bits(0.25);
  storage.add("brain", DType::bf16, {1}).view().as<std::uint16_t>()[0] = bf16_bits(3.0);
  storage.add("none", DType::f64, {0, 2});
  TensorSet set = storage.views();
  TensorView transposed = storage.find("q")->view();
  std::swap(transposed.shape[0], transposed.shape[1]);
  std::swap(transposed.strides[0], transposed.strides[1]);
  set.add("transposed", transposed);
  const std::string path = files().path("written.npz");
  write_npz(path, set);
  const std::string first = contents(path);
  const TensorStorage back = read_npz(path);
  BOOST_CHECK_EQUAL(back.entries().size(), 7u);
  BOOST_CHECK_EQUAL(back.find("q")->view().load(1, 1), 1.5);
  BOOST_CHECK_EQUAL(back.find("transposed")->view().load(1, 1), 1.5);
  BOOST_CHECK(back.find("transposed")->view().shape_vector() == (Shape{3, 2}));
  BOOST_CHECK_EQUAL(back.find("mask")->view().load(1), 1.0);
  BOOST_CHECK_EQUAL(back.find("kv_lengths")->view().load(0), -7.0);
  BOOST_CHECK_EQUAL(back.find("half")->view().load(0), 0.25);
  BOOST_CHECK(back.find("brain")->view().dtype == DType::f32);
  BOOST_CHECK_EQUAL(back.find("brain")->view().load(0), 3.0);
  BOOST_CHECK(back.find("none")->view().shape_vector() == (Shape{0, 2}));

  // Zip times have a resolution of 2 seconds and are local: another zone is another time.
  ::setenv("TZ", "Pacific/Kiritimati", 1);
  ::tzset();
  write_npz(path, set);
  ::unsetenv("TZ");
  ::tzset();
  BOOST_CHECK(contents(path) == first);
  // Time and date of the first entry: 1980-01-01 00:00.
  BOOST_CHECK(first.substr(10, 4) == std::string("\0\0\x21\0", 4));
  const std::string numpy = fmt::format(
      "'{}' -c \"import numpy,sys; z=numpy.load(sys.argv[1]); "
      "assert z['q'][1,1]==1.5 and z['transposed'].shape==(3,2)\" '{}'",
      ATTEST_PYTHON, path);
  BOOST_CHECK_EQUAL(std::system(numpy.c_str()), 0);
}

BOOST_AUTO_TEST_CASE(a_write_that_fails_leaves_the_old_file_and_nothing_else) {
  TensorStorage storage;
  storage.add("q", DType::f32, {1});
  const std::string path = files().path("kept/old.npz");
  fs::create_directories(files().path("kept"));
  write_npz(path, storage.views());
  const std::string before = contents(path);
  TensorSet twice = storage.views();
  twice.add("q", storage.find("q")->view());
  BOOST_CHECK_THROW(write_npz(path, twice), Error);
  BOOST_CHECK_THROW(write_npz(path, TensorSet()), Error);
  BOOST_CHECK(contents(path) == before);
  try {
    write_npz(files().path("absent/new.npz"), storage.views());
    BOOST_ERROR("a folder that is absent was written to");
  } catch (const Error& error) {
    BOOST_CHECK(error.code() == ExitCode::storage);
  }
  const auto entries = fs::directory_iterator(files().path("kept"));
  BOOST_CHECK_EQUAL(std::distance(begin(entries), end(entries)), 1);
}

// Bytes flipped, overwritten, cut and doubled at seeded places: the reader answers with the tensors or with an Error.
// In an archive every byte of an array is under a checksum, so an accepted one equals the sound one.
BOOST_AUTO_TEST_CASE(mutated_files_are_read_or_refused_and_never_crash) {
  const unsigned seed = 20260;
  std::mt19937 random(seed);
  BOOST_TEST_MESSAGE("seed " << seed);
  int accepted = 0;
  int refused = 0;
  for (const char* name : {"f32.npy", "bool.npy", "stored.npz", "deflated.npz", "sound.safetensors"}) {
    const std::string sound = contents(files().path(name));
    const TensorStorage truth = read_tensor_file(files().path(name));
    const std::string path = files().path(std::string("mutated") + fs::path(name).extension().string());
    for (int round = 0; round < 600; ++round) {
      std::string bytes = sound;
      const int edits = 1 + static_cast<int>(random() % 3);
      for (int edit = 0; edit < edits && !bytes.empty(); ++edit) {
        const std::size_t place = random() % bytes.size();
        switch (random() % 5) {
          case 0:
            bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
            break;
          case 1:
            bytes[place] = static_cast<char>(random());
            break;
          case 2:
            bytes.resize(place);
            break;
          case 3:
            bytes.insert(place, bytes.substr(place, random() % 16));
            break;
          default:
            for (std::size_t i = place; i < std::min(place + 4, bytes.size()); ++i)
              bytes[i] = random() % 2 != 0 ? '\xff' : '\0';
        }
      }
      write(path, bytes);
      try {
        const TensorStorage read = read_tensor_file(path);
        ++accepted;
        if (std::string_view(name).ends_with(".npz") && read.entries().size() == truth.entries().size()) {
          for (const auto& [array, tensor] : read.entries()) {
            const Tensor* same = truth.find(array);
            if (same == nullptr || same->bytes() != tensor.bytes()) continue;
            BOOST_CHECK(std::equal(tensor.raw().begin(), tensor.raw().end(), same->raw().begin()));
          }
        }
      } catch (const Error& error) {
        ++refused;
        BOOST_CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos);
      }
    }
  }
  BOOST_CHECK_EQUAL(accepted + refused, 5 * 600);
  BOOST_CHECK_GT(refused, 1500);
  BOOST_TEST_MESSAGE(accepted << " accepted, " << refused << " refused");
}

BOOST_AUTO_TEST_SUITE_END()
