// Handlers of arithmetic on hand-made warps. The values provoke what PTX fixes at the edges: wrap-around, clamped
// shifts, flushing, NaN and signed zero, saturation, lanes that do not take part.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "harness/backends/emulator/fault.hpp"
#include "tests/ptx/warp_fixture.hpp"

namespace attest::test {
namespace {

using emulator::all_lanes;
using emulator::Isa;
using emulator::Mask;

constexpr std::uint64_t nan32 = 0x7fffffffu;
constexpr std::uint64_t infinity32 = 0x7f800000u;

BOOST_AUTO_TEST_SUITE(ptx_arithmetic)

BOOST_AUTO_TEST_CASE(integers_wrap_and_saturate_where_asked) {
  BOOST_TEST(result_of("add.s32", {0x7fffffffu, 1}) == 0x80000000u);
  BOOST_TEST(result_of("add.sat.s32", {0x7fffffffu, 1}) == 0x7fffffffu);
  BOOST_TEST(result_of("sub.sat.s32", {0x80000000u, 1}) == 0x80000000u);
  BOOST_TEST(result_of("add.u16", {0xffffu, 2}) == 1u);
  BOOST_TEST(result_of("mul.wide.s16", {0xffffu, 3}) == 0xfffffffdu);
  BOOST_TEST(result_of("mul.wide.u32", {0xffffffffu, 0xffffffffu}) == 0xfffffffe00000001u);
  BOOST_TEST(result_of("mad.wide.s32", {0xffffffffu, 8, 100}) == 92u);
  BOOST_TEST(result_of("mul.hi.s64", {0xffffffffffffffffu, 5}) == 0xffffffffffffffffu);
  BOOST_TEST(result_of("mul.hi.u64", {0xffffffffffffffffu, 5}) == 4u);
  BOOST_TEST(result_of("div.s32", {0x80000000u, 0xffffffffu}) == 0x80000000u);
  BOOST_TEST(result_of("div.u32", {7, 0}) == 0xffffffffu);
  BOOST_TEST(result_of("rem.s32", {0xfffffff9u, 3}) == 0xffffffffu);
  BOOST_TEST(result_of("sad.s32", {0x80000000u, 0x7fffffffu, 1}) == 0u);
  BOOST_TEST(result_of("dp4a.s32.u32", {0xff80017fu, 0x01ffff01u, 10}) ==
             static_cast<std::uint32_t>(127 + 255 - 128 * 255 - 1 + 10));
}

BOOST_AUTO_TEST_CASE(the_carry_flag_joins_two_words) {
  OneInstruction low("add.cc.u32");
  low.set_all(1, 0xffffffffu);
  low.set_all(2, 1);
  low.set(2, 5, 0);
  low.run();
  BOOST_TEST(low.predicates[emulator::predicate_carry] == (all_lanes & ~(1u << 5)));
  OneInstruction high("addc.u32");
  high.predicates[emulator::predicate_carry] = low.predicates[emulator::predicate_carry];
  high.set_all(1, 7);
  high.run();
  BOOST_TEST(high.get(0, 4) == 8u);
  BOOST_TEST(high.get(0, 5) == 7u);
  OneInstruction borrow("sub.cc.s64");
  borrow.set_all(2, 1);
  borrow.run();
  BOOST_TEST(borrow.get(0, 0) == ~std::uint64_t{0});
  BOOST_TEST(borrow.predicates[emulator::predicate_carry] == all_lanes);
}

BOOST_AUTO_TEST_CASE(shifts_clamp_and_fields_end_at_the_top) {
  BOOST_TEST(result_of("shl.b32", {1, 32}) == 0u);
  BOOST_TEST(result_of("shl.b16", {0x8001u, 1}) == 2u);
  BOOST_TEST(result_of("shr.s32", {0x80000000u, 100}) == 0xffffffffu);
  BOOST_TEST(result_of("shr.u64", {0x8000000000000000u, 63}) == 1u);
  BOOST_TEST(result_of("shr.s16", {0x8000u, 20}) == 0xffffu);
  BOOST_TEST(result_of("shf.l.wrap.b32", {0x80000001u, 2, 33}) == 5u);
  BOOST_TEST(result_of("shf.r.clamp.b32", {1, 2, 40}) == 2u);
  BOOST_TEST(result_of("bfe.s32", {0x80u, 4, 4}) == 0xfffffff8u);
  BOOST_TEST(result_of("bfe.s32", {0x80000000u, 30, 8}) == 0xfffffffeu);
  BOOST_TEST(result_of("bfe.u32", {0xffffffffu, 28, 8}) == 0xfu);
  BOOST_TEST(result_of("bfe.u64", {0xffffffffffffffffu, 4, 64}) == 0x0fffffffffffffffu);
  BOOST_TEST(result_of("bfi.b32", {0xffu, 0, 28, 8}) == 0xf0000000u);
  BOOST_TEST(result_of("bfind.u32", {0x00800000u}) == 23u);
  BOOST_TEST(result_of("bfind.s32", {0xffffffffu}) == 0xffffffffu);
  BOOST_TEST(result_of("bfind.shiftamt.u32", {1}) == 31u);
  BOOST_TEST(result_of("fns.b32", {0xaaaaaaaau, 3, 2}) == 5u);
  BOOST_TEST(result_of("fns.b32", {0xaaaaaaaau, 3, 0xfffffffeu}) == 1u);
  BOOST_TEST(result_of("brev.b32", {1}) == 0x80000000u);
  BOOST_TEST(result_of("popc.b64", {0xff00000000000001u}) == 9u);
  BOOST_TEST(result_of("clz.b64", {1}) == 63u);
  BOOST_TEST(result_of("prmt.b32", {0x33221100u, 0x77665544u, 0x7420u}) == 0x77442200u);
  BOOST_TEST(result_of("prmt.b32", {0x80000000u, 0, 0xb0u}) == 0xff00u);
  for (std::uint64_t table = 0; table < 256; table += 37) {
    const std::uint64_t a = 0xf0f0a5c3u, b = 0xcccc1234u, c = 0xaaaa9876u;
    std::uint64_t expected = 0;
    for (int bit = 0; bit < 32; ++bit) {
      const auto index = ((a >> bit) & 1) * 4 + ((b >> bit) & 1) * 2 + ((c >> bit) & 1);
      expected |= ((table >> index) & 1) << bit;
    }
    BOOST_TEST(result_of("lop3.b32", {a, b, c, table}) == expected);
  }
}

BOOST_AUTO_TEST_CASE(floats_flush_saturate_and_round_as_asked) {
  const std::uint64_t subnormal = 0x80000001u;
  BOOST_TEST(result_of("add.f32", {subnormal, bits_of(-0.0f)}) == subnormal);
  BOOST_TEST(result_of("add.ftz.f32", {subnormal, bits_of(-0.0f)}) == 0x80000000u);
  BOOST_TEST(result_of("mul.rn.ftz.f32", {0x00800000u, bits_of(0.5f)}) == 0u);
  BOOST_TEST(result_of("mul.rn.f32", {0x00800000u, bits_of(0.5f)}) == 0x00400000u);
  BOOST_TEST(result_of("add.sat.f32", {bits_of(2.0f), bits_of(3.0f)}) == bits_of(1.0f));
  BOOST_TEST(result_of("add.sat.f32", {infinity32, 0xff800000u}) == 0u);
  BOOST_TEST(result_of("add.f32", {infinity32, 0xff800000u}) == nan32);
  const std::uint64_t one = bits_of(1.0f), tiny = bits_of(0x1p-30f);
  BOOST_TEST(result_of("add.rz.f32", {one, tiny}) == one);
  BOOST_TEST(result_of("add.rp.f32", {one, tiny}) == one + 1);
  BOOST_TEST(result_of("sub.rm.f32", {one, tiny}) == one - 1);
  BOOST_TEST(result_of("fma.rm.f32", {bits_of(-1.0f), tiny, one}) == one - 1);
  BOOST_TEST(result_of("fma.rn.f32", {bits_of(0x1.000002p0f), bits_of(0x1.000002p0f), bits_of(-0x1.000004p0f)}) ==
             bits_of(0x1p-46f));
  BOOST_TEST(result_of("add.rm.f64", {bits_of(1.0), bits_of(-1.0)}) == bits_of(-0.0));
  BOOST_TEST(result_of("div.rp.f32", {one, bits_of(3.0f)}) == bits_of(std::nextafterf(1.0f / 3.0f, 0.0f)) + 1);
  // Afterwards the host rounds as before.
  BOOST_TEST(result_of("add.f32", {one, tiny}) == one);
}

BOOST_AUTO_TEST_CASE(extremes_prefer_numbers_and_order_zeros) {
  const std::uint64_t one = bits_of(1.0f), minus_zero = 0x80000000u;
  BOOST_TEST(result_of("max.f32", {nan32, one}) == one);
  BOOST_TEST(result_of("min.f32", {one, nan32}) == one);
  BOOST_TEST(result_of("max.NaN.f32", {one, nan32}) == nan32);
  BOOST_TEST(result_of("min.NaN.f32", {nan32, one}) == nan32);
  BOOST_TEST(result_of("max.f32", {minus_zero, 0}) == 0u);
  BOOST_TEST(result_of("min.f32", {0, minus_zero}) == minus_zero);
  BOOST_TEST(result_of("max.xorsign.abs.f32", {bits_of(-3.0f), bits_of(2.0f)}) == bits_of(-3.0f));
  BOOST_TEST(result_of("neg.f32", {0}) == minus_zero);
  BOOST_TEST(result_of("abs.ftz.f32", {0x80000001u}) == 0u);
}

BOOST_AUTO_TEST_CASE(comparisons_know_unordered_and_combine) {
  const std::uint64_t one = bits_of(1.0f);
  BOOST_TEST(result_of("setp.ne.f32", {nan32, one}) == 0u);
  BOOST_TEST(result_of("setp.neu.f32", {nan32, one}) == all_lanes);
  BOOST_TEST(result_of("setp.ltu.f32", {one, nan32}) == all_lanes);
  BOOST_TEST(result_of("setp.num.f32", {one, one}) == all_lanes);
  BOOST_TEST(result_of("setp.equ.f32", {one, one}) == all_lanes);
  BOOST_TEST(result_of("setp.eq.ftz.f32", {0x80000001u, 0}) == all_lanes);
  BOOST_TEST(result_of("setp.lt.s32", {0xffffffffu, 0}) == all_lanes);
  BOOST_TEST(result_of("setp.hi.u32", {0xffffffffu, 0}) == all_lanes);
  BOOST_TEST(result_of("setp.lt.s16", {0x8000u, 0}) == all_lanes);
  OneInstruction both("setp.lt.and.s32");
  for (int lane = 0; lane < 32; ++lane)
    both.set(2, lane, static_cast<std::uint64_t>(lane));
  both.set_all(3, 16);
  both.set_predicate(4, 0x00ff00ffu);
  both.instruction.negated = 1u << 4;
  both.run(0x0fffffffu);
  BOOST_TEST(both.predicate(0) == (0x0000ffffu & 0xff00ff00u));
  BOOST_TEST(both.predicate(1) == (0xffff0000u & 0xff00ff00u & 0x0fffffffu));
  BOOST_TEST(result_of("set.le.u32.f16x2", {0x3c004000u, 0x3c003c00u}) == 0xffff0000u);
  BOOST_TEST(result_of("testp.normal.f32", {0}) == all_lanes);
  BOOST_TEST(result_of("testp.subnormal.f64", {1}) == all_lanes);
}

BOOST_AUTO_TEST_CASE(conversions_clamp_round_and_narrow) {
  BOOST_TEST(result_of("cvt.rzi.s32.f32", {bits_of(3e9f)}) == 0x7fffffffu);
  BOOST_TEST(result_of("cvt.rzi.u32.f32", {bits_of(-3.0f)}) == 0u);
  BOOST_TEST(result_of("cvt.rzi.u32.f32", {bits_of(3e9f)}) == 3000000000u);
  BOOST_TEST(result_of("cvt.rni.s32.f32", {bits_of(2.5f)}) == 2u);
  BOOST_TEST(result_of("cvt.rpi.s32.f32", {bits_of(2.1f)}) == 3u);
  BOOST_TEST(result_of("cvt.rzi.s32.f32", {nan32}) == 0u);
  BOOST_TEST(result_of("cvt.rzi.s64.f32", {nan32}) == 0x8000000000000000u);
  BOOST_TEST(result_of("cvt.rzi.u64.f64", {bits_of(1e300)}) == ~std::uint64_t{0});
  BOOST_TEST(result_of("cvt.rzi.s8.f32", {bits_of(-200.0f)}) == 0x80u);
  BOOST_TEST(result_of("cvt.rn.f32.u64", {~std::uint64_t{0}}) == bits_of(0x1p64f));
  BOOST_TEST(result_of("cvt.rz.f32.u64", {~std::uint64_t{0}}) == bits_of(0x1.fffffep63f));
  BOOST_TEST(result_of("cvt.rm.f64.u64", {0}) == 0u);
  BOOST_TEST(result_of("cvt.rn.f32.s32", {0xffffffffu}) == bits_of(-1.0f));
  BOOST_TEST(result_of("cvt.sat.u8.s32", {0xffffff00u}) == 0u);
  BOOST_TEST(result_of("cvt.sat.s8.u32", {300}) == 127u);
  BOOST_TEST(result_of("cvt.s32.s8", {0x80u}) == 0xffffff80u);
  BOOST_TEST(result_of("cvt.u16.u64", {0x123456789u}) == 0x6789u);
  BOOST_TEST(result_of("cvt.rn.f16.f32", {bits_of(65520.0f)}) == 0x7c00u);
  BOOST_TEST(result_of("cvt.rz.f16.f32", {bits_of(1e9f)}) == 0x7bffu);
  BOOST_TEST(result_of("cvt.rp.f16.f32", {bits_of(1e-9f)}) == 1u);
  BOOST_TEST(result_of("cvt.rn.f16.f64", {bits_of(1.0 + 0x1p-11 + 0x1p-40)}) == 0x3c01u);
  BOOST_TEST(result_of("cvt.rn.bf16.f32", {bits_of(1.00390625f)}) == 0x3f80u);
  BOOST_TEST(result_of("cvt.rn.relu.bf16x2.f32", {bits_of(2.0f), bits_of(-1.0f)}) == 0x40000000u);
  BOOST_TEST(result_of("cvt.rn.f16x2.f32", {bits_of(1.0f), bits_of(2.0f)}) == 0x3c004000u);
  BOOST_TEST(result_of("cvt.rna.tf32.f32", {0x3f801000u}) == 0x3f802000u);
  BOOST_TEST(result_of("cvt.pack.sat.s16.s32", {0xffff0000u, 70000}) == 0x80007fffu);
  BOOST_TEST(result_of("cvt.sat.f32.f32", {nan32}) == 0u);
  for (std::uint64_t half = 0; half < 0x10000; ++half) {
    const std::uint64_t single = result_of("cvt.f32.f16", {half});
    const std::uint64_t back = result_of("cvt.rn.f16.f32", {single});
    const bool is_nan = (half & 0x7fffu) > 0x7c00u;
    if (back != (is_nan ? 0x7fffu : half)) BOOST_TEST(back == half);
    if (!is_nan) {
      const double expected = std::ldexp(
          (half & 0x7c00u) != 0 ? 1024.0 + static_cast<double>(half & 1023u) : static_cast<double>(half & 1023u),
          std::max<int>(static_cast<int>((half >> 10) & 31u), 1) - 25);
      const float value = std::fabs(std::bit_cast<float>(static_cast<std::uint32_t>(single)));
      if ((half & 0x7c00u) != 0x7c00u && value != expected) BOOST_TEST(value == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(moves_pack_and_unpack) {
  BOOST_TEST(result_of("mov.pack2.b32", {0x1111u, 0x2222u}) == 0x22221111u);
  BOOST_TEST(result_of("mov.pack2.b64", {1, 2}) == 0x200000001u);
  OneInstruction unpack("mov.unpack4.b64");
  unpack.set_all(4, 0x4444333322221111u);
  unpack.run();
  BOOST_TEST(unpack.get(0, 31) == 0x1111u);
  BOOST_TEST(unpack.get(3, 0) == 0x4444u);
  BOOST_TEST(result_of("selp.b32", {1, 2, 0}) == 2u);
  BOOST_TEST(result_of("slct.f32.s32", {1, 2, 0x80000000u}) == 2u);
  OneInstruction partial("mov.b32");
  partial.set_all(1, 9);
  partial.run(0x5u);
  BOOST_TEST(partial.get(0, 0) == 9u);
  BOOST_TEST(partial.get(0, 1) == 0u);
  BOOST_TEST(partial.get(0, 2) == 9u);
}

BOOST_AUTO_TEST_CASE(shuffles_keep_own_value_outside_the_segment) {
  const auto shuffled = [](std::string_view text, std::uint64_t b, std::uint64_t c, int lane, bool& inside) {
    OneInstruction one(text);
    for (int k = 0; k < 32; ++k)
      one.set(2, k, static_cast<std::uint64_t>(100 + k));
    one.set_all(3, b);
    one.set_all(4, c);
    one.set_all(5, all_lanes);
    one.run();
    inside = ((one.predicate(1) >> lane) & 1u) != 0;
    return one.get(0, lane);
  };
  bool inside = false;
  BOOST_TEST(shuffled("shfl.sync.up.b32", 1, 0, 0, inside) == 100u);
  BOOST_TEST(!inside);
  BOOST_TEST(shuffled("shfl.sync.up.b32", 1, 0, 5, inside) == 104u);
  BOOST_TEST(inside);
  BOOST_TEST(shuffled("shfl.sync.down.b32", 4, 31, 30, inside) == 130u);
  BOOST_TEST(!inside);
  BOOST_TEST(shuffled("shfl.sync.bfly.b32", 16, 31, 3, inside) == 119u);
  // Segments of 8 lanes: c = (32 - 8) << 8 | 31.
  BOOST_TEST(shuffled("shfl.sync.idx.b32", 9, 0x181f, 20, inside) == 117u);
  BOOST_TEST(shuffled("shfl.sync.down.b32", 4, 0x181f, 6, inside) == 106u);
  OneInstruction partial("shfl.sync.bfly.b32");
  partial.set_all(3, 1);
  partial.set_all(4, 31);
  partial.set_all(5, 0x7u);
  partial.warp.live = 0x7u;
  BOOST_CHECK_THROW(partial.run(0x7u), emulator::KernelFault);
  partial.set_all(5, 0xfu);
  partial.warp.live = 0xfu;
  BOOST_CHECK_NO_THROW(partial.run(0xfu));
  BOOST_CHECK_THROW(partial.run(0x3u), emulator::KernelFault);
}

BOOST_AUTO_TEST_CASE(votes_matches_and_reductions_see_their_members) {
  OneInstruction ballot("vote.sync.ballot.b32");
  ballot.set_predicate(1, 0xff0u);
  ballot.set_all(2, 0x3fu);
  ballot.warp.live = 0x3fu;
  ballot.run(0x3fu);
  BOOST_TEST(ballot.get(0, 0) == 0x30u);
  OneInstruction any("match.any.sync.b32");
  for (int lane = 0; lane < 32; ++lane)
    any.set(1, lane, static_cast<std::uint64_t>(lane % 2));
  any.set_all(2, all_lanes);
  any.run();
  BOOST_TEST(any.get(0, 1) == 0xaaaaaaaau);
  OneInstruction add("redux.sync.add.s32");
  for (int lane = 0; lane < 32; ++lane)
    add.set(1, lane, static_cast<std::uint64_t>(lane));
  add.set_all(2, all_lanes);
  add.run();
  BOOST_TEST(add.get(0, 7) == 496u);
}

BOOST_AUTO_TEST_CASE(unknown_forms_are_refused) {
  for (const char* text : {"add",
                           "add.b32",
                           "add.f32.rn.rn",
                           "add.rni.f32",
                           "add.ftz.f64",
                           "add.ftz.bf16",
                           "neg.b16",
                           "neg.u32",
                           "shfl.up.b32",
                           "shl.s32",
                           "setp.lo.s32",
                           "setp.lt.b32",
                           "setp.equ.s32",
                           "setp.lt.ftz.bf16",
                           "cvt.f16.f32",
                           "cvt.s32.f32",
                           "cvt.rn.s32.f32",
                           "cvt.sat.s32.s16",
                           "cvt.rn.sat.bf16.f32",
                           "fma.f32",
                           "fma.rn.sat.bf16",
                           "mul.s32",
                           "mul.s16.wide",
                           "mul.wide.s64",
                           "mad.lo.cc.s16",
                           "div.ftz.full.f32",
                           "elect.sync",
                           "mov",
                           "mov.f16",
                           "mov.v2.b32",
                           "min.ftz.f64",
                           "lop3",
                           "mma.sync.aligned.m16n8k16.col.row.f32.bf16.bf16.f32",
                           ""})
    BOOST_TEST(!form_named(text, Isa::portable).has_value(), text);
}

BOOST_AUTO_TEST_CASE(modifiers_stand_in_any_order_but_types_do_not) {
  const auto handler = [](const char* text) {
    const auto form = form_named(text, Isa::portable);
    BOOST_REQUIRE_MESSAGE(form.has_value(), text);
    return form->run;
  };
  BOOST_TEST(handler("add.f32.ftz.rz") == handler("add.rz.ftz.f32"));
  BOOST_TEST(handler("min.s16x2.relu") == handler("min.relu.s16x2"));
  BOOST_TEST(handler("shfl.bfly.sync.b32") == handler("shfl.sync.bfly.b32"));
  BOOST_TEST(handler("cvt.u32.s8") != handler("cvt.s8.u32"));
  BOOST_TEST(handler("cvt.rn.f32.f64.ftz") == handler("cvt.rn.ftz.f32.f64"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::test
