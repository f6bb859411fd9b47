// mma.sync on hand-made fragments against products in double, by the layout of the PTX manual: a wrong place of one
// element shows, since all elements differ.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "harness/backends/emulator/fault.hpp"
#include "tests/ptx/warp_fixture.hpp"

namespace attest::test {
namespace {

using emulator::Isa;

struct Shape {
  const char* text;
  int depth;
  int element_bits;  ///< of A and B
  int fraction;      ///< digits after the first
  bool half_sums;
};
constexpr Shape shapes[] = {
    {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16, 16, 7, false},
    {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", 16, 16, 10, false},
    {"mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16", 16, 16, 10, true},
    {"mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32", 8, 16, 7, false},
    {"mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", 8, 16, 10, false},
    {"mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16", 8, 16, 10, true},
    {"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 8, 32, 10, false},
    {"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32", 4, 32, 10, false},
};

// Bits of a small number that the type holds: a multiple of 1/64 between -2 and 2.
std::uint32_t bits_in(const Shape& shape, double value) {
  const auto single = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if (shape.element_bits == 32) return single;
  if (shape.fraction == 7) return single >> 16;
  return static_cast<std::uint32_t>(result_of("cvt.rn.f16.f32", {single}));
}

BOOST_AUTO_TEST_SUITE(ptx_mma)

BOOST_AUTO_TEST_CASE(fragments_lie_as_the_manual_says) {
  std::mt19937_64 random(3);
  for (const Shape& shape : shapes)
    for (const Isa isa : {Isa::portable, Isa::avx2})
      for (const bool wide : {false, true}) {
        if (isa == Isa::avx2 && !__builtin_cpu_supports("avx2")) continue;
        OneInstruction mma(shape.text, isa, {.wide_accumulation = wide});
        const auto number = [&] { return static_cast<double>(static_cast<int>(random() % 255) - 127) / 64.0; };
        double a[16][16], b[16][8], c[16][8];
        for (auto& row : a)
          for (double& element : row)
            element = number();
        for (auto& row : b)
          for (double& element : row)
            element = number();
        for (auto& row : c)
          for (double& element : row)
            element = number();
        const int words = 32 / shape.element_bits;  // elements a register
        const int b_registers = shape.depth / (4 * words);
        const int sums = shape.half_sums ? 2 : 4;
        for (int lane = 0; lane < 32; ++lane) {
          const int group = lane / 4, thread = lane % 4;
          for (int reg = 0; reg < 2 * b_registers; ++reg) {
            std::uint64_t word = 0;
            for (int part = 0; part < words; ++part) {
              const int row = group + 8 * (reg % 2);
              const int column = (reg / 2) * 4 * words + thread * words + part;
              word |= std::uint64_t{bits_in(shape, a[row][column])} << (16 * part);
            }
            mma.set(static_cast<std::size_t>(sums + reg), lane, word);
          }
          for (int reg = 0; reg < b_registers; ++reg) {
            std::uint64_t word = 0;
            for (int part = 0; part < words; ++part)
              word |= std::uint64_t{bits_in(shape, b[reg * 4 * words + thread * words + part][group])} << (16 * part);
            mma.set(static_cast<std::size_t>(sums + 2 * b_registers + reg), lane, word);
          }
          for (int reg = 0; reg < sums; ++reg) {
            const std::size_t operand = static_cast<std::size_t>(sums + 3 * b_registers + reg);
            if (shape.half_sums) {
              const int row = group + 8 * reg;
              mma.set(operand, lane,
                      result_of("cvt.rn.f16x2.f32", {bits_of(static_cast<float>(c[row][2 * thread + 1])),
                                                     bits_of(static_cast<float>(c[row][2 * thread]))}));
            } else {
              mma.set(operand, lane, bits_of(static_cast<float>(c[group + 8 * (reg / 2)][2 * thread + reg % 2])));
            }
          }
        }
        mma.run();
        double worst = 0.0;
        for (int row = 0; row < 16; ++row)
          for (int column = 0; column < 8; ++column) {
            double exact = c[row][column];
            for (int k = 0; k < shape.depth; ++k)
              exact += a[row][k] * b[k][column];
            const int lane = (row % 8) * 4 + column / 2;
            double result = 0.0;
            if (shape.half_sums) {
              const auto word = mma.get(static_cast<std::size_t>(row / 8), lane);
              const auto half = (word >> (16 * (column % 2))) & 0xffffu;
              result = std::bit_cast<float>(static_cast<std::uint32_t>(result_of("cvt.f32.f16", {half})));
            } else {
              const auto word = mma.get(static_cast<std::size_t>((row / 8) * 2 + column % 2), lane);
              result = std::bit_cast<float>(static_cast<std::uint32_t>(word));
            }
            worst = std::max(worst, std::fabs(result - exact));
          }
        // Multiples of 2^-12 below 64 are exact in float; a half rounds once.
        BOOST_TEST(worst <= (shape.half_sums ? 0x1p-6 : 0.0), shape.text << " on " << emulator::name_of(isa));
      }
}

BOOST_AUTO_TEST_CASE(bytes_accumulate_and_saturate) {
  const std::string base = "mma.sync.aligned.m16n8k32.row.col.";
  OneInstruction sum(base + "s32.u8.s8.s32");
  for (std::size_t k = 4; k < 8; ++k)
    sum.set_all(k, 0x02020202u);
  for (std::size_t k = 8; k < 10; ++k)
    sum.set_all(k, 0xffffffffu);
  for (std::size_t k = 10; k < 14; ++k)
    sum.set_all(k, 100);
  sum.run();
  for (std::size_t k = 0; k < 4; ++k)
    BOOST_TEST(static_cast<std::int32_t>(sum.get(k, 17)) == 100 - 64);
  OneInstruction clamped(base + "satfinite.s32.u8.u8.s32");
  for (std::size_t k = 4; k < 10; ++k)
    clamped.set_all(k, 0xffffffffu);
  for (std::size_t k = 10; k < 14; ++k)
    clamped.set_all(k, 0x7fffffffu);
  clamped.run();
  BOOST_TEST(clamped.get(3, 31) == 0x7fffffffu);
}

BOOST_AUTO_TEST_CASE(a_partial_warp_cannot_multiply) {
  OneInstruction mma(shapes[0].text);
  BOOST_CHECK_THROW(mma.run(0xffffu), emulator::KernelFault);
  BOOST_TEST(mma.form.warp_flops == 4096u);
  BOOST_TEST(!mma.form.reads_before_write_unsafe);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::test
