#pragma once

namespace attest::cuda {

/// Sizes of the f32 kernel, for device and host alike: 64 query rows a block, 16 x 16 threads of which each takes 4
/// rows; tiles of `keys`; head dims up to `width`, padded with zeros in shared memory only.
template <int Width, int Keys>
struct SimtShape {
  static constexpr int width = Width;
  static constexpr int keys = Keys;
  static constexpr int rows = 64;
  static constexpr int side = 16;  ///< threads beside each other: of one row, or of one column
  static constexpr int threads = side * side;
  static constexpr int own_rows = rows / side;
  static constexpr int own_keys = keys / side;

  static constexpr int chunks = width / 4;  ///< of 16 bytes
  static constexpr int query_bytes = rows * width * 4;
  static constexpr int tile_bytes = keys * width * 4;
  /// Floats from one row of weights to the next: 4 rows on, the banks are 16 further.
  static constexpr int weight_stride = keys + 4;
  static constexpr int weight_bytes = rows * weight_stride * 4;

  /// Q, two tiles of K and two of V, and the weights of one tile.
  static constexpr int shared_bytes = query_bytes + 4 * tile_bytes + weight_bytes;

  static_assert(keys % side == 0 && width % 32 == 0);
};

/// The shapes in use, by the padded head dim.
template <int Width>
using SimtShapeFor = SimtShape<Width, (Width <= 64    ? 64
                                       : Width <= 128 ? 32
                                                      : 16)>;

}  // namespace attest::cuda
