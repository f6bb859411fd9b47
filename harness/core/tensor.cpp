#include "harness/core/tensor.hpp"

#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <new>
#include <sys/mman.h>

#include "harness/core/error.hpp"

namespace attest {

std::string text_of(const Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

std::int64_t element_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) {
      complain("shape", text_of(shape) + " has more elements than 63 bits can count", "choose smaller sizes");
    }
  }
  return count;
}

TensorView TensorView::dense(void* data, DType dtype, const Shape& shape) {
  if (shape.size() > max_rank) complain("tensor", text_of(shape) + " has more than 4 dimensions", "give at most 4");
  TensorView view;
  view.data = data;
  view.dtype = dtype;
  view.rank = static_cast<int>(shape.size());
  std::int64_t stride = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    view.shape[axis] = shape[axis];
    view.strides[axis] = stride;
    stride *= shape[axis];
  }
  return view;
}

std::int64_t TensorView::element_count() const {
  std::int64_t count = 1;
  for (int axis = 0; axis < rank; ++axis)
    count *= shape[axis];
  return count;
}

bool TensorView::is_dense() const {
  std::int64_t stride = 1;
  for (int axis = rank - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && strides[axis] != stride) return false;
    stride *= shape[axis];
  }
  return true;
}

std::int64_t TensorView::offset(std::span<const std::int64_t> indices) const {
  std::int64_t sum = 0;
  for (std::size_t axis = 0; axis < indices.size(); ++axis)
    sum += indices[axis] * strides[axis];
  return sum;
}

TensorView TensorView::broadcast_to(const Shape& target, std::string_view name) const {
  const int target_rank = static_cast<int>(target.size());
  const auto refuse = [&] {
    complain(name, text_of(shape_vector()) + " does not broadcast to " + text_of(target),
             "each dimension, counted from the last, must be equal or 1");
  };
  if (rank > target_rank) refuse();
  TensorView result;
  result.data = data;
  result.dtype = dtype;
  result.rank = target_rank;
  for (int axis = 0; axis < target_rank; ++axis) {
    const int own = axis - (target_rank - rank);
    result.shape[axis] = target[axis];
    if (own < 0 || shape[own] == 1) {
      result.strides[axis] = 0;
    } else {
      if (shape[own] != target[axis]) refuse();
      result.strides[axis] = strides[own];
    }
  }
  return result;
}

void Tensor::Free::operator()(std::byte* pointer) const {
  std::free(pointer);
}

Tensor::Tensor(DType dtype, const Shape& shape) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(attest::element_count(shape), static_cast<std::int64_t>(size_of(dtype)), &bytes)) {
    complain("tensor", text_of(shape) + " overflows the address space", "choose smaller sizes");
  }
  bytes_ = static_cast<std::size_t>(bytes);
  // Large ones on huge pages where the system gives them: 4 KiB pages cost up to 1.4 times in bandwidth.
  constexpr std::size_t huge_page = std::size_t{2} << 20;
  const std::size_t alignment = bytes_ >= 2 * huge_page ? huge_page : 64;
  const std::size_t rounded = (bytes_ + alignment - 1) / alignment * alignment;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)));
  if (!memory_) throw std::bad_alloc();
  if (alignment == huge_page) madvise(memory_.get(), rounded, MADV_HUGEPAGE);
  std::memset(memory_.get(), 0, rounded);
  view_ = TensorView::dense(memory_.get(), dtype, shape);
}

const TensorView* TensorSet::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return &entry.view;
  }
  return nullptr;
}

const TensorView& TensorSet::at(std::string_view name) const {
  const TensorView* view = find(name);
  if (view == nullptr) complain("tensors", fmt::format("no tensor is named '{}'", name), "add it");
  return *view;
}

Tensor& TensorStorage::add(std::string name, DType dtype, const Shape& shape) {
  entries_.push_back({std::move(name), Tensor(dtype, shape)});
  return entries_.back().tensor;
}

const Tensor* TensorStorage::find(std::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return &entry.tensor;
  }
  return nullptr;
}

TensorSet TensorStorage::views() const {
  TensorSet set;
  for (const Entry& entry : entries_)
    set.add(entry.name, entry.tensor.view());
  return set;
}

std::size_t TensorStorage::bytes() const {
  std::size_t sum = 0;
  for (const Entry& entry : entries_)
    sum += entry.tensor.bytes();
  return sum;
}

Tensor converted(const TensorView& source, DType dtype) {
  Tensor result(dtype, source.shape_vector());
  std::array<std::int64_t, max_rank> extent{1, 1, 1, 1};
  for (int axis = 0; axis < source.rank; ++axis)
    extent[axis] = source.shape[axis];
  std::int64_t index = 0;
  for (std::int64_t i0 = 0; i0 < extent[0]; ++i0) {
    for (std::int64_t i1 = 0; i1 < extent[1]; ++i1) {
      for (std::int64_t i2 = 0; i2 < extent[2]; ++i2) {
        for (std::int64_t i3 = 0; i3 < extent[3]; ++i3) {
          store_element(result.view().data, dtype, index++, source.load(i0, i1, i2, i3));
        }
      }
    }
  }
  return result;
}

}  // namespace attest
