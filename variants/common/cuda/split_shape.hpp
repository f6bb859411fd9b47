#pragma once

namespace attest::cuda {

/// Sizes of a decoding kernel, for device and host alike. A block of 128 threads holds `rows` query rows; `lanes`
/// neighbouring threads share the columns of one key, `groups` of them take keys in turn, `batch` keys each at a time.
template <int ElementBytes, int Width, int Rows>
struct SplitShape {
  static constexpr int width = Width;
  static constexpr int rows = Rows;
  static constexpr int threads = 128;
  static constexpr int vector = 16 / ElementBytes;  ///< elements of one load
  static constexpr int lanes = Width / vector < 32 ? Width / vector : 32;
  static constexpr int parts = Width / (vector * lanes);  ///< loads a lane
  static constexpr int own = vector * parts;              ///< columns a lane
  static constexpr int groups = threads / lanes;
  static constexpr int batch = Rows == 1 ? 4 : 2;
  static constexpr int step = groups * batch;  ///< keys that a block takes at a time

  static_assert(Width % (vector * lanes) == 0);
};

}  // namespace attest::cuda
