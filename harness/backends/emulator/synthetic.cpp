#include "harness/backends/emulator/synthetic.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "harness/backends/emulator/scheduler.hpp"

namespace attest::emulator {
namespace {

template <class From, class Narrow, class To, class Lane>
void widen(const Instruction& instruction, Warp& warp, Mask active) {
  const From* const source = warp.source_as<From>(instruction.operand[1]);
  Lane* const destination = warp.destination<Lane>(instruction.operand[0]);
  for (int lane = 0; lane < warp_lanes; ++lane)
    if ((active >> lane & 1u) != 0)
      destination[lane] = static_cast<Lane>(static_cast<To>(static_cast<Narrow>(source[lane])));
}

// From and Lane are what lies in a lane; Narrow is what counts of the source, To what the destination holds.
template <class From, class Narrow>
Handler narrow(Place to, std::uint8_t to_bits) {
  if (to == Place::pair) return &widen<From, Narrow, std::uint64_t, std::uint64_t>;
  if (to_bits == 8) return &widen<From, Narrow, std::uint8_t, std::uint32_t>;
  if (to_bits == 16) return &widen<From, Narrow, std::uint16_t, std::uint32_t>;
  return &widen<From, Narrow, std::uint32_t, std::uint32_t>;
}

template <class From>
Handler from_bits(std::uint8_t bits, bool is_signed, Place to, std::uint8_t to_bits) {
  switch (bits) {
    case 8:
      return is_signed ? narrow<From, std::int8_t>(to, to_bits) : narrow<From, std::uint8_t>(to, to_bits);
    case 16:
      return is_signed ? narrow<From, std::int16_t>(to, to_bits) : narrow<From, std::uint16_t>(to, to_bits);
    case 32:
      return is_signed ? narrow<From, std::int32_t>(to, to_bits) : narrow<From, std::uint32_t>(to, to_bits);
    default:
      return narrow<From, std::uint64_t>(to, to_bits);
  }
}

constexpr std::array<std::uint8_t, 4> widths{8, 16, 32, 64};

void copy_predicate(const Instruction& instruction, Warp& warp, Mask active) {
  warp.set_predicate(instruction.operand[0], warp.predicate(instruction.operand[1]), active);
}

template <class Lane>
void read_clock(const Instruction& instruction, Warp& warp, Mask active) {
  const std::uint64_t clock = instructions_so_far(warp, instruction.pc);
  Lane* const destination = warp.destination<Lane>(instruction.operand[0]);
  for (int lane = 0; lane < warp_lanes; ++lane)
    if ((active >> lane & 1u) != 0)
      destination[lane] = static_cast<Lane>(instruction.immediate != 0 ? clock >> 32 : clock);
}

}  // namespace

void do_nothing(const Instruction&, Warp&, Mask) {}

const Form& widening(std::uint8_t bits, bool is_signed, Place from, Place to, std::uint8_t to_bits) {
  static const std::vector<Form> forms = [] {
    std::vector<Form> all;
    for (const Place from_place : {Place::word, Place::pair})
      for (const Place to_place : {Place::word, Place::pair})
        for (const bool sign : {false, true})
          for (const std::uint8_t from_width : widths)
            for (const std::uint8_t to_width : widths) {
              Form& form = all.emplace_back();
              form.run = from_place == Place::pair ? from_bits<std::uint64_t>(from_width, sign, to_place, to_width)
                                                   : from_bits<std::uint32_t>(from_width, sign, to_place, to_width);
              form.operands = {{.place = to_place, .bits = to_width, .destination = true},
                               {.place = from_place, .bits = from_width}};
              form.kind = Class::move;
              form.reads_before_write_unsafe = from_place != to_place;
            }
    return all;
  }();
  const auto code = [](std::uint8_t width) {
    return static_cast<std::size_t>(std::find(widths.begin(), widths.end(), width) - widths.begin());
  };
  const std::size_t places = (from == Place::pair ? 2u : 0u) + (to == Place::pair ? 1u : 0u);
  return forms.at(((places * 2 + (is_signed ? 1 : 0)) * 4 + code(bits)) * 4 + code(to_bits));
}

const Form& predicate_copy() {
  static const Form form{
      .run = &copy_predicate,
      .operands = {{.place = Place::predicate, .bits = 1, .destination = true}, {.place = Place::predicate, .bits = 1}},
      .kind = Class::move};
  return form;
}

const Form& clock_read(Place to) {
  static const Form word{.run = &read_clock<std::uint32_t>,
                         .operands = {{.place = Place::word, .bits = 32, .destination = true}},
                         .kind = Class::move};
  static const Form pair{.run = &read_clock<std::uint64_t>,
                         .operands = {{.place = Place::pair, .bits = 64, .destination = true}},
                         .kind = Class::move};
  return to == Place::pair ? pair : word;
}

}  // namespace attest::emulator
