// The reference against oracle.py, an independent program in numpy, on random problems with every feature.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <unistd.h>

#include "harness/inputs/tensor_file.hpp"
#include "harness/verify/verify.hpp"
#include "reference/softmax_oracle.hpp"
#include "tests/support/random_problem.hpp"

namespace {

using namespace attest;
namespace fs = std::filesystem;

// A folder of its own that goes when the test ends.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("attest-numpy-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  fs::path path;
};

// npz files have no bf16, and f16 widens without loss.
Tensor for_numpy(const TensorView& view) {
  const bool is_low = view.dtype == DType::bf16 || view.dtype == DType::f16;
  return converted(view, is_low ? DType::f32 : view.dtype);
}

// Writes problem `number` with the reference's results; `error` is added to the first element of out.
void write_problem(const Folder& folder, int number, const Problem& problem, const TensorSet& inputs, double error) {
  const Spec spec;
  const auto oracle = make_softmax_oracle(spec, problem, inputs);
  TensorStorage all;
  for (const TensorSet::Entry& entry : inputs.entries())
    all.add(entry.name, for_numpy(entry.view));
  all.add("out", reference_output(*oracle, "out", {problem.batch, problem.heads_q, problem.seq_q, problem.head_dim_v}));
  all.add("lse", reference_output(*oracle, "lse", {problem.batch, problem.heads_q, problem.seq_q}));
  all.find("out")->view().as<double>()[0] += error;
  write_npz((folder.path / (std::to_string(number) + ".npz")).string(), all.views());
  std::ofstream(folder.path / "problems.txt", std::ios::app) << problem.text() << "\n";
}

int run_numpy(const Folder& folder) {
  const std::string command =
      std::string(ATTEST_PYTHON) + " " + ATTEST_SOURCE_DIR + "/tests/reference/oracle.py " + folder.path.string();
  return std::system(command.c_str());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(numpy)

BOOST_AUTO_TEST_CASE(reference_and_numpy_agree_to_the_last_bits_on_random_problems_with_every_feature) {
  const Folder folder;
  test::Random random(20240607);
  for (int number = 0; number < 120; ++number) {
    test::Extras extras;
    const Problem problem = test::random_problem(random, extras);
    const TensorStorage inputs = test::random_inputs(problem, "normal", extras, 1000 + number);
    write_problem(folder, number, problem, inputs.views(), 0.0);
  }
  BOOST_TEST(run_numpy(folder) == 0);
}

BOOST_AUTO_TEST_CASE(numpy_program_sees_an_error_in_the_twelfth_digit) {
  const Folder folder;
  const Problem problem = parse_problem("hq2 sq9 skv12 d8 causal");
  const TensorStorage inputs = test::random_inputs(problem, "normal", {}, 5);
  write_problem(folder, 0, problem, inputs.views(), 1e-12);
  BOOST_TEST(run_numpy(folder) != 0);
}

BOOST_AUTO_TEST_SUITE_END()
