#pragma once

namespace attest::cuda {

/// Sizes of a tensor-core kernel, for device and host alike: `rows` query rows a block, 16 a warp; tiles of `keys`;
/// head dims up to `width`, padded with zeros in shared memory only.
template <int Width, int Keys, int Warps>
struct MmaShape {
  static constexpr int width = Width;
  static constexpr int keys = Keys;
  static constexpr int warps = Warps;
  static constexpr int threads = 32 * warps;
  static constexpr int rows = 16 * warps;
  static constexpr int own_rows = 2;  ///< of a lane's part of the fragments

  static constexpr int row_bytes = 2 * width;
  static constexpr int chunks = row_bytes / 16;  ///< of 16 bytes, the unit of copies and of the swizzle
  static constexpr int query_bytes = rows * row_bytes;
  static constexpr int tile_bytes = keys * row_bytes;
  static constexpr int flag_bytes = 4 * warps;

  /// Q, two tiles of K and two of V, and a word a warp. Q's place serves the output in the end.
  static constexpr int shared_bytes = query_bytes + 4 * tile_bytes + flag_bytes;

  static_assert(chunks == 4 || chunks % 8 == 0, "the swizzle is for rows of 64 bytes and multiples of 128");
  static_assert(threads % chunks == 0 && threads % keys == 0 && keys % 16 == 0);
};

/// The shapes in use, by the padded head dim.
template <int Width>
using MmaShapeFor = MmaShape<Width, (Width > 128 ? 32 : 64), 4>;

}  // namespace attest::cuda
