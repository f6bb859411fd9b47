// Every form of arithmetic on the instruction sets that this CPU has: the same bits in all registers, for whole and
// partial warps, random patterns and the values at the edges.

#include <boost/test/unit_test.hpp>
#include <random>

#include "harness/backends/emulator/fault.hpp"
#include "tests/ptx/warp_fixture.hpp"

namespace attest::test {
namespace {

using emulator::Isa;

bool has(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (isa == Isa::avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
  return isa == Isa::portable;
}

// Zeros, subnormals, ones, the largest, infinities, NaN and integers' ends, as 64 bits, two floats or four halves.
constexpr std::uint64_t edges[] = {0,
                                   1,
                                   0x8000000000000000u,
                                   0x7fffffffffffffffu,
                                   0xffffffffffffffffu,
                                   0x0000000080000000u,
                                   0x7f8000007f800000u,
                                   0xff8000007fc12345u,
                                   0x0000000100000001u,
                                   0x007fffff80000001u,
                                   0x7f7fffff00800000u,
                                   0x3f8000003f800000u,
                                   0x3ff0000000000000u,
                                   0x7ff0000000000000u,
                                   0xfff8000000000001u,
                                   0x000fffffffffffffu,
                                   0x7c007c007c007c00u,
                                   0xfc007e01fc007e01u,
                                   0x0001000180018001u,
                                   0x3c003c003c003c00u,
                                   0x7bff7bff7bff7bffu,
                                   0x4f0000004f000000u,
                                   0xcf000000cf000000u,
                                   0x43e0000000000000u,
                                   0xc1e0000000000000u,
                                   31,
                                   32,
                                   64};

void fill(OneInstruction& one, std::mt19937_64& random, bool calm) {
  for (std::size_t k = 0; k < one.form.operands.size(); ++k) {
    if (one.form.operands[k].place == emulator::Place::predicate) {
      one.set_predicate(k, static_cast<std::uint32_t>(random()));
      continue;
    }
    for (int lane = 0; lane < emulator::warp_lanes; ++lane) {
      std::uint64_t value = random() % 3 == 0 ? edges[random() % std::size(edges)] : random();
      // Calm: exponents around 1, so that floats do not only overflow.
      if (calm) value = (value & 0x800fffff803fffffu) | 0x3ff000003f800000u;
      if (random() % 8 == 0) value &= 63;
      one.set(k, lane, value);
    }
  }
  one.predicates[emulator::predicate_carry] = static_cast<std::uint32_t>(random());
  one.instruction.immediate = static_cast<std::int64_t>(random() & 255u);
}

// Runs and returns whether it faulted.
bool faults(OneInstruction& one, emulator::Mask active) {
  try {
    one.run(active);
    return false;
  } catch (const emulator::KernelFault&) {
    return true;
  }
}

BOOST_AUTO_TEST_SUITE(ptx_arithmetic_isa)

BOOST_AUTO_TEST_CASE(every_instruction_set_computes_the_same_bits) {
  const std::uint64_t seed = 20240607;
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (!has(isa)) {
      BOOST_TEST_MESSAGE("this CPU has no " << emulator::name_of(isa));
      continue;
    }
    for (const bool wide : {false, true})
      for (const std::string& name : emulator::known_arithmetic_forms()) {
        const bool is_mma = name.starts_with("mma.");
        if (wide && !is_mma) continue;
        const emulator::ArithmeticModel model{.wide_accumulation = wide};
        std::mt19937_64 random(seed);
        const int rounds = is_mma ? 40 : 12;
        bool differs = false;
        for (int round = 0; round < rounds && !differs; ++round) {
          OneInstruction left(name, Isa::portable, model);
          fill(left, random, round % 2 == 0);
          const emulator::Mask active =
              round % 4 == 3 && !is_mma ? static_cast<emulator::Mask>(random()) | 1u : emulator::all_lanes;
          left.warp.live = active;
          // Lanes that gather name each other.
          if (left.form.members) left.set_all(static_cast<std::size_t>(*left.form.members), active);
          OneInstruction right(name, isa, model);
          right.registers = left.registers;
          right.predicates = left.predicates;
          right.instruction.immediate = left.instruction.immediate;
          right.warp.live = active;
          const bool left_faults = faults(left, active);
          const bool right_faults = faults(right, active);
          differs = left_faults != right_faults || left.predicates != right.predicates ||
                    std::memcmp(left.registers.bytes, right.registers.bytes, sizeof(left.registers.bytes)) != 0;
        }
        if (differs)
          BOOST_TEST(!differs,
                     name << (wide ? " (wide)" : "") << " differs on " << emulator::name_of(isa) << ", seed " << seed);
      }
  }
}

BOOST_AUTO_TEST_CASE(lanes_outside_keep_their_destination) {
  std::mt19937_64 random(7);
  for (const Isa isa : {Isa::portable, Isa::avx2}) {
    if (!has(isa)) continue;
    for (const std::string& name : emulator::known_arithmetic_forms()) {
      if (name.starts_with("mma.")) continue;
      OneInstruction one(name, isa);
      fill(one, random, false);
      const emulator::Mask active = 0x0f0f3c01u;
      one.warp.live = active;
      if (one.form.members) one.set_all(static_cast<std::size_t>(*one.form.members), active);
      const auto before = one.registers;
      const auto predicates = one.predicates;
      if (faults(one, active)) continue;
      bool kept = true;
      for (std::size_t k = 0; k < one.form.operands.size(); ++k) {
        if (!one.form.operands[k].destination) continue;
        if (one.form.operands[k].place == emulator::Place::predicate) {
          kept &= ((one.predicate(k) ^ predicates[one.instruction.operand[k]]) & ~active) == 0;
          continue;
        }
        const auto after = one.registers;
        for (int lane = 0; lane < emulator::warp_lanes; ++lane) {
          if (((active >> lane) & 1u) != 0) continue;
          const std::uint64_t now = one.get(k, lane);
          one.registers = before;
          kept &= one.get(k, lane) == now;
          one.registers = after;
        }
      }
      if (!kept) BOOST_TEST(kept, name);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::test
