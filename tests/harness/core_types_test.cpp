// Conversions of element types against a search for the nearest number, and strided tensors.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <string_view>
#include <vector>

#include "harness/core/dtype.hpp"
#include "harness/core/error.hpp"
#include "harness/core/tensor.hpp"

namespace {

using namespace attest;

struct Format {
  DType type;
  std::uint16_t (*bits)(double);
  float (*value)(std::uint16_t);
  std::uint16_t infinity;  // its bits; all patterns below are the finite numbers in rising order
};
const Format formats[] = {{DType::f16, f16_bits, f16_value, 0x7c00}, {DType::bf16, bf16_bits, bf16_value, 0x7f80}};

// The nearest number of the format by search, ties to the even pattern; beyond the last midpoint it is infinity.
std::uint16_t nearest(const Format& format, double magnitude) {
  std::uint16_t low = 0;
  std::uint16_t high = format.infinity;
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (format.value(middle) <= magnitude ? low : high) = middle;
  }
  const double below = format.value(low);
  const bool is_last = high == format.infinity;
  // One more step after the largest number, as if there were one.
  const double above = is_last ? 2.0 * below - format.value(static_cast<std::uint16_t>(low - 1)) : format.value(high);
  const double to_below = magnitude - below;
  const double to_above = above - magnitude;
  if (to_below == to_above) return low % 2 == 0 ? low : high;
  return to_below < to_above ? low : high;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(core_types)

BOOST_AUTO_TEST_CASE(every_16_bit_number_converts_back_to_its_own_bits) {
  for (const Format& format : formats) {
    for (int pattern = 0; pattern < 65536; ++pattern) {
      const auto bits = static_cast<std::uint16_t>(pattern);
      const float value = format.value(bits);
      if ((bits & 0x7fff) > format.infinity) {
        BOOST_REQUIRE(std::isnan(value));
        BOOST_REQUIRE(std::isnan(format.value(format.bits(value))));
      } else {
        BOOST_REQUIRE_EQUAL(format.bits(value), bits);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(conversion_gives_the_nearest_number_and_even_on_ties) {
  std::mt19937_64 random(1);
  for (const Format& format : formats) {
    for (int trial = 0; trial < 20000; ++trial) {
      const auto low = static_cast<std::uint16_t>(random() % format.infinity);
      const double below = format.value(low);
      const double above = format.value(static_cast<std::uint16_t>(low + 1));
      const double upper = std::isinf(above) ? below : above;
      const double middle = 0.5 * (below + upper);
      for (const double value : {below + (upper - below) * static_cast<double>(random() >> 11) * 0x1p-53, middle,
                                 std::nextafter(middle, 0.0), std::nextafter(middle, HUGE_VAL)}) {
        BOOST_REQUIRE_EQUAL(format.bits(value), nearest(format, value));
        BOOST_REQUIRE_EQUAL(format.bits(-value), nearest(format, value) | 0x8000);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(numbers_beyond_the_range_become_infinity_and_tiny_ones_zero) {
  BOOST_TEST(f16_bits(65519.99) == 0x7bff);
  BOOST_TEST(f16_bits(65520.0) == 0x7c00);
  BOOST_TEST(f16_bits(-1e300) == 0xfc00);
  BOOST_TEST(f16_bits(0x1p-25) == 0);
  BOOST_TEST(f16_bits(0x1.8p-25) == 1);
  BOOST_TEST(f16_bits(-0.0) == 0x8000);
  BOOST_TEST(bf16_bits(HUGE_VAL) == 0x7f80);
  BOOST_TEST(bf16_bits(std::ldexp(511.0, 119)) == 0x7f80);
  BOOST_TEST(bf16_bits(std::nextafter(std::ldexp(511.0, 119), 0.0)) == 0x7f7f);
  BOOST_TEST(bf16_bits(0x1p-134) == 0);
  BOOST_TEST(bf16_bits(0x1.8p-134) == 1);
}

BOOST_AUTO_TEST_CASE(conversion_from_double_rounds_once) {
  // Rounded to f32 first, this would be a tie and go to even, below.
  const double value = 1.0 + 0x1p-11 + 0x1p-40;
  BOOST_TEST(f16_value(f16_bits(value)) == 1.0f + 0x1p-10f);
  BOOST_TEST(bf16_value(bf16_bits(1.0 + 0x1p-8 + 0x1p-40)) == 1.0f + 0x1p-7f);
}

BOOST_AUTO_TEST_CASE(unit_roundoff_and_floor_are_those_of_the_format) {
  for (const Format& format : formats) {
    BOOST_TEST(2.0 * unit_roundoff(format.type) == format.value(format.bits(1.0) + 1) - 1.0);
    BOOST_TEST(2.0 * half_smallest_subnormal(format.type) == format.value(1));
  }
  BOOST_TEST(unit_roundoff(DType::f32) == std::numeric_limits<float>::epsilon() / 2.0);
  BOOST_TEST(2.0 * half_smallest_subnormal(DType::f32) == std::numeric_limits<float>::denorm_min());
}

BOOST_AUTO_TEST_CASE(names_of_types_are_read_back) {
  for (const DType type : {DType::f64, DType::f32, DType::f16, DType::bf16})
    BOOST_TEST((floating_type(name_of(type)) == type));
  BOOST_TEST(name_of(DType::f16) == "f16");
  BOOST_TEST(name_of(DType::bf16) == "bf16");
  BOOST_TEST(!floating_type("bool"));
  BOOST_TEST(!floating_type("f8"));
}

BOOST_AUTO_TEST_CASE(strided_view_reads_and_converts_the_elements_it_names) {
  Tensor tensor(DType::f32, {1, 2, 3, 4});
  for (std::int64_t index = 0; index < 24; ++index)
    tensor.view().as<float>()[index] = static_cast<float>(index);
  TensorView turned = tensor.view();
  std::swap(turned.shape[2], turned.shape[3]);
  std::swap(turned.strides[2], turned.strides[3]);
  BOOST_TEST(!turned.is_dense());
  BOOST_TEST(turned.load(0, 1, 3, 2) == 23.0);
  BOOST_TEST(turned.load(0, 1, 0, 2) == 20.0);
  const Tensor dense = converted(turned, DType::bf16);
  BOOST_TEST(dense.view().is_dense());
  for (std::int64_t i = 0; i < 2; ++i)
    for (std::int64_t j = 0; j < 4; ++j)
      for (std::int64_t k = 0; k < 3; ++k)
        BOOST_TEST(dense.view().load(0, i, j, k) == tensor.view().load(0, i, k, j));
}

BOOST_AUTO_TEST_CASE(broadcasting_repeats_as_numpy_does) {
  Tensor tensor(DType::i64, {3, 1, 5});
  for (std::int64_t index = 0; index < 15; ++index)
    tensor.view().as<std::int64_t>()[index] = index;
  const TensorView wide = tensor.view().broadcast_to({2, 3, 4, 5}, "mask");
  BOOST_TEST(wide.rank == 4);
  for (std::int64_t a = 0; a < 2; ++a)
    for (std::int64_t b = 0; b < 3; ++b)
      for (std::int64_t c = 0; c < 4; ++c)
        for (std::int64_t d = 0; d < 5; ++d)
          BOOST_TEST(wide.load(a, b, c, d) == static_cast<double>(b * 5 + d));
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_broadcast_are_refused_by_name) {
  const auto refused = [](const Shape& shape, const Shape& target) {
    const Tensor tensor(DType::f32, shape);
    try {
      tensor.view().broadcast_to(target, "bias");
    } catch (const Error& error) {
      return std::string_view(error.what()).starts_with("bias: ");
    }
    return false;
  };
  BOOST_TEST(refused({3}, {2, 2, 2, 2}));
  BOOST_TEST(refused({2, 1, 2, 2}, {2, 2, 2}));
  BOOST_TEST(refused({2, 2}, {1, 1, 1, 2}));
  BOOST_TEST(!refused({1, 2}, {3, 3, 3, 2}));
}

BOOST_AUTO_TEST_CASE(sizes_that_overflow_are_refused_before_memory_is_asked_for) {
  const std::int64_t huge = std::int64_t{1} << 40;
  BOOST_CHECK_THROW(element_count({huge, huge}), Error);
  BOOST_CHECK_THROW(Tensor(DType::f64, {huge, std::int64_t{1} << 22}), Error);
  BOOST_CHECK_THROW(element_count({3, -1}), Error);
}

BOOST_AUTO_TEST_CASE(named_tensors_are_found_or_missed_by_name) {
  TensorStorage storage;
  storage.add("q", DType::f16, {2, 2});
  BOOST_TEST(storage.bytes() == 8U);
  const TensorSet set = storage.views();
  BOOST_TEST(set.find("q") != nullptr);
  BOOST_TEST(set.find("k") == nullptr);
  BOOST_CHECK_THROW(set.at("k"), Error);
}

BOOST_AUTO_TEST_SUITE_END()
