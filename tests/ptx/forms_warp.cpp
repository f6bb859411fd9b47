// Lanes that meet: shuffles in segments, votes, matches, reductions over the warp; with all lanes and with some.
#include <bit>
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Wants = std::vector<std::vector<Want>>;

bool is_active(const WarpSources& warp, std::size_t lane) {
  return (warp.active >> lane & 1) != 0;
}

/// Lane that `lane` reads, and whether it lies in range (PTX ISA, shfl.sync).
std::pair<int, bool> source_lane(const std::string& mode, int lane, std::uint64_t b, std::uint64_t c) {
  const int bval = static_cast<int>(b & 31);
  const int cval = static_cast<int>(c & 31);
  const int mask = static_cast<int>(c >> 8 & 31);
  const int last = (lane & mask) | (cval & ~mask);
  const int first = lane & mask;
  int j = 0;
  bool in_range = false;
  if (mode == "up") {
    j = lane - bval;
    in_range = j >= last;
  } else if (mode == "down") {
    j = lane + bval;
    in_range = j <= last;
  } else if (mode == "bfly") {
    j = lane ^ bval;
    in_range = j <= last;
  } else {
    j = first | (bval & ~mask);
    in_range = j <= last;
  }
  return {in_range ? j : lane, in_range};
}

FormCase shuffle(const std::string& mode, bool predicate) {
  return {.text = "shfl.sync." + mode + ".b32",
          .destinations = predicate ? std::vector<Type>{b32, pred} : std::vector<Type>{b32},
          .sources = {b32, b32, b32},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                for (int lane = 0; lane < 32; ++lane) {
                  const auto& s = warp.lanes[static_cast<std::size_t>(lane)];
                  const auto [j, in_range] = source_lane(mode, lane, s[1], s[2]);
                  d[static_cast<std::size_t>(lane)][0] = warp.lanes[static_cast<std::size_t>(j)][0];
                  if (predicate) d[static_cast<std::size_t>(lane)][1] = std::uint64_t{in_range};
                }
              },
          .operands = predicate ? "%d0|%d1, %s0, %s1, %s2, -1" : "%d0, %s0, %s1, %s2, -1",
          .count = 8192,
          // As compilers write them (a segment of 2^n lanes, clamped), and at random in other warps.
          .prepare =
              [=](std::vector<std::vector<std::uint64_t>>& tuples) {
                for (std::size_t i = 0; i < tuples.size(); ++i) {
                  const std::size_t warp = i / 32;
                  if (warp % 3 == 2) continue;
                  const std::uint64_t width = std::uint64_t{1} << (warp % 6);
                  tuples[i][2] = (32 - width) << 8 | (mode == "up" ? 0 : 31);
                  if (warp % 3 == 0) tuples[i][1] = warp / 3 % 32;
                }
              },
          .under_guard = false};
}

/// Of the lanes that take part alone, with a shuffle that reads among them: every lane reads the lowest.
FormCase broadcast() {
  return {
      .text = "{on}brev.b32 %t, %members;\n{on}clz.b32 %t, %t;\n{on}shfl.sync.idx.b32 %d0|%d1, %s0, %t, 31, %members;",
      .destinations = {b32, pred},
      .sources = {b32},
      .lane = {},
      .warp =
          [](const WarpSources& warp, Wants& d) {
            const auto lowest = static_cast<std::size_t>(std::countr_zero(warp.active));
            for (auto& lane : d) {
              lane[0] = warp.lanes[lowest][0];
              lane[1] = std::uint64_t{1};
            }
          },
      .declarations = ".reg .b32 %t;"};
}

/// `of_warp` gets the mask of the active lanes whose source 0 is true.
FormCase vote(const std::string& mode, bool negated,
              const std::function<std::uint64_t(std::uint32_t, std::uint32_t)>& of_warp) {
  const bool ballot = mode == "ballot";
  return {.text = "vote.sync." + mode + (ballot ? ".b32" : ".pred"),
          .destinations = {ballot ? b32 : pred},
          .sources = {pred},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                std::uint32_t yes = 0;
                for (std::size_t lane = 0; lane < 32; ++lane)
                  if (is_active(warp, lane) && (warp.lanes[lane][0] != 0) != negated) yes |= 1u << lane;
                for (auto& lane : d)
                  lane[0] = of_warp(yes, warp.active);
              },
          .operands = negated ? "%d0, !%s0, %members" : "%d0, %s0, %members",
          .prepare =
              [](std::vector<std::vector<std::uint64_t>>& tuples) {
                for (std::size_t i = 0; i < tuples.size(); ++i)  // all, none, and mixed
                  if (i / 32 % 3 != 0) tuples[i][0] = i / 32 % 3 - 1;
              }};
}

FormCase match(const Type& type, bool all) {
  return {.text = std::string("match.") + (all ? "all" : "any") + ".sync." + type.name,
          .destinations = all ? std::vector<Type>{b32, pred} : std::vector<Type>{b32},
          .sources = {type},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                for (std::size_t lane = 0; lane < 32; ++lane) {
                  std::uint32_t same = 0;
                  for (std::size_t other = 0; other < 32; ++other)
                    if (is_active(warp, other) && warp.lanes[other][0] == warp.lanes[lane][0]) same |= 1u << other;
                  d[lane][0] = all && same != warp.active ? 0u : same;
                  if (all) d[lane][1] = std::uint64_t{same == warp.active};
                }
              },
          .operands = all ? "%d0|%d1, %s0, %members" : "%d0, %s0, %members",
          .prepare =
              [](std::vector<std::vector<std::uint64_t>>& tuples) {
                for (std::size_t i = 0; i < tuples.size(); ++i)
                  if (i / 32 % 2 == 0) tuples[i][0] = i / 32 % 4 == 0 ? 5 : tuples[i][0] % 3;
              }};
}

FormCase reduction(const std::string& operation, const Type& type) {
  return {.text = "redux.sync." + operation + "." + type.name,
          .destinations = {type},
          .sources = {type},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                bool first = true;
                Wide result = 0;
                for (std::size_t lane = 0; lane < 32; ++lane) {
                  if (!is_active(warp, lane)) continue;
                  const Wide value = integer_value(warp.lanes[lane][0], type);
                  if (first)
                    result = value;
                  else if (operation == "add")
                    result += value;
                  else if (operation == "min")
                    result = value < result ? value : result;
                  else if (operation == "max")
                    result = value > result ? value : result;
                  else if (operation == "and")
                    result &= value;
                  else if (operation == "or")
                    result |= value;
                  else
                    result ^= value;
                  first = false;
                }
                for (auto& lane : d)
                  lane[0] = low_bits(static_cast<std::uint64_t>(result), 32);
              },
          .operands = "%d0, %s0, %members"};
}

}  // namespace

std::vector<FormCase> warp_forms() {
  std::vector<FormCase> forms;
  for (const std::string mode : {"up", "down", "bfly", "idx"})
    for (const bool predicate : {false, true})
      forms.push_back(shuffle(mode, predicate));
  forms.push_back(broadcast());
  for (const bool negated : {false, true}) {
    using Mask = std::uint32_t;
    forms.push_back(vote("all", negated, [](Mask yes, Mask active) { return std::uint64_t{yes == active}; }));
    forms.push_back(vote("any", negated, [](Mask yes, Mask) { return std::uint64_t{yes != 0}; }));
    forms.push_back(
        vote("uni", negated, [](Mask yes, Mask active) { return std::uint64_t{yes == 0 || yes == active}; }));
    forms.push_back(vote("ballot", negated, [](Mask yes, Mask) { return std::uint64_t{yes}; }));
  }
  for (const Type& type : {b32, b64})
    for (const bool all : {false, true})
      forms.push_back(match(type, all));
  for (const Type& type : {u32, s32})
    for (const std::string operation : {"add", "min", "max"})
      forms.push_back(reduction(operation, type));
  for (const std::string operation : {"and", "or", "xor"})
    forms.push_back(reduction(operation, b32));
  forms.push_back({.text = "activemask.b32",
                   .destinations = {b32},
                   .sources = {},
                   .lane = {},
                   .warp = [](const WarpSources& warp, Wants& d) {
                     for (auto& lane : d)
                       lane[0] = warp.active;
                   }});
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(lanes_meet_in_shuffles_votes_and_reductions) {
  check_forms(warp_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
