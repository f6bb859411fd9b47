#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "harness/backends/emulator/warp.hpp"

namespace attest::emulator {

/// What the race and initialisation checks know of a block's shared memory. Each warp has a vector of clocks: its own,
/// which barriers advance, and the newest of every other warp's that barriers have ordered before it. An access at
/// clock c of warp u is before what warp v does now where v's clock of u is at least c, whatever barrier made it so. An
/// entry stands for a 4-byte word, or, once a word was accessed in part, for each of its bytes. Clocks go on from block
/// to block, so that entries of earlier blocks are old without being cleared.
struct SharedShadow {
  static constexpr std::uint32_t most_warps = 32;

  /// The last write.
  struct Entry {
    std::uint32_t clock = 0;
    std::uint32_t pc = 0;
    Mask lanes = 0;           ///< active in the instruction that wrote
    std::uint32_t stamp = 0;  ///< which execution of an instruction
    std::uint8_t warp = 0;
    std::uint8_t lane = 0;
    bool strong = false;
    bool pending = false;  ///< a cp.async that has not landed
  };

  void begin_block(std::uint32_t shared_bytes, std::uint32_t warps_of_block);

  std::uint32_t warps = 0;
  std::uint32_t base = 0;   ///< first clock of this block
  std::uint32_t stamp = 0;  ///< of the last execution
  std::uint32_t clock[most_warps][most_warps] = {};
  std::vector<Entry> words;
  std::vector<Entry> bytes;
  std::vector<std::uint8_t> split;        ///< whether the bytes of a word stand for it
  std::vector<std::uint32_t> word_reads;  ///< clock of each warp's last read: words.size() * warps
  std::vector<std::uint32_t> byte_reads;
  std::vector<std::uint32_t> initialised;  ///< a bit a byte

  /// Makes the bytes of a word stand for it.
  void split_word(std::uint32_t word);
};

}  // namespace attest::emulator
