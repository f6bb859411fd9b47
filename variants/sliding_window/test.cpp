// What is true of sliding_window alone: which keys a row sees, global tokens included, and that nothing else is even
// read into a result. The inputs provoke: a zero Q with V one-hot, which shows exactly the keys that were attended; NaN
// in every key outside the band; windows that end inside a register block, a tile and the sequence.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "harness/core/counts.hpp"
#include "harness/core/error.hpp"
#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
#include "variants/sliding_window/kernels.hpp"

namespace attest::sliding_window {
extern const Variant variant;
}

namespace {

using attest::find_kernel;
using attest::parse_problem;
using attest::Problem;
using attest::TensorView;
using attest::test::Cell;

/// The textbook's rule, in words of this file: no code of the kernel or of the spec.
bool sees(const Problem& p, std::int64_t global, std::int64_t row, std::int64_t key) {
  const std::int64_t here = row + p.seq_kv - p.seq_q;
  if (p.causal && key > here) return false;
  if (key < global || here < global) return true;
  if (p.window.left >= 0 && key < here - p.window.left) return false;
  return p.window.right < 0 || key <= here + p.window.right;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sliding_window)

BOOST_AUTO_TEST_CASE(every_row_attends_exactly_its_band_and_the_global_keys) {
  for (const char* text :
       {"sq97 d8 dv97 window=5,0", "sq97 d8 dv97 causal window=5,0 global=3", "sq97 d8 dv97 window=20,11 global=13",
        "sq97 d8 dv97 window=0,0 global=97", "sq40 skv97 d8 dv97 window=30,-1 global=2"}) {
    const Problem problem = parse_problem(text);
    Cell cell(find_kernel("sliding_window/cpu_banded"), problem, "normal");
    const TensorView q = cell.inputs.at("q");
    const TensorView v = cell.inputs.at("v");
    for (std::int64_t index = 0; index < q.element_count(); ++index)
      q.as<float>()[index] = 0.0f;
    for (std::int64_t key = 0; key < 97; ++key) {
      for (std::int64_t column = 0; column < 97; ++column)
        v.as<float>()[v.offset(0, 0, key, column)] = key == column ? 1.0f : 0.0f;
    }
    cell.run_on_changed_inputs();
    const TensorView out = cell.execution->outputs().at("out");
    int wrong = 0;
    for (std::int64_t row = 0; row < problem.seq_q; ++row) {
      for (std::int64_t key = 0; key < 97; ++key) {
        if ((out.load(0, 0, row, key) > 0.0) != sees(problem, problem.parameter("global", 0), row, key)) ++wrong;
      }
    }
    BOOST_CHECK_MESSAGE(wrong == 0, text << ": " << wrong << " pairs wrong");
  }
}

BOOST_AUTO_TEST_CASE(keys_outside_every_band_have_no_influence_even_as_nan) {
  const Problem problem = parse_problem("sq20 skv2000 d16 causal window=40,0");
  Cell cell(find_kernel("sliding_window/cpu_banded"), problem, "normal");
  for (const char* name : {"k", "v"}) {
    const TensorView view = cell.inputs.at(name);
    for (std::int64_t key = 0; key < 2000 - 20 - 40; ++key)
      view.as<float>()[view.offset(0, 0, key, key % 16)] = std::numeric_limits<float>::quiet_NaN();
  }
  cell.run_on_changed_inputs();
  const attest::Verification verification = cell.judge();
  BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), verification.verdict.reason);
}

BOOST_AUTO_TEST_CASE(work_is_proportional_to_length_times_window) {
  const auto flops = [](const char* text) {
    return flops_of(attest::sliding_window::variant, attest::sliding_window::cpu_banded, parse_problem(text));
  };
  BOOST_CHECK_CLOSE(flops("sq8192 causal window=255,0") / flops("sq4096 causal window=255,0"), 2.0, 4.0);
  BOOST_CHECK_CLOSE(flops("sq8192 causal window=511,0") / flops("sq8192 causal window=255,0"), 2.0, 4.0);
  // Workspace follows the block, neither the length nor the window.
  const auto bytes = [](const char* text) {
    return attest::sliding_window::cpu_banded.workspace_bytes(parse_problem(text), 2);
  };
  BOOST_CHECK_LT(bytes("sq65536 window=4095,0"), bytes("sq16384 window=255,0") * 1.02);
}

BOOST_AUTO_TEST_CASE(flops_count_global_pairs_once) {
  for (const char* text : {"hq2 sq60 window=4,3 global=9", "sq60 causal window=4,0 global=9",
                           "sq20 skv60 causal window=50,0 global=30", "sq60 skv20 window=1,1 global=20"}) {
    const Problem problem = parse_problem(text);
    double pairs = 0.0;
    for (std::int64_t row = 0; row < problem.seq_q; ++row) {
      const std::int64_t here = row + problem.seq_kv - problem.seq_q;
      for (std::int64_t key = 0; key < problem.seq_kv; ++key) {
        // A row before the first key is no global position.
        const std::int64_t global =
            here < 0 && !(key < problem.parameter("global", 0)) ? 0 : problem.parameter("global", 0);
        if (here < 0 && key >= global) {
          pairs += key >= here - problem.window.left && key <= here + problem.window.right &&
                   !(problem.causal && key > here);
        } else {
          pairs += sees(problem, global, row, key);
        }
      }
    }
    const double expected = pairs * static_cast<double>(problem.heads_q) * 2.0 * 128.0;
    BOOST_CHECK_EQUAL(flops_of(attest::sliding_window::variant, attest::sliding_window::cpu_banded, problem), expected);
  }
}

BOOST_AUTO_TEST_CASE(global_out_of_range_and_a_missing_window_are_refused) {
  BOOST_CHECK_THROW(attest::sliding_window::variant.check(parse_problem("sq8 window=1,1 global=-1")), attest::Error);
  BOOST_CHECK_THROW(attest::sliding_window::variant.check(parse_problem("sq8 window=1,1 global=9")), attest::Error);
  BOOST_CHECK_NO_THROW(attest::sliding_window::variant.check(parse_problem("sq8 window=1,1 global=8")));
  BOOST_CHECK(!attest::sliding_window::cpu_banded.supports(parse_problem("sq8"), {}));
}

BOOST_AUTO_TEST_CASE(every_row_attends_exactly_its_band_and_the_global_keys_on_the_device) {
  if (!attest::test::has_device_code()) return;
  for (const char* type : {"f32", "bf16"}) {
    for (const char* text :
         {"sq200 d8 dv128 skv128 window=5,0 align=-36", "sq128 d8 dv128 causal window=5,0 global=3",
          "sq128 d8 dv128 window=20,11 global=70", "sq128 d8 dv128 window=0,0 global=128",
          "sq128 d8 dv128 causal window=3,0 global=100", "sq40 skv128 d8 dv128 window=30,-1 global=2"}) {
      const Problem problem = parse_problem(std::string(text) + " " + type);
      attest::TensorStorage storage = generate_inputs("normal", attest::sliding_window::variant, problem, 1);
      const TensorView q = storage.find("q")->view();
      const TensorView v = storage.find("v")->view();
      for (std::int64_t index = 0; index < q.element_count(); ++index)
        store_element(q.data, q.dtype, index, 0.0);
      for (std::int64_t key = 0; key < 128; ++key) {
        for (std::int64_t column = 0; column < 128; ++column)
          store_element(v.data, v.dtype, v.offset(0, 0, key, column), key == column ? 1.0 : 0.0);
      }
      attest::test::DeviceCell cell("sliding_window/cuda_banded", problem, std::move(storage));
      int wrong = 0;
      for (std::int64_t row = 0; row < problem.seq_q; ++row) {
        for (std::int64_t key = 0; key < 128; ++key) {
          const std::int64_t here = row + problem.offset(problem.seq_kv);
          const std::int64_t global = problem.parameter("global", 0);
          const bool band = (problem.window.left < 0 || key >= here - problem.window.left) &&
                            (problem.window.right < 0 || key <= here + problem.window.right);
          const bool is_global = key < global || (here >= 0 && here < global);
          const bool seen = (band || is_global) && !(problem.causal && key > here);
          if ((cell.out().load(0, 0, row, key) > 0.0) != seen) ++wrong;
        }
      }
      BOOST_CHECK_MESSAGE(wrong == 0, text << " " << type << ": " << wrong << " pairs wrong");
      BOOST_CHECK(cell.execution->findings().empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_device_moves_exactly_the_keys_of_the_bands) {
  if (!attest::test::has_device_code()) return;
  // Each block of 64 rows copies Q once, and K and V of the keys that one of its rows sees: 64 + window of them.
  for (const std::int64_t length : {512, 1024}) {
    for (const std::int64_t window : {31, 127}) {
      const Problem problem =
          parse_problem("sq" + std::to_string(length) + " d64 bf16 causal window=" + std::to_string(window) + ",0");
      double rows = static_cast<double>(length);
      for (std::int64_t first = 0; first < length; first += 64)
        rows += 2.0 * static_cast<double>(first + 64 - std::max<std::int64_t>(0, first - window));
      const attest::test::DeviceCell cell("sliding_window/cuda_banded", problem);
      BOOST_CHECK_EQUAL(cell.counts().async_copy_bytes, rows * 64 * 2);
      BOOST_CHECK_EQUAL(cell.counts().bank_conflicts(), 0.0);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
