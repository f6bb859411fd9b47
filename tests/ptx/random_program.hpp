#pragma once

// Random programs of structured control flow, as a tree: written as PTX, and interpreted thread by thread in lockstep
// by the tree itself, which cannot go astray where a branch can.

#include <array>
#include <bitset>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace attest::ptx {

inline constexpr std::size_t program_threads = 96;
inline constexpr std::size_t program_values = 6;  // registers %v0.. of each thread

using Threads = std::bitset<program_threads>;
using Values = std::vector<std::array<std::uint32_t, program_values>>;  // by thread

/// Condition of a branch: a comparison of two values, or membership in a mask of lanes or of warps.
struct Condition {
  enum class Kind : std::uint8_t { less, bit, lanes, warps } kind = Kind::less;
  std::size_t a = 0;
  std::size_t b = 0;
  std::uint32_t mask = 0;
};

struct Statement {
  enum class Kind : std::uint8_t {
    arithmetic,
    wide,
    select,
    branch,
    loop,
    leave,
    next,
    shuffle,
    ballot,
    reduce,
    exchange
  };
  Kind kind = Kind::arithmetic;
  int operation = 0;
  std::size_t to = 0;
  std::size_t a = 0;
  std::size_t b = 0;
  std::uint32_t constant = 0;
  Condition condition;
  int level = 0;              ///< of leave and next: 0 is the innermost loop
  bool out_of_line = false;   ///< branch: its first part stands behind the end of the program
  bool tested_first = false;  ///< loop: the count is tested before the body
  bool of_value = false;      ///< loop: as often as a value says, else `constant` times
  std::uint32_t lanes = 0;    ///< shuffle, ballot, reduce: lanes of every warp that are here
  std::vector<Statement> first;
  std::vector<Statement> second;
};

/// A program of that seed.
std::vector<Statement> random_program(std::uint64_t seed);
/// As an entry `k` with one pointer parameter, to words: program_values of each thread, the blocks one after the other.
std::string program_text(const std::vector<Statement>& program);
/// What the values become.
void interpret(const std::vector<Statement>& program, Values& values);

}  // namespace attest::ptx
