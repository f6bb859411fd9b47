#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/common/cpu/microkernels.hpp"

namespace attest::tiles {

/// Rows that are read next, brought into L2 while other work is done: packing would wait for each of their lines. A few
/// lines at a time, since a core waits when more than some ten are under way.
class ReadAhead {
 public:
  void clear() { spans_ = taken_ = 0; }
  /// `count` rows of `columns` columns. Columns that are not neighbours, and more than four sets, are not fetched.
  void add(const Rows& rows, std::int64_t count, std::int64_t columns);
  /// Lines of all rows together.
  std::int64_t lines() const;
  /// The next `count` lines, while there are any.
  void fetch(std::int64_t count);

 private:
  struct Span {
    const char* at;
    std::int64_t rows, row_lines;
    std::ptrdiff_t row_bytes;
  };
  static constexpr int most_spans = 4;
  Span span_[most_spans];
  int spans_ = 0;
  int taken_ = 0;          ///< spans done
  std::int64_t line_ = 0;  ///< of the row at hand
};

}  // namespace attest::tiles
