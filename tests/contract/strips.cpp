// The micro-kernels that work on strips of query rows, of every instruction set that this machine has. The inputs
// provoke: ranges of keys that begin and end inside a register, strips without a key, head sizes and columns that no
// register divides, chunks, rows without a visible key, and scores of -inf.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/contract/instruction_sets.hpp"
#include "variants/common/cpu/online_softmax.hpp"

namespace {

using namespace attest::tiles;
using attest::test::normal_values;
using attest::test::sets_of_this_machine;

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace

BOOST_AUTO_TEST_SUITE(strips)

BOOST_AUTO_TEST_CASE(scores_are_right_for_every_range_and_head_size_and_touch_nothing_else) {
  constexpr float untouched = 1e30f;
  std::mt19937 random(11);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    for (const int head_dim : {1, 7, 16, 33, 64}) {
      for (const int keys : {1, 5, 31, 33, 70, 200}) {
        const int strips = 3;
        const int rows = strips * kernels->row_block;
        const int stride = 80;
        const std::vector<float> q = normal_values(static_cast<std::size_t>(rows * head_dim), 1);
        const std::vector<float> k = normal_values(static_cast<std::size_t>(2 * keys * head_dim), 2);
        std::vector<float> packed_q(static_cast<std::size_t>(rows * stride)), packed_k(tile_keys * 64);
        std::vector<float> scores(static_cast<std::size_t>(rows * score_stride), untouched);
        kernels->products.pack_queries({q.data(), Storage::f32, head_dim, 1}, rows, head_dim, -1.0f, packed_q.data(),
                                       stride);
        kernels->products.pack_keys({k.data(), Storage::f32, 2 * head_dim, 2}, keys, head_dim, packed_k.data());
        // A whole strip, one that begins and ends anywhere, and one without a key.
        const int some = static_cast<int>(random() % static_cast<unsigned>(keys));
        const KeyRange ranges[strips] = {{0, keys}, {some, std::min(keys, some + 19)}, {tile_keys, 0}};
        kernels->products.scores(packed_q.data(), stride, ranges, strips, packed_k.data(), head_dim, scores.data());
        const int width = kernels->vector_floats;
        double worst = 0.0;
        int touched = 0;
        for (int row = 0; row < rows; ++row) {
          const KeyRange range = ranges[row / kernels->row_block];
          for (int key = 0; key < score_stride; ++key) {
            const float score = scores[static_cast<std::size_t>(row * score_stride + key)];
            const bool empty = range.begin >= range.end;
            if (empty || key < range.begin / width * width || key >= (range.end + width - 1) / width * width) {
              if (score != untouched) ++touched;
            } else if (key >= range.begin && key < range.end) {
              double truth = 0.0;
              for (int c = 0; c < head_dim; ++c)
                truth -= static_cast<double>(q[row * head_dim + c]) * k[(key * head_dim + c) * 2];
              worst = std::max(worst, std::fabs(truth - score));
            }
          }
        }
        // 64 products of normal values, each rounded twice: far under 64 * 16 * 2^-23.
        BOOST_CHECK_MESSAGE(worst < 1e-4, kernels->name << " d" << head_dim << " keys " << keys << ": " << worst);
        BOOST_CHECK_MESSAGE(touched == 0, kernels->name << " d" << head_dim << " keys " << keys << ": " << touched);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(weighted_values_are_summed_over_each_strip_s_range_whatever_the_chunk) {
  std::mt19937 random(12);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    for (const int columns_asked : {1, 16, 40, 64, 100}) {
      const int width = kernels->vector_floats;
      const int columns = (columns_asked + width - 1) / width * width;
      const int strips = 2;
      const int rows = strips * kernels->row_block;
      const int keys = 150;
      const std::vector<float> v = normal_values(static_cast<std::size_t>(keys * columns_asked), 3);
      const std::vector<float> weights = normal_values(static_cast<std::size_t>(rows * score_stride), 4);
      const std::vector<float> before = normal_values(static_cast<std::size_t>(rows * columns), 5);
      const std::vector<float> factors = normal_values(static_cast<std::size_t>(rows), 6);
      std::vector<float> packed(static_cast<std::size_t>(tile_keys * 128));
      std::vector<std::uint8_t> marks(tile_keys);
      kernels->products.pack_values({v.data(), Storage::f32, columns_asked, 1}, keys, columns_asked, packed.data(),
                                    marks.data());
      const int some = static_cast<int>(random() % 100);
      const KeyRange ranges[strips] = {{0, keys}, {some, some + 37}};
      for (const int chunk : {16, 64, tile_keys}) {
        for (const bool scaled : {true, false}) {
          std::vector<float> out = before;
          kernels->products.accumulate(weights.data(), score_stride, ranges, strips, packed.data(), columns, chunk,
                                       scaled ? factors.data() : nullptr, out.data(), columns);
          double worst = 0.0;
          for (int row = 0; row < rows; ++row) {
            const KeyRange range = ranges[row / kernels->row_block];
            for (int column = 0; column < columns_asked; ++column) {
              double truth = static_cast<double>(before[row * columns + column]) * (scaled ? factors[row] : 1.0f);
              for (int key = range.begin; key < range.end; ++key)
                truth += static_cast<double>(weights[row * score_stride + key]) * v[key * columns_asked + column];
              worst = std::max(worst, std::fabs(truth - out[static_cast<std::size_t>(row * columns + column)]));
            }
          }
          // 150 products of normal values: far under 150 * 16 * 2^-23.
          BOOST_CHECK_MESSAGE(worst < 2e-4, kernels->name << " columns " << columns_asked << ": " << worst);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_strip_is_softened_as_its_rows_are_one_by_one) {
  std::mt19937 random(13);
  for (const Microkernels* kernels : sets_of_this_machine()) {
    for (int round = 0; round < 300; ++round) {
      const int rows = 1 + static_cast<int>(random() % static_cast<unsigned>(kernels->row_block));
      const bool hides = random() % 2 == 0;
      KeyRange range{tile_keys, 0};
      KeyRange visible[max_row_block];
      std::vector<float> scores = normal_values(static_cast<std::size_t>(max_row_block * score_stride), random());
      float maxima[max_row_block], sums[max_row_block], factors[max_row_block];
      OnlineSoftmax alone[max_row_block];
      for (int row = 0; row < rows; ++row) {
        const int begin = static_cast<int>(random() % 100);
        visible[row] = {begin, begin + 1 + static_cast<int>(random() % 200)};
        range = {std::min(range.begin, visible[row].begin), std::max(range.end, visible[row].end)};
        if (random() % 3 != 0) alone[row] = {static_cast<float>(random() % 5) - 2.0f, 1.0f + row};
        maxima[row] = alone[row].maximum;
        sums[row] = alone[row].sum;
      }
      const int empty_row = static_cast<int>(random() % max_row_block);
      if (empty_row < rows && rows > 1) visible[empty_row] = {range.end, range.end};
      if (hides) {
        for (float& score : scores)
          score = random() % 4 == 0 ? -infinity : score;
      }
      std::vector<float> expected = scores;
      kernels->soften_strip(scores.data(), rows, visible, range, hides, 1.25f, {maxima, sums, factors});
      const int width = kernels->vector_floats;
      const int first = range.begin / width * width;
      const int last = (range.end + width - 1) / width * width;
      for (int row = 0; row < rows; ++row) {
        float* of_row = expected.data() + row * score_stride;
        for (int key = first; key < last; ++key)
          if (key < visible[row].begin || key >= visible[row].end) of_row[key] = -infinity;
        const float factor = alone[row].update(*kernels, of_row + first, last - first, 1.25f);
        BOOST_REQUIRE_EQUAL(maxima[row], alone[row].maximum);
        BOOST_REQUIRE_EQUAL(factors[row], factor);
        BOOST_REQUIRE_CLOSE(sums[row] + 1.0f, alone[row].sum + 1.0f, 1e-4);
        for (int key = first; key < last; ++key) {
          const float weight = scores[static_cast<std::size_t>(row * score_stride + key)];
          BOOST_REQUIRE_EQUAL(weight, of_row[key]);
          BOOST_REQUIRE_EQUAL(std::signbit(weight), std::signbit(of_row[key]));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
