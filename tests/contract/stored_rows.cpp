// How finished rows are written, by every instruction set of this machine: divided as the division rounds, rounded once
// to the type. The inputs provoke: every exponent, quotients beside a tie, tails, strides, what is not finite.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "harness/core/dtype.hpp"
#include "tests/contract/instruction_sets.hpp"

namespace {

using namespace attest;
using namespace attest::tiles;
using attest::test::sets_of_this_machine;

/// Any bits at all, or a value of moderate size.
float drawn(std::mt19937& random, bool any) {
  if (any) return std::bit_cast<float>(static_cast<std::uint32_t>(random()));
  return std::ldexp(1.0f + static_cast<float>(random() >> 9) * 0x1p-23f, static_cast<int>(random() % 40) - 20);
}

DType dtype_of(Storage storage) {
  if (storage == Storage::f32) return DType::f32;
  return storage == Storage::bf16 ? DType::bf16 : DType::f16;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stored_rows)

BOOST_AUTO_TEST_CASE(every_element_is_the_quotient_rounded_to_the_type) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f,      -0.0f,     infinity,        -infinity, std::numeric_limits<float>::quiet_NaN(),
                           0x1p-149f, 0x1p-126f, -0x1.fffffep127f};
  for (const Microkernels* kernels : sets_of_this_machine()) {
    for (const Storage storage : {Storage::f32, Storage::bf16, Storage::f16}) {
      std::mt19937 random(31);
      std::int64_t wrong = 0;
      for (int round = 0; round < 20'000; ++round) {
        const int count = 1 + round % 70;
        const int stride = round % 5 == 0 ? 3 : 1;
        std::vector<float> source(static_cast<std::size_t>(count));
        for (float& value : source)
          value = random() % 50 == 0 ? special[random() % 8] : drawn(random, round % 7 == 0);
        const float divisor = round % 11 == 0 ? drawn(random, true) : drawn(random, false);
        std::vector<float> room(static_cast<std::size_t>(count * stride));
        kernels->store(source.data(), count, divisor, room.data(), storage, stride);
        for (int place = 0; place < count; ++place) {
          const volatile float quotient = source[static_cast<std::size_t>(place)] / divisor;
          float expected = 0.0f;
          store_element(&expected, dtype_of(storage), 0, quotient);
          const double got = load_element(room.data(), dtype_of(storage), place * stride);
          const double wanted = load_element(&expected, dtype_of(storage), 0);
          if (std::isnan(wanted) ? !std::isnan(got) : got != wanted || std::signbit(got) != std::signbit(wanted))
            ++wrong;
        }
      }
      BOOST_CHECK_MESSAGE(wrong == 0, kernels->name << " " << name_of(dtype_of(storage)) << ": " << wrong);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
