// Facts of softmax attention with the scores in memory. The inputs provoke: averages that are exact in f32, so that two
// kernels must agree in every bit; NaN and infinity behind a mask; operands that no BLAS takes as they are; more
// threads than heads; dropout whose every weight shows in the output.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "tests/support/cell.hpp"
#include "tests/support/device_cell.hpp"
#include "variants/common/cpu/microkernels.hpp"

namespace {

using namespace attest;

/// Queries of 0 make every visible weight equal; values are small whole numbers.
TensorStorage uniform_inputs(const Problem& p) {
  TensorStorage storage;
  storage.add("q", DType::f32, {p.batch, p.heads_q, p.seq_q, p.head_dim});
  storage.add("k", DType::f32, {p.batch, p.heads_kv, p.seq_kv, p.head_dim});
  const TensorView v = storage.add("v", DType::f32, {p.batch, p.heads_kv, p.seq_kv, p.head_dim_v}).view();
  for (std::int64_t n = 0; n < v.element_count(); ++n)
    v.as<float>()[n] = static_cast<float>((n * 37 + n / 11) % 19 - 9);
  return storage;
}

/// The outputs of one run, as dense copies.
Tensor run_once(std::string_view id, const Problem& problem, const TensorSet& inputs, int threads,
                std::string_view output = "out") {
  const KernelEntry entry = find_kernel(id);
  const auto execution = find_backend("cpu").prepare(*entry.variant, *entry.kernel, problem, inputs, threads);
  execution->run();
  const TensorView& view = execution->outputs().at(output);
  return converted(view, view.dtype);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.raw().data(), b.raw().data(), a.bytes()) == 0;
}

/// The same elements behind strides that a BLAS does not take: two floats apart, rows in reverse.
TensorView scattered(const TensorView& dense, Tensor& room) {
  const std::int64_t count = dense.element_count();
  room = Tensor(dense.dtype, {2 * count});
  TensorView view = dense;
  view.data = room.view().as<float>() + 2 * (count - dense.shape[3]);
  std::int64_t stride = -2 * dense.shape[3];
  view.strides = {0, 0, 0, 2};
  for (int axis = 2; axis >= 0; --axis) {
    view.strides[static_cast<std::size_t>(axis)] = stride;
    stride *= dense.shape[static_cast<std::size_t>(axis)];
  }
  for (std::int64_t b = 0; b < dense.shape[0]; ++b) {
    for (std::int64_t h = 0; h < dense.shape[1]; ++h) {
      for (std::int64_t s = 0; s < dense.shape[2]; ++s) {
        for (std::int64_t c = 0; c < dense.shape[3]; ++c)
          view.as<float>()[view.offset(b, h, s, c)] = dense.as<float>()[dense.offset(b, h, s, c)];
      }
    }
  }
  return view;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(standard)

BOOST_AUTO_TEST_CASE(the_naive_device_kernel_moves_the_scores_of_all_pairs) {
  if (!attest::test::has_device_code()) return;
  double moved[2];
  int turn = 0;
  for (const char* text : {"hq2 sq100 d32 bf16 causal", "hq2 sq200 d32 bf16 causal"}) {
    attest::test::DeviceCell cell("standard/cuda_naive", parse_problem(text));
    const Verification verification = cell.judge();
    BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), text << ": " << verification.verdict.reason);
    const double rows = 2.0 * static_cast<double>(cell.problem.seq_q);
    const double pairs = rows * static_cast<double>(cell.problem.seq_kv);
    // Scores, weights in their place, out in bf16 and lse.
    BOOST_TEST(cell.counts().global_store_bytes == 2 * pairs * 4 + rows * 32 * 2 + rows * 4);
    moved[turn++] = cell.counts().global_load_bytes;
  }
  BOOST_TEST(moved[1] / moved[0] > 3.5);
}

BOOST_AUTO_TEST_CASE(both_kernels_agree_in_every_bit_where_averages_are_exact) {
  for (const char* text :
       {"hq2 sq16 skv64 d8 dv24", "b2 hq4 hkv2 sq33 skv128 d16 dv8", "hq1 sq5 skv32 d8 window=3,0"}) {
    const Problem problem = parse_problem(text);
    const TensorStorage storage = uniform_inputs(problem);
    const Tensor naive = run_once("standard/cpu_naive", problem, storage.views(), 1);
    const Tensor blas = run_once("standard/cpu_blas", problem, storage.views(), 2);
    BOOST_TEST(same_bits(naive, blas), text);
  }
}

BOOST_AUTO_TEST_CASE(an_average_of_equal_weights_is_the_mean_of_the_values) {
  const Problem problem = parse_problem("sq3 skv64 d8 dv5");
  const TensorStorage storage = uniform_inputs(problem);
  const TensorView& v = storage.find("v")->view();
  for (const char* id : {"standard/cpu_naive", "standard/cpu_blas"}) {
    const Tensor out = run_once(id, problem, storage.views(), 1);
    for (std::int64_t c = 0; c < 5; ++c) {
      double sum = 0.0;
      for (std::int64_t j = 0; j < 64; ++j)
        sum += v.load(0, 0, j, c);
      BOOST_TEST(out.view().load(0, 0, 2, c) == sum / 64.0, id);
    }
  }
}

BOOST_AUTO_TEST_CASE(values_behind_a_mask_never_leak_and_visible_ones_always_show) {
  const Problem problem = parse_problem("hq2 sq4 skv32 d8 dv8");
  TensorStorage storage = uniform_inputs(problem);
  storage.find("v")->view().as<float>()[7 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();  // head 0, key 7
  storage.find("v")->view().as<float>()[9 * 8 + 1] = std::numeric_limits<float>::infinity();   // head 0, key 9
  const TensorView mask = storage.add("mask", DType::boolean, {1, 2, 4, 32}).view();
  for (std::int64_t n = 0; n < mask.element_count(); ++n)
    mask.as<bool>()[n] = n % 32 != 7 && n % 32 != 9;
  mask.as<bool>()[2 * 32 + 7] = true;  // row 2 of head 0 sees the NaN
  mask.as<bool>()[3 * 32 + 9] = true;  // row 3 the infinity
  for (const char* id : {"standard/cpu_naive", "standard/cpu_blas"}) {
    const Tensor out = run_once(id, problem, storage.views(), 2);
    for (std::int64_t row = 0; row < 4; ++row) {
      for (std::int64_t c = 0; c < 8; ++c) {
        const double value = out.view().load(0, 0, row, c);
        BOOST_TEST(std::isnan(value) == (row == 2 && c == 3), id << " row " << row << " column " << c);
        BOOST_TEST(std::isinf(value) == (row == 3 && c == 1), id << " row " << row << " column " << c);
        BOOST_TEST(std::isfinite(out.view().load(0, 1, row, c)), id);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_row_without_a_key_is_zero_with_an_lse_of_minus_infinity) {
  const Problem problem = parse_problem("sq8 skv4 d8 causal");  // rows 0 to 3 end before the first key
  const TensorStorage storage = uniform_inputs(problem);
  for (const char* id : {"standard/cpu_naive", "standard/cpu_blas"}) {
    const Tensor out = run_once(id, problem, storage.views(), 1);
    const Tensor lse = run_once(id, problem, storage.views(), 1, "lse");
    for (std::int64_t row = 0; row < 4; ++row) {
      BOOST_TEST(out.view().load(0, 0, row, 0) == 0.0, id);
      BOOST_TEST(lse.view().load(0, 0, row) == -std::numeric_limits<double>::infinity(), id);
    }
    BOOST_TEST(lse.view().load(0, 0, 5) == std::log(2.0), boost::test_tools::tolerance(1e-6));
  }
}

BOOST_AUTO_TEST_CASE(strides_change_no_bit) {
  const Problem problem = parse_problem("b2 hq4 hkv2 sq19 skv37 d24 dv40 causal");
  const TensorStorage storage = generate_inputs("normal", *find_kernel("standard/cpu_blas").variant, problem, 5);
  Tensor q, k, v;
  TensorSet strided;
  strided.add("q", scattered(storage.find("q")->view(), q));
  strided.add("k", scattered(storage.find("k")->view(), k));
  strided.add("v", scattered(storage.find("v")->view(), v));
  for (const char* id : {"standard/cpu_naive", "standard/cpu_blas"}) {
    BOOST_TEST(same_bits(run_once(id, problem, storage.views(), 2), run_once(id, problem, strided, 2)), id);
  }
}

BOOST_AUTO_TEST_CASE(rows_divided_among_threads_are_all_right) {
  for (const int threads : {1, 2, 3, 5}) {
    for (const char* text : {"sq7 skv50 d16", "hq2 sq33 skv20 d16 causal", "sq1 skv9 d8", "b3 sq16 d8"}) {
      test::Cell cell(find_kernel("standard/cpu_blas"), parse_problem(text), "normal", threads);
      const Verification verification = cell.judge();
      BOOST_TEST(verification.verdict.has_passed(), text << ", " << threads << ": " << verification.verdict.reason);
      BOOST_TEST(cell.execution->workspace_measured() == cell.entry.kernel->workspace_bytes(cell.problem, threads));
    }
  }
}

BOOST_AUTO_TEST_CASE(philox_gives_the_known_answers_of_its_authors) {
  std::uint32_t zero[4]{};
  const std::uint32_t zero_key[2]{};
  tiles::philox4x32_10(zero, zero_key);
  BOOST_TEST(zero[0] == 0x6627e8d5u);
  BOOST_TEST(zero[1] == 0xe169c58du);
  std::uint32_t pi[4]{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u};
  const std::uint32_t pi_key[2]{0xa4093822u, 0x299f31d0u};
  tiles::philox4x32_10(pi, pi_key);
  BOOST_TEST(pi[0] == 0xd16cfe09u);
  BOOST_TEST(pi[3] == 0x24126ea1u);
}

BOOST_AUTO_TEST_CASE(dropout_drops_the_weights_that_philox_names) {
  // One-hot values: column j of the output is weight j itself, 2 / 32 where kept.
  const Problem problem = parse_problem("b2 hq2 sq5 skv32 d8 dv32 dropout=0.5 seed=4294967303");
  TensorStorage storage = uniform_inputs(problem);
  const TensorView v = storage.find("v")->view();
  for (std::int64_t n = 0; n < v.element_count(); ++n)
    v.as<float>()[n] = n / 32 % 32 == n % 32 ? 1.0f : 0.0f;
  for (const char* id : {"standard/cpu_naive", "standard/cpu_blas"}) {
    const Tensor out = run_once(id, problem, storage.views(), 2);
    for (std::uint32_t b = 0; b < 2; ++b) {
      for (std::uint32_t h = 0; h < 2; ++h) {
        for (std::uint32_t i = 0; i < 5; ++i) {
          for (std::uint32_t j = 0; j < 32; ++j) {
            std::uint32_t words[4]{j, i, h, b};
            const std::uint32_t key[2]{7, 1};
            tiles::philox4x32_10(words, key);
            const double expected = words[0] >= 0x80000000u ? 0.0625 : 0.0;
            BOOST_REQUIRE_EQUAL(out.view().load(b, h, i, j), expected);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_kernel_without_a_type_says_so) {
  const KernelEntry blas = find_kernel("standard/cpu_blas");
  BOOST_TEST(!supports(*blas.variant, *blas.kernel, parse_problem("sq4 bf16"), {}));
  BOOST_TEST(supports(*blas.variant, *blas.kernel, parse_problem("sq4 bf16"), {}).reason.find("f32") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
