// Products of bf16 as they are, where this machine has them. The inputs provoke: head sizes and rows of one element,
// strided keys, ranges that begin and end inside a pair, chunks, values that are not finite or near the subnormals.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "harness/core/dtype.hpp"
#include "tests/contract/instruction_sets.hpp"

namespace {

using namespace attest;
using namespace attest::tiles;
using attest::test::normal_values;
using attest::test::sets_of_this_machine;

constexpr double u = 0x1p-24;

std::vector<std::uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> stored(values.size());
  for (std::size_t index = 0; index < values.size(); ++index)
    store_element(stored.data(), DType::bf16, static_cast<std::int64_t>(index), values[index]);
  return stored;
}

double at(const std::vector<std::uint16_t>& stored, std::int64_t index) {
  return load_element(stored.data(), DType::bf16, index);
}

double rounded(float value) {
  std::uint16_t stored = 0;
  store_element(&stored, DType::bf16, 0, value);
  return load_element(&stored, DType::bf16, 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pairs)

BOOST_AUTO_TEST_CASE(scores_of_pairs_are_those_of_the_stored_elements) {
  std::mt19937 random(21);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    if (kernels->pairs == nullptr) continue;
    for (const int head_dim : {1, 2, 7, 16, 33, 64, 130}) {
      for (const int stride : {1, 3}) {  // of the columns of K
        const int keys = 1 + static_cast<int>(random() % 150);
        const int rows = 2 * kernels->row_block;
        const int query_stride = 144;
        const auto q = as_bf16(normal_values(static_cast<std::size_t>(rows * head_dim), 1));
        const auto k = as_bf16(normal_values(static_cast<std::size_t>(keys * (head_dim + 1) * stride), 2));
        std::vector<float> packed_q(static_cast<std::size_t>(rows * query_stride)), packed_k(tile_keys * 130);
        std::vector<float> scores(static_cast<std::size_t>(rows * score_stride));
        kernels->pairs->pack_queries({q.data(), Storage::bf16, head_dim, 1}, rows, head_dim, -1.0f, packed_q.data(),
                                     query_stride);
        const int row_stride = (head_dim + 1) * stride;
        kernels->pairs->pack_keys({k.data(), Storage::bf16, row_stride, stride}, keys, head_dim, packed_k.data());
        const int some = static_cast<int>(random() % static_cast<unsigned>(keys));
        const KeyRange ranges[] = {{0, keys}, {some, std::min(keys, some + 19)}};
        kernels->pairs->scores(packed_q.data(), query_stride, ranges, 2, packed_k.data(), head_dim, scores.data());
        int wrong = 0;
        for (int row = 0; row < rows; ++row) {
          const KeyRange range = ranges[row / kernels->row_block];
          for (int key = range.begin; key < range.end; ++key) {
            double truth = 0.0, size = 0.0;
            for (int c = 0; c < head_dim; ++c) {
              const double term = -at(q, row * head_dim + c) * at(k, key * row_stride + c * stride);
              truth += term;
              size += std::abs(term);
            }
            const double bound = (head_dim + 2) * u * size;  // a rounding each sum; products are exact
            if (!(std::abs(truth - scores[static_cast<std::size_t>(row * score_stride + key)]) <= bound)) ++wrong;
          }
        }
        BOOST_CHECK_MESSAGE(wrong == 0,
                            "d" << head_dim << " stride " << stride << ": " << wrong << " scores are wrong");
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_of_pairs_take_each_strip_s_range_with_weights_rounded_once) {
  std::mt19937 random(22);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    if (kernels->pairs == nullptr) continue;
    for (const int asked : {1, 16, 40, 64, 100}) {
      const int columns = (asked + 15) / 16 * 16;
      const int rows = 3 * kernels->row_block;
      const int keys = 151;
      const auto v = as_bf16(normal_values(static_cast<std::size_t>(keys * asked), 3));
      const std::vector<float> weights = normal_values(static_cast<std::size_t>(rows * score_stride), 4);
      const std::vector<float> before = normal_values(static_cast<std::size_t>(rows * columns), 5);
      const std::vector<float> factors = normal_values(static_cast<std::size_t>(rows), 6);
      std::vector<float> packed(static_cast<std::size_t>(tile_keys * 128));
      std::vector<std::uint8_t> marks(tile_keys);
      BOOST_CHECK(
          !kernels->pairs->pack_values({v.data(), Storage::bf16, asked, 1}, keys, asked, packed.data(), marks.data()));
      const int some = static_cast<int>(random() % 100);
      const KeyRange ranges[] = {{0, keys}, {some, some + 37}, {3, 4}};
      for (const int chunk : {16, 64, tile_keys}) {
        for (const bool scaled : {true, false}) {
          std::vector<float> out = before;
          kernels->pairs->accumulate(weights.data(), score_stride, ranges, 3, packed.data(), columns, chunk,
                                     scaled ? factors.data() : nullptr, out.data(), columns);
          int wrong = 0;
          for (int row = 0; row < rows; ++row) {
            const KeyRange range = ranges[row / kernels->row_block];
            for (int column = 0; column < asked; ++column) {
              double truth = static_cast<double>(before[row * columns + column]) * (scaled ? factors[row] : 1.0f);
              double size = std::abs(truth);
              for (int key = range.begin; key < range.end; ++key) {
                const double term = rounded(weights[row * score_stride + key]) * at(v, key * asked + column);
                truth += term;
                size += std::abs(term);
              }
              const double bound = (range.end - range.begin + 4) * u * size;
              if (!(std::abs(truth - out[static_cast<std::size_t>(row * columns + column)]) <= bound)) ++wrong;
            }
          }
          BOOST_CHECK_MESSAGE(wrong == 0, "columns " << asked << " chunk " << chunk << ": " << wrong << " are wrong");
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(values_that_the_instruction_would_flush_or_spread_are_left_out_and_marked) {
  for (const Microkernels* kernels : sets_of_this_machine()) {
    if (kernels->pairs == nullptr) continue;
    const int keys = 9;
    const int columns = 20;
    auto v = as_bf16(std::vector<float>(static_cast<std::size_t>(keys * columns), 1.0f));
    const float odd[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 0x1p-130f,
                         -0x1p-101f};
    for (int index = 0; index < 4; ++index)
      store_element(v.data(), DType::bf16, (2 * index) * columns + 17 + index % 2, odd[index]);
    store_element(v.data(), DType::bf16, 1 * columns, 0x1p-100f);
    store_element(v.data(), DType::bf16, 3 * columns, 0.0f);
    std::vector<float> packed(static_cast<std::size_t>(tile_keys * 64));
    std::vector<std::uint8_t> marks(tile_keys);
    BOOST_CHECK(
        kernels->pairs->pack_values({v.data(), Storage::bf16, columns, 1}, keys, columns, packed.data(), marks.data()));
    for (int key = 0; key < keys; ++key)
      BOOST_CHECK_EQUAL(marks[static_cast<std::size_t>(key)], key % 2 == 0 && key < 8 ? 1 : 0);
    const std::vector<float> weights(static_cast<std::size_t>(kernels->row_block * score_stride), 1.0f);
    std::vector<float> out(static_cast<std::size_t>(kernels->row_block * 64), 0.0f);
    const KeyRange range{0, keys};
    kernels->pairs->accumulate(weights.data(), score_stride, &range, 1, packed.data(), 32, tile_keys, nullptr,
                               out.data(), 64);
    BOOST_CHECK_EQUAL(out[5], 5.0f);  // keys 1, 3, 5, 7, 8
    BOOST_CHECK_EQUAL(out[17], 5.0f);
  }
}

BOOST_AUTO_TEST_SUITE_END()
