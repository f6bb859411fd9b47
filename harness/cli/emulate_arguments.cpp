#include "harness/cli/emulate_arguments.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "harness/core/error.hpp"
#include "harness/inputs/input_file.hpp"
#include "harness/inputs/tensor_file.hpp"

namespace attest {
namespace {

using Kind = ElementType::Kind;

constexpr std::array<ElementType, 13> element_types{{
    {"i8", "|i1", 1, Kind::integer},
    {"i16", "<i2", 2, Kind::integer},
    {"i32", "<i4", 4, Kind::integer},
    {"i64", "<i8", 8, Kind::integer},
    {"u8", "|u1", 1, Kind::natural},
    {"u16", "<u2", 2, Kind::natural},
    {"u32", "<u4", 4, Kind::natural},
    {"u64", "<u8", 8, Kind::natural},
    {"f16", "<f2", 2, Kind::floating},
    {"bf16", "<f4", 2, Kind::floating},
    {"f32", "<f4", 4, Kind::floating},
    {"f64", "<f8", 8, Kind::floating},
    {"bool", "|b1", 1, Kind::boolean},
}};
constexpr std::string_view type_names = "i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 bool";
constexpr std::string_view forms =
    "give FILE.npy, FILE.npz:NAME, TYPE:FILE, inout:FILE=OUT.npy, out:TYPE:SHAPE=OUT.npy, zeros:TYPE:SHAPE, "
    "TYPE:VALUE, "
    "bytes:HEX, bytes:@FILE, null, or at:OFFSET= before one of them";
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 36;

const ElementType* find_type(std::string_view name) {
  const auto* found = std::find_if(element_types.begin(), element_types.end(),
                                   [name](const ElementType& type) { return type.name == name; });
  return found == element_types.end() ? nullptr : found;
}

bool names_file(std::string_view text) {
  return text.ends_with(".npy") || text.find(".npz:") != std::string_view::npos;
}

// One argument's text, taken from its front.
class ArgumentReader {
 public:
  ArgumentReader(const std::string& text, std::map<std::string, TensorStorage>& archives)
      : text_(text), rest_(text), archives_(archives) {}

  EmulateArgument read() {
    EmulateArgument argument;
    argument.text = text_;
    if (take("at:")) {
      const std::string_view offset = until('=', "at:OFFSET=ARGUMENT");
      argument.offset = whole(offset, most_bytes, "the offset");
    }
    if (rest_ == "null") {
      argument.bytes.resize(8);
    } else if (take("bytes:")) {
      argument.is_block = true;
      argument.bytes = take("@") ? file_bytes() : hex_bytes();
    } else if (take("in:")) {
      load(argument);
    } else if (take("inout:")) {
      output(argument);
      load(argument);
    } else if (take("out:")) {
      make(argument);
    } else if (take("zeros:")) {
      argument.zeroed = true;
      make(argument);
    } else if (names_file(rest_)) {
      load(argument);
    } else {
      scalar(argument);
    }
    return argument;
  }

 private:
  [[noreturn]] void refuse(std::string_view wrong, std::string_view right) const {
    complain(fmt::format("--args '{}'", text_), wrong, right);
  }

  bool take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  std::string_view until(char mark, std::string_view form) {
    const std::size_t end = rest_.find(mark);
    if (end == std::string_view::npos) refuse(fmt::format("has no '{}'", mark), fmt::format("write {}", form));
    const std::string_view part = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return part;
  }

  std::uint64_t whole(std::string_view text, std::uint64_t most, std::string_view what) const {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > most)
      refuse(fmt::format("{} is '{}'", what, text), fmt::format("give a whole number up to {}", most));
    return value;
  }

  void set_type(EmulateArgument& argument, std::string_view name) const {
    const ElementType* type = find_type(name);
    if (type == nullptr) refuse(fmt::format("'{}' is no type", name), fmt::format("the types are {}", type_names));
    argument.type = *type;
  }

  // The last '=' and what follows is where the buffer goes.
  void output(EmulateArgument& argument) {
    const std::size_t mark = rest_.rfind('=');
    if (mark == std::string_view::npos) refuse("has no '=OUT.npy'", "write inout:FILE=OUT.npy");
    argument.output = rest_.substr(mark + 1);
    rest_ = rest_.substr(0, mark);
    if (!argument.output.ends_with(".npy"))
      refuse(fmt::format("writes to '{}'", argument.output), "give the name of a .npy file");
  }

  // TYPE:SHAPE[=OUT.npy], SHAPE as 8x128x64
  void make(EmulateArgument& argument) {
    argument.is_buffer = true;
    if (rest_.find('=') != std::string_view::npos) output(argument);
    set_type(argument, until(':', "out:TYPE:SHAPE=OUT.npy"));
    std::uint64_t bytes = argument.type.bytes;
    for (bool more = true; more;) {
      const std::size_t mark = rest_.find('x');
      more = mark != std::string_view::npos;
      const std::uint64_t extent = whole(rest_.substr(0, mark), most_bytes, "a dimension");
      if (extent == 0) refuse("has a dimension of 0", "give dimensions from 1, as 8x128x64");
      if (extent > most_bytes / bytes) refuse("is too large", fmt::format("give at most {} bytes", most_bytes));
      if (argument.shape.size() == max_rank) refuse("has more than 4 dimensions", "give at most 4");
      bytes *= extent;
      argument.shape.push_back(static_cast<std::int64_t>(extent));
      if (more) rest_.remove_prefix(mark + 1);
    }
    require_free_memory(2 * bytes, fmt::format("--args '{}'", text_));
    argument.buffer_bytes = bytes;
  }

  // [TYPE:]FILE.npy or [TYPE:]FILE.npz:NAME
  void load(EmulateArgument& argument) {
    argument.is_buffer = true;
    bool typed = false;
    const std::size_t mark = rest_.find(':');
    if (mark != std::string_view::npos && find_type(rest_.substr(0, mark)) != nullptr) {
      set_type(argument, until(':', "TYPE:FILE.npy"));
      typed = true;
    }
    const std::size_t array = rest_.rfind(".npz:");
    if (array != std::string_view::npos) {
      const std::string path(rest_.substr(0, array + 4));
      const std::string name(rest_.substr(array + 5));
      auto archive = archives_.find(path);
      if (archive == archives_.end()) archive = archives_.emplace(path, read_npz(path)).first;
      const Tensor* tensor = archive->second.find(name);
      if (tensor == nullptr) {
        std::string names;
        for (const auto& entry : archive->second.entries())
          names += fmt::format(" {}", entry.name);
        complain(path, fmt::format("holds no array '{}'", name), fmt::format("its arrays are{}", names));
      }
      convert(argument, tensor->view(), typed);
    } else if (rest_.ends_with(".npy")) {
      convert(argument, read_npy(std::string(rest_)).view(), typed);
    } else {
      refuse(fmt::format("'{}' is no .npy file nor an array of a .npz", rest_), "give FILE.npy or FILE.npz:NAME");
    }
  }

  void convert(EmulateArgument& argument, const TensorView& source, bool typed) const {
    if (!typed) {
      if (source.dtype == DType::i64)
        refuse("holds integers, whose width in the kernel's memory is not known", "write its type, as i32:FILE.npy");
      set_type(argument, name_of(source.dtype));
    }
    const ElementType& type = argument.type;
    const bool from_floating = source.dtype != DType::i64 && source.dtype != DType::boolean;
    if (from_floating != (type.kind == Kind::floating))
      refuse(fmt::format("holds {}, not {}", name_of(source.dtype), type.name),
             from_floating ? "give f16, bf16, f32 or f64" : "give an integer type or bool");
    argument.shape = source.shape_vector();
    const std::int64_t count = source.element_count();
    if (count == 0) refuse("is an empty array", "give one element at least");
    argument.buffer_bytes = static_cast<std::uint64_t>(count) * type.bytes;
    argument.bytes.resize(argument.buffer_bytes);
    std::byte* target = argument.bytes.data();
    if (from_floating) {
      const Tensor same = converted(source, *floating_type(type.name));
      std::memcpy(target, same.view().data, argument.bytes.size());
      return;
    }
    for (std::int64_t index = 0; index < count; ++index) {
      const std::int64_t value = source.dtype == DType::i64 ? static_cast<const std::int64_t*>(source.data)[index]
                                                            : static_cast<const std::uint8_t*>(source.data)[index];
      if (!fits(value, type))
        refuse(fmt::format("element {} is {}, which is no {}", index, value, type.name), "give a type that holds it");
      std::memcpy(target + static_cast<std::size_t>(index) * type.bytes, &value, type.bytes);
    }
  }

  static bool fits(std::int64_t value, const ElementType& type) {
    if (type.kind == Kind::boolean) return value == 0 || value == 1;
    const auto bits = static_cast<int>(8 * type.bytes);
    if (type.kind == Kind::natural) return value >= 0 && (bits == 64 || value >> bits == 0);
    return bits == 64 || (value >= -(std::int64_t{1} << (bits - 1)) && value < std::int64_t{1} << (bits - 1));
  }

  void scalar(EmulateArgument& argument) {
    const std::size_t mark = rest_.find(':');
    if (mark == std::string_view::npos || find_type(rest_.substr(0, mark)) == nullptr)
      refuse("is none of the forms", forms);
    set_type(argument, until(':', "TYPE:VALUE"));
    const ElementType& type = argument.type;
    argument.bytes.resize(type.bytes);
    if (type.kind == Kind::floating) return floating_scalar(argument);
    std::uint64_t bits = 0;
    const bool negative = rest_.starts_with('-');
    std::string_view digits = rest_.substr(negative ? 1 : 0);
    const bool hexadecimal = digits.starts_with("0x");
    if (hexadecimal) digits.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), bits, hexadecimal ? 16 : 10);
    const bool read = error == std::errc() && end == digits.data() + digits.size();
    const std::uint64_t least = std::uint64_t{1} << 63;
    bool in_range = false;
    if (type.name == "u64") {
      in_range = !negative;
    } else if (bits < least || (negative && bits == least)) {
      in_range = fits(static_cast<std::int64_t>(negative ? 0 - bits : bits), type);
    }
    if (!read || !in_range) refuse(fmt::format("'{}' is no {}", rest_, type.name), "give a whole number in its range");
    if (negative) bits = 0 - bits;
    std::memcpy(argument.bytes.data(), &bits, type.bytes);
  }

  void floating_scalar(EmulateArgument& argument) const {
    double value = 0.0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || end != rest_.data() + rest_.size())
      refuse(fmt::format("'{}' is no {}", rest_, argument.type.name), "give a number such as 0.5 or inf");
    const DType type = *floating_type(argument.type.name);
    store_element(argument.bytes.data(), type, 0, value);
    if (std::isfinite(value) && !std::isfinite(load_element(argument.bytes.data(), type, 0)))
      refuse(fmt::format("'{}' is beyond {}", rest_, argument.type.name), "give a number in its range");
  }

  std::vector<std::byte> file_bytes() const {
    InputFile file{std::string(rest_)};
    require_free_memory(file.size(), rest_);
    std::vector<std::byte> bytes(file.size());
    file.read(bytes.data(), bytes.size());
    return bytes;
  }

  std::vector<std::byte> hex_bytes() const {
    std::vector<std::byte> bytes(rest_.size() / 2);
    bool sound = rest_.size() % 2 == 0 && !rest_.empty();
    for (std::size_t index = 0; sound && index < bytes.size(); ++index) {
      unsigned value = 0;
      const char* first = rest_.data() + 2 * index;
      sound = std::from_chars(first, first + 2, value, 16).ptr == first + 2;
      bytes[index] = static_cast<std::byte>(value);
    }
    if (!sound) refuse("is no row of bytes", "give two hexadecimal digits a byte, or bytes:@FILE");
    return bytes;
  }

  const std::string& text_;
  std::string_view rest_;
  std::map<std::string, TensorStorage>& archives_;
};

}  // namespace

std::vector<EmulateArgument> read_emulate_arguments(const std::vector<std::string>& texts) {
  std::map<std::string, TensorStorage> archives;
  std::vector<EmulateArgument> arguments;
  for (const std::string& text : texts) {
    arguments.push_back(ArgumentReader(text, archives).read());
    const std::string& output = arguments.back().output;
    const auto same = [&output](const EmulateArgument& other) { return other.output == output; };
    if (!output.empty() && std::count_if(arguments.begin(), arguments.end(), same) > 1)
      complain(fmt::format("--args '{}'", text), fmt::format("'{}' is written twice", output), "give two names");
  }
  return arguments;
}

std::vector<std::byte> output_elements(const EmulateArgument& argument, std::vector<std::byte> memory) {
  if (argument.type.name != "bf16") return memory;
  std::vector<std::byte> wide(memory.size() * 2);
  for (std::size_t index = 0; index < memory.size() / 2; ++index) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, memory.data() + 2 * index, sizeof(bits));
    const float value = bf16_value(bits);
    std::memcpy(wide.data() + 4 * index, &value, sizeof(value));
  }
  return wide;
}

}  // namespace attest
