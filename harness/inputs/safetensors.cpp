#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "harness/core/error.hpp"
#include "harness/inputs/input_file.hpp"
#include "harness/inputs/tensor_file.hpp"

// Eight bytes of header length, a JSON object of name to {dtype, shape, data_offsets}, then the payload without gaps.
// Source: huggingface/safetensors, README.md, "Format".

namespace attest {
namespace {

using nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // the reference implementation's own limit
constexpr int deepest = 4;                             // object, tensor, shape, number

struct Declared {
  std::string name;
  DType dtype = DType::f32;
  bool narrow_integers = false;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// nlohmann keeps the last of two equal keys; here both are an error. Depth is bounded before anything is built.
json parse_header(const std::string& text, const std::string& path) {
  std::vector<std::set<std::string>> open;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > deepest) complain(path, "safetensors header is nested too deeply", "give name: {dtype, shape, ...}");
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second) {
      complain(path, fmt::format("safetensors header has key {} twice", parsed.dump()), "give each name once");
    }
    return true;
  };
  try {
    json header = json::parse(text, watch);
    if (!header.is_object()) complain(path, "safetensors header is no JSON object", "give {\"name\": {...}}");
    return header;
  } catch (const json::exception& error) {
    complain(path, fmt::format("safetensors header is no JSON ({})", error.what()), "save it again");
  }
}

std::uint64_t whole_number(const json& value, std::string_view place, std::string_view what) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) {
    complain(place, fmt::format("{} holds {}", what, value.dump()), "give whole numbers from 0 to 2^63-1");
  }
  return value.get<std::uint64_t>();
}

void set_type(Declared& tensor, const json& value, const std::string& place) {
  const std::string name = value.is_string() ? value.get<std::string>() : value.dump();
  if (name == "F64") {
    tensor.dtype = DType::f64;
  } else if (name == "F32") {
    tensor.dtype = DType::f32;
  } else if (name == "F16") {
    tensor.dtype = DType::f16;
  } else if (name == "BF16") {
    tensor.dtype = DType::bf16;
  } else if (name == "I64" || name == "I32") {
    tensor.dtype = DType::i64;
    tensor.narrow_integers = name == "I32";
  } else if (name == "BOOL") {
    tensor.dtype = DType::boolean;
  } else {
    complain(place, fmt::format("has type {}", value.dump()), "give F16, BF16, F32, F64, I32, I64 or BOOL");
  }
}

Declared declared_tensor(const std::string& name, const json& value, const std::string& path) {
  const bool printable = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c >= 32 && c != 127; });
  if (name.empty() || !printable) complain(path, "an array has a name that cannot be printed", "name it in plain text");
  const std::string place = fmt::format("{}: array '{}'", path, name);
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!value.is_object() || !value.contains(key) || value.size() != 3) {
      complain(place, "is not described by exactly dtype, shape and data_offsets", "save it again");
    }
  }
  Declared tensor;
  tensor.name = name;
  set_type(tensor, value.at("dtype"), place);
  const json& shape = value.at("shape");
  const json& offsets = value.at("data_offsets");
  if (!shape.is_array()) complain(place, "shape is no list", "give a list of whole numbers");
  if (!offsets.is_array() || offsets.size() != 2) complain(place, "data_offsets is no pair", "give [begin, end]");
  for (const json& extent : shape) {
    tensor.shape.push_back(static_cast<std::int64_t>(whole_number(extent, place, "shape")));
    if (tensor.shape.size() > static_cast<std::size_t>(max_rank)) {
      complain(place, "has more than 4 dimensions", "give at most 4");
    }
  }
  tensor.begin = whole_number(offsets.at(0), place, "data_offsets");
  tensor.end = whole_number(offsets.at(1), place, "data_offsets");
  const std::uint64_t bytes = checked_bytes(tensor.shape, tensor.dtype, place) / (tensor.narrow_integers ? 2 : 1);
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes) {
    complain(place,
             fmt::format("data_offsets [{}, {}] do not hold the {} bytes of shape {}", tensor.begin, tensor.end, bytes,
                         text_of(tensor.shape)),
             "save it again");
  }
  return tensor;
}

void check_metadata(const json& metadata, const std::string& path) {
  const bool good = metadata.is_object() &&
                    std::all_of(metadata.begin(), metadata.end(), [](const json& value) { return value.is_string(); });
  if (!good) complain(path, "__metadata__ is no object of texts", "give {\"key\": \"text\"}");
}

// The tensors in the order of the payload, which they must cover without gap or overlap.
std::vector<Declared> declared_tensors(const json& header, std::uint64_t payload, const std::string& path) {
  std::vector<Declared> tensors;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      check_metadata(value, path);
    } else {
      tensors.push_back(declared_tensor(name, value, path));
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](const Declared& left, const Declared& right) {
    return std::pair(left.begin, left.end) < std::pair(right.begin, right.end);
  });
  std::uint64_t covered = 0;
  for (const Declared& tensor : tensors) {
    if (tensor.begin != covered) {
      complain(fmt::format("{}: array '{}'", path, tensor.name),
               fmt::format("begins at byte {} of the payload where byte {} is next ({})", tensor.begin, covered,
                           tensor.begin < covered ? "overlap" : "gap"),
               "save it again");
    }
    covered = tensor.end;
  }
  if (covered != payload) {
    complain(path,
             fmt::format("{}: the header declares {} bytes of payload and {} follow",
                         payload < covered ? "is truncated" : "has trailing bytes", covered, payload),
             "give exactly the payload that the header declares");
  }
  if (tensors.empty()) complain(path, "holds no array", "give at least one");
  return tensors;
}

}  // namespace

TensorStorage read_safetensors(const std::string& path) {
  InputFile file(path);
  if (file.size() < 8) {
    complain(path, file.size() == 0 ? "is empty" : "is truncated inside the header length", "give the whole file");
  }
  unsigned char prefix[8];
  file.read(prefix, sizeof prefix);
  std::uint64_t length = 0;
  for (int index = 7; index >= 0; --index)
    length = length << 8 | prefix[index];
  if (length > longest_header || length > file.remaining()) {
    complain(path, fmt::format("declares a header of {} bytes and {} follow", length, file.remaining()),
             fmt::format("give the whole file; headers have at most {} bytes", longest_header));
  }
  std::string text(length, '\0');
  file.read(text.data(), length);
  if (text.empty() || text.front() != '{') {
    complain(path, "safetensors header does not begin with '{'", "give a .safetensors file");
  }
  const std::vector<Declared> tensors = declared_tensors(parse_header(text, path), file.remaining(), path);
  std::uint64_t total = 0;
  for (const Declared& tensor : tensors)
    total += (tensor.end - tensor.begin) * (tensor.narrow_integers ? 2 : 1);
  require_free_memory(total, path);
  TensorStorage storage;
  for (const Declared& declared : tensors) {
    Tensor tensor(declared.dtype, declared.shape);
    const std::uint64_t bytes = declared.end - declared.begin;
    file.read(payload_target(tensor, bytes), bytes);
    if (declared.narrow_integers) widen_integers(tensor);
    check_booleans(tensor, fmt::format("{}: array '{}'", path, declared.name));
    storage.add(declared.name, std::move(tensor));
  }
  return storage;
}

}  // namespace attest
