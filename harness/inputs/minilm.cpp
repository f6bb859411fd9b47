#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/inputs/input_values.hpp"
#include "harness/inputs/tensor_file.hpp"

// What the arrays are and where they come from: minilm/README.md.

namespace attest {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t text_batch = 2;  // layers 0 and 3, in this order
constexpr std::int64_t text_heads = 12;
constexpr std::int64_t text_tokens = 512;
constexpr std::int64_t head_dim = 32;
constexpr std::int64_t module_batch = 8;
constexpr std::int64_t module_tokens = 30;
constexpr std::int64_t module_width = 384;
constexpr std::string_view module_file = "module_layer1.npz";
constexpr const char* text_files[] = {"license_layer0.npz", "license_layer3.npz"};

// Where the files may lie. A folder that the user names is the only one that is looked at.
std::vector<fs::path> folders() {
  if (const char* named = std::getenv("ATTEST_DATA"); named != nullptr && *named != '\0') {
    return {fs::path(named) / "minilm"};
  }
  std::vector<fs::path> result{fs::path(ATTEST_SOURCE_DIR) / "harness" / "inputs" / "minilm"};
  std::error_code error;
  const fs::path binary = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    result.push_back(binary.parent_path() / "minilm");
    result.push_back(binary.parent_path().parent_path() / "share" / "attest" / "minilm");
  }
  return result;
}

// The file's path, or an empty one.
fs::path find_data(std::string_view name) {
  for (const fs::path& folder : folders()) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) return folder / name;
  }
  return {};
}

TensorStorage read_data(std::string_view name) {
  return read_npz(find_data(name).string());
}

Support needs_data(std::string_view name) {
  if (!find_data(name).empty()) return Support::yes();
  std::string looked;
  for (const fs::path& folder : folders())
    looked += fmt::format("{}{}", looked.empty() ? "" : ", ", folder.string());
  return Support::no(fmt::format("{} is not in {}; let ATTEST_DATA name the folder that holds minilm/", name, looked));
}

bool is_module(const InputLayout& layout) {
  return !layout.has_heads() && layout.find("x") != nullptr && layout.find("w_q") != nullptr;
}

// A module's own source of keys is the same text.
std::string_view array_of(const TensorSpec& spec) {
  return spec.name == "x_kv" ? std::string_view("x") : std::string_view(spec.name);
}

Support supports_module(const InputLayout& layout, const Problem& problem) {
  const Problem& p = problem;
  if (p.heads_q * p.head_dim != module_width || p.heads_q != text_heads || p.heads_kv != text_heads ||
      p.head_dim_v != head_dim || p.batch > module_batch || p.seq_q > module_tokens || p.seq_kv > module_tokens) {
    return Support::no(
        fmt::format("minilm has a module of d_model=384 hq12 on 8 texts of 30 tokens; give d_model=384 hq12 "
                    "hkv12, b up to {}, sq and skv up to {}",
                    module_batch, module_tokens));
  }
  if (const Support data = needs_data(module_file); !data) return data;
  const TensorStorage arrays = read_data(module_file);
  for (const TensorSpec& spec : layout.inputs()) {
    if (!InputLayout::is_made(spec, presence_of_minilm(layout)) || spec.role == Role::mask ||
        spec.role == Role::kv_lengths) {
      continue;
    }
    const Tensor* array = arrays.find(array_of(spec));
    if (array == nullptr) {
      return Support::no(fmt::format("minilm has no array for '{}'; give a problem without it", spec.name));
    }
    Shape shape = array->view().shape_vector();
    if (spec.role != Role::weight && spec.shape.size() == 3 && shape.size() == 3) {
      shape = {std::min(spec.shape[0], shape[0]), std::min(spec.shape[1], shape[1]), shape[2]};
    }
    if (shape != spec.shape) {
      return Support::no(fmt::format("minilm has '{}' of {}, and the problem asks for {}; give d_model=384 hq12",
                                     spec.name, text_of(array->view().shape_vector()), text_of(spec.shape)));
    }
  }
  return Support::yes();
}

// The first elements of each dimension of `source`, which is at least as large as `target`.
void copy_corner(const TensorView& source, const Tensor& target) {
  const TensorView& view = target.view();
  std::array<std::int64_t, max_rank> extent{1, 1, 1, 1};
  std::copy(view.shape.begin(), view.shape.begin() + view.rank, extent.begin());
  std::int64_t index = 0;
  for (std::int64_t i0 = 0; i0 < extent[0]; ++i0) {
    for (std::int64_t i1 = 0; i1 < extent[1]; ++i1) {
      for (std::int64_t i2 = 0; i2 < extent[2]; ++i2) {
        for (std::int64_t i3 = 0; i3 < extent[3]; ++i3)
          store_rounded(view.data, view.dtype, index++, source.load(i0, i1, i2, i3));
      }
    }
  }
}

void fill_module(const InputLayout& layout, const Problem& problem, const TensorStorage& storage) {
  const TensorStorage arrays = read_data(module_file);
  const TensorView mask = arrays.find("mask")->view();
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(problem.batch));
  for (std::int64_t batch = 0; batch < problem.batch; ++batch) {
    for (std::int64_t key = 0; key < problem.seq_kv; ++key)
      lengths[batch] += mask.load(batch, key) != 0.0 ? 1 : 0;
  }
  for (const TensorSpec& spec : layout.inputs()) {
    const Tensor* tensor = storage.find(spec.name);
    if (tensor == nullptr) continue;
    if (spec.role == Role::mask) {
      fill_padding_mask(*tensor, problem, lengths);
    } else if (spec.role == Role::kv_lengths) {
      std::copy(lengths.begin(), lengths.end(), tensor->view().as<std::int64_t>());
    } else {
      copy_corner(arrays.find(array_of(spec))->view(), *tensor);
    }
  }
}

// Layer `layer` of the text into batch entry `layer`; each key/value head is the mean of the heads of its group, as
// arXiv 2305.13245, section 2.1, converts a model.
void fill_text(const TensorSpec& spec, const Tensor& tensor, const TensorView& source, std::int64_t layer,
               const Problem& problem) {
  const std::int64_t group = spec.role == Role::query ? 1 : problem.group();
  const TensorView& view = tensor.view();
  std::int64_t index = layer * view.strides[0];
  for (std::int64_t head = 0; head < view.shape[1]; ++head) {
    for (std::int64_t row = 0; row < view.shape[2]; ++row) {
      for (std::int64_t column = 0; column < view.shape[3]; ++column) {
        double sum = 0.0;
        for (std::int64_t member = 0; member < group; ++member)
          sum += source.load(0, head * group + member, row, column);
        store_rounded(view.data, view.dtype, index++, sum / static_cast<double>(group));
      }
    }
  }
}

}  // namespace

Presence presence_of_minilm(const InputLayout& layout) {
  if (!is_module(layout)) return {};
  const bool mask = layout.find(Role::mask) != nullptr;
  return {.mask = mask, .kv_lengths = !mask && layout.find(Role::kv_lengths) != nullptr};
}

Support supports_minilm(const InputLayout& layout, const Variant& variant, const Problem& problem) {
  if (is_module(layout)) return supports_module(layout, problem);
  if (!layout.has_heads()) {
    return Support::no(
        fmt::format("minilm has q, k and v, or a module's x and weights, and {} takes neither", variant.name));
  }
  const Problem& p = problem;
  if (p.head_dim != head_dim || p.head_dim_v != head_dim || p.heads_q > text_heads || p.batch > text_batch ||
      p.seq_q > text_tokens || p.seq_kv > text_tokens) {
    return Support::no(
        fmt::format("minilm has 2 layers of 12 heads, 512 tokens and head dim 32; give d32 dv32, hq up to "
                    "{}, b up to {}, sq and skv up to {}",
                    text_heads, text_batch, text_tokens));
  }
  for (std::int64_t layer = 0; layer < p.batch; ++layer) {
    if (const Support data = needs_data(text_files[layer]); !data) return data;
  }
  return Support::yes();
}

void fill_minilm(const InputLayout& layout, const Problem& problem, const TensorStorage& storage) {
  if (is_module(layout)) {
    fill_module(layout, problem, storage);
    return;
  }
  for (std::int64_t layer = 0; layer < problem.batch; ++layer) {
    const TensorStorage arrays = read_data(text_files[layer]);
    const std::pair<Role, const char*> names[] = {{Role::query, "q"}, {Role::key, "k"}, {Role::value, "v"}};
    for (const auto& [role, name] : names) {
      const TensorSpec& spec = *layout.find(role);
      fill_text(spec, *storage.find(spec.name), arrays.find(name)->view(), layer, problem);
    }
  }
}

}  // namespace attest
