#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/dtype.hpp"

namespace attest {

inline constexpr int max_rank = 4;

/// Dimensions, slowest first; up to max_rank.
using Shape = std::vector<std::int64_t>;

/// "(2, 8, 128, 64)".
std::string text_of(const Shape& shape);

/// Number of elements. Throws Error when it overflows 63 bits.
std::int64_t element_count(const Shape& shape);

/// A strided view of elements that somebody else owns. Strides are in elements, and may be 0 (broadcast).
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  int rank = 0;
  std::array<std::int64_t, max_rank> shape{};
  std::array<std::int64_t, max_rank> strides{};

  /// A dense view, last dimension contiguous.
  static TensorView dense(void* data, DType dtype, const Shape& shape);

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  Shape shape_vector() const { return Shape(shape.begin(), shape.begin() + rank); }
  std::int64_t element_count() const;
  bool is_dense() const;

  /// Element offset of the leading indices; the trailing ones are 0.
  std::int64_t offset(std::span<const std::int64_t> indices) const;
  std::int64_t offset(std::int64_t i0, std::int64_t i1 = 0, std::int64_t i2 = 0, std::int64_t i3 = 0) const {
    return i0 * strides[0] + i1 * strides[1] + i2 * strides[2] + i3 * strides[3];
  }

  /// One element through double. No check of the indices.
  double load(std::int64_t i0, std::int64_t i1 = 0, std::int64_t i2 = 0, std::int64_t i3 = 0) const {
    return load_element(data, dtype, offset(i0, i1, i2, i3));
  }

  /// The same elements seen as `target` (rank 4) by numpy's broadcasting: missing leading dimensions and dimensions of
  /// 1 repeat. Throws Error naming `name` when the shapes do not broadcast.
  TensorView broadcast_to(const Shape& target, std::string_view name) const;
};

/// A dense tensor that owns its memory, aligned to 64 bytes; the memory starts as zeros.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape);

  const TensorView& view() const { return view_; }
  std::size_t bytes() const { return bytes_; }
  std::span<std::byte> raw() const { return {memory_.get(), bytes_}; }

 private:
  struct Free {
    void operator()(std::byte* pointer) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t bytes_ = 0;
  TensorView view_;
};

/// Named views, in the order given. Holds no memory.
class TensorSet {
 public:
  void add(std::string name, TensorView view) { entries_.push_back({std::move(name), view}); }

  /// The view of that name, or null.
  const TensorView* find(std::string_view name) const;
  /// The view of that name. Throws Error when there is none.
  const TensorView& at(std::string_view name) const;

  struct Entry {
    std::string name;
    TensorView view;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// Named tensors that own their memory.
class TensorStorage {
 public:
  /// Adds a tensor of zeros and returns it; the reference stays good until the next add.
  Tensor& add(std::string name, DType dtype, const Shape& shape);
  void add(std::string name, Tensor tensor) { entries_.push_back({std::move(name), std::move(tensor)}); }

  const Tensor* find(std::string_view name) const;
  TensorSet views() const;
  std::size_t bytes() const;

  struct Entry {
    std::string name;
    Tensor tensor;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// `source` converted to `dtype`, dense, rounded to nearest even.
Tensor converted(const TensorView& source, DType dtype);

}  // namespace attest
