// The micro-kernels of every instruction set that this machine has, each by itself. The inputs provoke: every binary16,
// roundings half-way, subnormals, infinities and NaN, arguments of exp2 over its whole range and one octave without a
// gap, head sizes and key counts that no register divides, strided columns, and hidden keys with NaN in V.
#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "harness/core/dtype.hpp"
#include "harness/core/error.hpp"
#include "tests/contract/instruction_sets.hpp"
#include "variants/common/cpu/instruction_set.hpp"
#include "variants/common/cpu/online_softmax.hpp"
#include "variants/common/cpu/parallel.hpp"

namespace {

using attest::DType;
using namespace attest::tiles;
using attest::test::normal_values;
using attest::test::sets_of_this_machine;

constexpr float infinity = std::numeric_limits<float>::infinity();

float of_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Largest relative error of the weights of scores first, first + step, ... (as bits) up to last.
double worst_exp2_error(const Microkernels& kernels, float first, float last, std::uint32_t step) {
  std::uint32_t bits, last_bits;
  std::memcpy(&bits, &first, sizeof bits);
  std::memcpy(&last_bits, &last, sizeof last_bits);
  std::array<float, tile_keys> arguments, weights;
  double worst = 0.0;
  while (bits < last_bits) {
    for (float& argument : arguments) {
      argument = of_bits(std::min(bits, last_bits));
      bits += step;
    }
    weights = arguments;
    kernels.soften(weights.data(), tile_keys, 1.0f, 0.0f);
    for (int place = 0; place < tile_keys; ++place) {
      const double truth = std::exp2(static_cast<double>(arguments[place]));
      const double error = std::fabs(static_cast<double>(weights[place]) - truth) / truth;
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(microkernels_of_each_instruction_set)

BOOST_AUTO_TEST_CASE(exp2_errs_no_more_than_the_kernels_declare) {
  for (const Microkernels* kernels : sets_of_this_machine()) {
    const double octave = worst_exp2_error(*kernels, -0.5f, -1.0f, 1);
    const double range = worst_exp2_error(*kernels, -0x1p-30f, -124.5f, 211);
    BOOST_TEST_MESSAGE(kernels->name << " exp2: 2^" << std::log2(std::max(octave, range)));
    BOOST_CHECK_LE(octave, 0x1p-23);
    BOOST_CHECK_LE(range, 0x1p-23);
    BOOST_CHECK_EQUAL(kernels->exp2(0.0f), 1.0f);
    BOOST_CHECK_EQUAL(kernels->exp2(-1.0f), 0.5f);
    BOOST_CHECK_LE(kernels->exp2(-126.0f), 0x1p-125f);
    BOOST_CHECK_EQUAL(kernels->exp2(-infinity), 0.0f);
    BOOST_CHECK(std::isnan(kernels->exp2(std::nanf(""))));
  }
}

BOOST_AUTO_TEST_CASE(softcap_errs_by_little_more_than_the_rounding_of_its_result) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> exponent(-30.0f, 7.0f);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    double worst = 0.0;
    for (int round = 0; round < 400; ++round) {
      std::array<float, tile_keys> scores;
      for (float& score : scores)
        score = std::exp2(exponent(random)) * (random() % 2 == 0 ? 1.0f : -1.0f);
      std::array<float, tile_keys> capped = scores;
      kernels->softcap(capped.data(), tile_keys, 0.25, 3.0);
      for (int place = 0; place < tile_keys; ++place) {
        const double truth = 3.0 * std::tanh(static_cast<double>(scores[place]) * 0.25);
        const double error = std::fabs(static_cast<double>(capped[place]) - truth) / std::fabs(truth);
        if (!(error <= worst)) worst = error;
      }
    }
    BOOST_TEST_MESSAGE(kernels->name << " softcap: " << worst * 0x1p24 << " units of roundoff");
    BOOST_CHECK_LE(worst, 1.001 * 0x1p-24);
    std::array<float, 32> ends{};
    ends[0] = infinity;
    ends[1] = -infinity;
    ends[2] = std::nanf("");
    kernels->softcap(ends.data(), 32, 1.0, 2.0);
    BOOST_CHECK_EQUAL(ends[0], 2.0f);
    BOOST_CHECK_EQUAL(ends[1], -2.0f);
    BOOST_CHECK(std::isnan(ends[2]));
  }
}

BOOST_AUTO_TEST_CASE(every_half_widens_exactly_and_every_result_is_rounded_to_nearest_even) {
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t bits = 0; bits < halves.size(); ++bits)
    halves[bits] = static_cast<std::uint16_t>(bits);
  std::mt19937 random(5);
  std::vector<float> values(1 << 16);
  for (std::size_t index = 0; index < values.size(); ++index) {
    // All exponents, and the neighbourhoods of half-way values of both types.
    std::uint32_t bits = random();
    if (index % 3 == 1) bits = (bits & 0xffff8000u) | 0x8000u | (bits & 1u);
    if (index % 3 == 2) bits = (bits & 0xbfffe000u) | 0x1000u | 0x30000000u | (bits & 1u);
    values[index] = of_bits(bits);
  }
  for (const Microkernels* kernels : sets_of_this_machine()) {
    int wrong = 0;
    for (const Storage storage : {Storage::f16, Storage::bf16}) {
      std::vector<float> packed(65536);
      const Rows rows{halves.data(), storage, 16, 1};
      kernels->products.pack_queries(rows, 4096, 16, 1.0f, packed.data(), 16);
      for (std::size_t bits = 0; bits < halves.size(); ++bits) {
        const float truth =
            storage == Storage::f16 ? attest::f16_value(halves[bits]) : attest::bf16_value(halves[bits]);
        if (packed[bits] != truth && !(std::isnan(packed[bits]) && std::isnan(truth))) ++wrong;
      }
      std::vector<std::uint16_t> stored(values.size());
      kernels->store(values.data(), static_cast<int>(values.size()), 1.0f, stored.data(), storage, 1);
      for (std::size_t index = 0; index < values.size(); ++index) {
        const double value = values[index];
        const std::uint16_t truth = storage == Storage::f16 ? attest::f16_bits(value) : attest::bf16_bits(value);
        const bool both_nan = std::isnan(value) && (stored[index] & 0x7f80u) >= 0x7c00u;
        if (stored[index] != truth && !both_nan) ++wrong;
      }
    }
    BOOST_CHECK_MESSAGE(wrong == 0, kernels->name << ": " << wrong << " wrong");
  }
}

BOOST_AUTO_TEST_CASE(a_hidden_key_has_negative_zero_for_a_weight_and_a_visible_one_never) {
  for (const Microkernels* kernels : sets_of_this_machine()) {
    std::array<float, 32> scores{};
    for (int key = 0; key < 32; ++key)
      scores[key] = key % 3 == 0 ? -infinity : -100.0f * static_cast<float>(key);
    const Softened result = kernels->soften(scores.data(), 32, 1.0f, -infinity);
    for (int key = 0; key < 32; ++key)
      BOOST_CHECK_EQUAL(std::signbit(scores[key]), key % 3 == 0);
    BOOST_CHECK_EQUAL(result.maximum, -100.0f);
    BOOST_CHECK_EQUAL(scores[1], 1.0f);
    BOOST_CHECK_GE(result.sum, 1.0f);

    scores.fill(-infinity);
    const Softened nothing = kernels->soften(scores.data(), 32, 1.0f, -infinity);
    BOOST_CHECK_EQUAL(nothing.sum, 0.0f);
    BOOST_CHECK_EQUAL(nothing.maximum, -infinity);
  }
}

BOOST_AUTO_TEST_CASE(rows_of_v_that_hold_nan_or_infinity_are_packed_as_zeros_and_marked) {
  for (const Microkernels* kernels : sets_of_this_machine()) {
    const int head_dim_v = 37;
    std::vector<float> v(20 * head_dim_v, 1.0f);
    v[3 * head_dim_v + 36] = infinity;
    v[11 * head_dim_v] = std::nanf("");
    std::vector<float> packed(tile_keys * 64);
    std::vector<std::uint8_t> marks(tile_keys);
    BOOST_CHECK(kernels->products.pack_values({v.data(), Storage::f32, head_dim_v, 1}, 20, head_dim_v, packed.data(),
                                              marks.data()));
    for (int key = 0; key < 20; ++key) {
      const bool bad = key == 3 || key == 11;
      BOOST_CHECK_EQUAL(marks[key] != 0, bad);
      BOOST_CHECK_EQUAL(packed[key * kernels->panel], bad ? 0.0f : 1.0f);
    }
    BOOST_CHECK(!kernels->products.pack_values({v.data() + 4 * head_dim_v, Storage::f32, head_dim_v, 1}, 5, head_dim_v,
                                               packed.data(), marks.data()));
  }
}

BOOST_AUTO_TEST_CASE(philox_gives_the_published_words) {
  // Known answers of Random123 1.14, kat_vectors.
  struct Answer {
    std::array<std::uint32_t, 4> counter;
    std::array<std::uint32_t, 2> key;
    std::array<std::uint32_t, 4> words;
  };
  const Answer answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (Answer answer : answers) {
    philox4x32_10(answer.counter.data(), answer.key.data());
    BOOST_CHECK_EQUAL_COLLECTIONS(answer.counter.begin(), answer.counter.end(), answer.words.begin(),
                                  answer.words.end());
  }
}

BOOST_AUTO_TEST_CASE(dropout_keeps_a_weight_when_its_own_philox_word_says_so) {
  const DropoutRow row{.seed = 0x123456789abcdefull,
                       .threshold = 0x60000000u,
                       .keep_factor = 2.0f,
                       .batch = 3,
                       .head = 5,
                       .row = 7,
                       .first_key = 1000};
  for (const Microkernels* kernels : sets_of_this_machine()) {
    std::array<float, 100> weights;
    weights.fill(1.0f);
    weights[50] = -0.0f;
    kernels->dropout(weights.data(), 100, row);
    for (std::uint32_t place = 0; place < 100; ++place) {
      std::array<std::uint32_t, 4> words{row.first_key + place, row.row, row.head, row.batch};
      const std::array<std::uint32_t, 2> key{0x89abcdefu, 0x01234567u};
      philox4x32_10(words.data(), key.data());
      if (place == 50) {
        BOOST_CHECK(std::signbit(weights[place]));
      } else {
        BOOST_CHECK_EQUAL(weights[place], words[0] >= row.threshold ? 2.0f : 0.0f);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(softmax_in_pieces_and_merged_is_softmax_of_the_whole) {
  for (const Microkernels* kernels : sets_of_this_machine()) {
    std::vector<float> scores = normal_values(128, 9);
    for (float& score : scores)
      score *= 10.0f;
    double sum = 0.0;
    for (const float score : scores)
      sum += std::exp(static_cast<double>(score));
    OnlineSoftmax first, second, empty;
    const auto log2_factor = static_cast<float>(std::log2(std::exp(1.0)));
    first.update(*kernels, scores.data(), 64, log2_factor);
    second.update(*kernels, scores.data() + 64, 32, log2_factor);
    second.update(*kernels, scores.data() + 96, 32, log2_factor);
    first.merge(*kernels, empty, log2_factor);
    empty.merge(*kernels, second, log2_factor);
    first.merge(*kernels, empty, log2_factor);
    BOOST_CHECK_SMALL(static_cast<double>(first.finish(1.0)) - std::log(sum), 1e-5);
    BOOST_CHECK_EQUAL(OnlineSoftmax{}.finish(1.0), -infinity);
    BOOST_CHECK_EQUAL(OnlineSoftmax{}.divisor(), 1.0f);
  }
}

BOOST_AUTO_TEST_CASE(an_instruction_set_that_is_unknown_is_refused_by_name) {
  BOOST_CHECK_EXCEPTION(microkernels_of("sse9", "ATTEST_ISA"), attest::Error, [](const attest::Error& error) {
    const std::string text = error.what();
    return text.find("ATTEST_ISA") != std::string::npos && text.find("sse9") != std::string::npos &&
           text.find("portable, avx2, avx512 or avx512bf16") != std::string::npos;
  });
  BOOST_CHECK(!has_instruction_set("sse9"));
  BOOST_CHECK(has_instruction_set("portable"));
}

BOOST_AUTO_TEST_CASE(parallel_for_takes_every_index_once_and_numbers_its_threads) {
  for (const int threads : {1, 2, 5}) {
    std::vector<int> visits(1000), wrong(1000);
    attest::parallel_for(threads, 1000, [&](int thread, std::int64_t index) {
      ++visits[static_cast<std::size_t>(index)];
      wrong[static_cast<std::size_t>(index)] = thread < 0 || thread >= threads;
    });
    BOOST_CHECK(visits == std::vector<int>(1000, 1));
    BOOST_CHECK(wrong == std::vector<int>(1000, 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
