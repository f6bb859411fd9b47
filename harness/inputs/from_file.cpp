#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "harness/core/error.hpp"
#include "harness/inputs/generators.hpp"
#include "harness/inputs/input_values.hpp"

namespace attest {
namespace {

// Other names that files use for a tensor of ours.
struct Alias {
  std::string_view tensor;
  std::string_view in_files;
};
constexpr std::array aliases{Alias{"weights", "attn"}, Alias{"kv_lengths", "lengths"}};

bool is_floating(DType type) {
  return type != DType::i64 && type != DType::boolean;
}

// A dense array under another shape of as many elements.
TensorView reshaped(TensorView view, const Shape& shape) {
  return TensorView::dense(view.data, view.dtype, shape);
}

Shape with_leading_ones(Shape shape, std::size_t rank) {
  if (shape.size() < rank) shape.insert(shape.begin(), rank - shape.size(), 1);
  return shape;
}

bool broadcasts(const Shape& shape, const Shape& target) {
  if (shape.size() > target.size()) return false;
  const std::size_t missing = target.size() - shape.size();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != 1 && shape[axis] != target[axis + missing]) return false;
  }
  return true;
}

// The file's values in the tensor's type. A finite value that the type cannot hold would silently become another.
Tensor rounded(const TensorView& source, DType type, const std::string& place) {
  Tensor result = converted(source, type);
  if (type != DType::f16 && type != DType::bf16 && type != DType::f32) return result;
  const TensorView dense = reshaped(result.view(), {result.view().element_count()});
  const TensorView given = reshaped(source, {source.element_count()});
  for (std::int64_t index = 0; index < dense.element_count(); ++index) {
    if (std::isinf(dense.load(index)) && std::isfinite(given.load(index))) {
      complain(place, fmt::format("element {} is {}, which overflows {}", index, given.load(index), name_of(type)),
               "give a problem of a wider type");
    }
  }
  return result;
}

void check_type(const TensorSpec& spec, const TensorView& array, const std::string& place) {
  const auto refuse = [&](std::string_view right) {
    complain(place, fmt::format("is of type {}", name_of(array.dtype)), right);
  };
  if (spec.role == Role::mask) {
    if (array.dtype != DType::boolean) refuse("give bool, true = attend; what is added to scores is called bias");
  } else if (spec.role == Role::kv_lengths) {
    if (array.dtype != DType::i64) refuse("give int32 or int64");
  } else if (!is_floating(array.dtype)) {
    refuse("give a floating type");
  }
}

// A mask or bias under the rank that the variant declares: as given where it broadcasts to the declared shape of
// softmax attention, spread out where a variant declares a shape of its own.
Tensor broadcast_tensor(const TensorSpec& spec, TensorView array, const Problem& problem, const std::string& place) {
  const Problem& p = problem;
  const Shape whole{p.batch, p.heads_q, p.seq_q, p.seq_kv};
  const Shape padding{p.batch, p.seq_kv};
  Shape shape = array.shape_vector();
  const bool own_padding = spec.role == Role::mask && spec.shape == padding;
  if (spec.role == Role::mask && shape == padding &&
      (own_padding || !broadcasts(shape, {p.seq_q, p.seq_kv}) ||
       (spec.shape != whole && !broadcasts(shape, spec.shape)))) {
    shape = own_padding ? padding : Shape{p.batch, 1, 1, p.seq_kv};
  }
  if (own_padding && shape == Shape{p.batch, 1, 1, p.seq_kv}) shape = padding;
  shape = with_leading_ones(shape, spec.shape.size());
  if (!broadcasts(shape, spec.shape)) {
    complain(place,
             fmt::format("has shape {} where '{}' asks for {}", text_of(array.shape_vector()), p.text(),
                         text_of(spec.shape)),
             spec.role == Role::mask ? "give a shape that broadcasts to it, or (b, skv) for padding"
                                     : "give a shape that broadcasts to it");
  }
  array = reshaped(array, shape);
  if (spec.shape != whole) array = array.broadcast_to(spec.shape, spec.name);
  return spec.role == Role::mask ? converted(array, spec.dtype) : rounded(array, spec.dtype, place);
}

Tensor exact_tensor(const TensorSpec& spec, const TensorView& array, const Problem& problem, const std::string& place) {
  if (array.shape_vector() != spec.shape) {
    complain(place, fmt::format("has shape {}", text_of(array.shape_vector())),
             fmt::format("'{}' asks for {}", problem.text(), text_of(spec.shape)));
  }
  Tensor result = spec.role == Role::kv_lengths ? converted(array, DType::i64) : rounded(array, spec.dtype, place);
  if (spec.role == Role::kv_lengths) {
    for (std::int64_t batch = 0; batch < spec.shape[0]; ++batch) {
      const std::int64_t length = result.view().as<std::int64_t>()[batch];
      if (length < 0 || length > problem.seq_kv) {
        complain(place, fmt::format("length {} of batch entry {} is out of range", length, batch),
                 fmt::format("give 0 to {}", problem.seq_kv));
      }
    }
  }
  return result;
}

}  // namespace

const TensorView* find_array(const TensorSet& arrays, std::string_view tensor) {
  if (const TensorView* view = arrays.find(tensor)) return view;
  for (const Alias& alias : aliases) {
    if (alias.tensor != tensor) continue;
    if (const TensorView* view = arrays.find(alias.in_files)) return view;
  }
  return nullptr;
}

std::vector<std::string> unknown_arrays(const TensorSet& arrays, const Variant& variant, const Problem& problem) {
  std::vector<const TensorView*> known;
  for (const TensorSpec& spec : tensors_of(variant, problem))
    known.push_back(find_array(arrays, spec.name));
  std::vector<std::string> unknown;
  for (const TensorSet::Entry& entry : arrays.entries()) {
    if (std::find(known.begin(), known.end(), &entry.view) == known.end()) unknown.push_back(entry.name);
  }
  return unknown;
}

TensorStorage inputs_from_file(const TensorSet& arrays, const Variant& variant, const Problem& problem,
                               std::string_view place) {
  TensorStorage storage;
  for (const TensorSpec& spec : tensors_of(variant, problem)) {
    if (spec.role == Role::output) continue;
    const TensorView* found = find_array(arrays, spec.name);
    if (found == nullptr) {
      if (spec.optional) continue;
      complain(place, fmt::format("has no array '{}'", spec.name),
               fmt::format("{} needs it, of shape {}", variant.name, text_of(spec.shape)));
    }
    const std::string array_place = fmt::format("{}: array '{}'", place, spec.name);
    check_type(spec, *found, array_place);
    const bool broadcast = spec.role == Role::mask || spec.role == Role::bias;
    // Views of a caller may be strided; what follows reshapes.
    Tensor own;
    TensorView array = *found;
    if (!array.is_dense()) {
      own = converted(array, array.dtype);
      array = own.view();
    }
    storage.add(spec.name, broadcast ? broadcast_tensor(spec, array, problem, array_place)
                                     : exact_tensor(spec, array, problem, array_place));
  }
  return storage;
}

}  // namespace attest
