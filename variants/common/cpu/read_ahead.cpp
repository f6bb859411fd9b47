#include "variants/common/cpu/read_ahead.hpp"

#include <algorithm>

namespace attest::tiles {
namespace {

constexpr std::int64_t line_bytes = 64;

}  // namespace

void ReadAhead::add(const Rows& rows, std::int64_t count, std::int64_t columns) {
  if (rows.column_stride != 1 || count <= 0 || spans_ == most_spans) return;
  const std::int64_t element = rows.storage == Storage::f32 ? 4 : 2;
  const std::int64_t width = columns * element;
  const std::ptrdiff_t stride = rows.row_stride * element;
  if (spans_ == taken_) line_ = 0;
  // Rows without a gap are one.
  const bool whole = stride == width;
  const std::int64_t bytes = whole ? width * count : width;
  span_[spans_++] = {static_cast<const char*>(rows.data), whole ? 1 : count, (bytes + line_bytes - 1) / line_bytes,
                     stride};
}

std::int64_t ReadAhead::lines() const {
  std::int64_t sum = 0;
  for (int index = 0; index < spans_; ++index)
    sum += span_[index].rows * span_[index].row_lines;
  return sum;
}

void ReadAhead::fetch(std::int64_t count) {
  while (count > 0 && taken_ < spans_) {
    Span& span = span_[taken_];
    const std::int64_t now = std::min(count, span.row_lines - line_);
    for (std::int64_t line = line_; line < line_ + now; ++line)
      __builtin_prefetch(span.at + line * line_bytes, 0, 2);
    line_ += now;
    count -= now;
    if (line_ < span.row_lines) continue;
    line_ = 0;
    span.at += span.row_bytes;
    if (--span.rows == 0) ++taken_;
  }
}

}  // namespace attest::tiles
