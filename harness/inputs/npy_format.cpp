#include "harness/inputs/npy_format.hpp"

#include <bit>
#include <charconv>
#include <fmt/format.h>
#include <optional>

#include "harness/core/error.hpp"
#include "harness/inputs/input_file.hpp"

namespace attest {
namespace {

static_assert(std::endian::native == std::endian::little, "payloads are read as they lie in the file");

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t longest_header = 65536;

// A reader of the few Python literals that a header may hold.
class HeaderText {
 public:
  HeaderText(std::string_view text, std::string_view place) : text_(text), place_(place) {}

  [[noreturn]] void refuse(std::string_view wrong) const {
    complain(place_, fmt::format("npy header: {} at character {}", wrong, at_),
             "write {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  }

  bool take(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void need(char wanted) {
    if (!take(wanted)) refuse(fmt::format("'{}' is missing", wanted));
  }

  bool take_word(std::string_view word) {
    skip_blanks();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  std::string_view quoted() {
    skip_blanks();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) refuse("a quoted text is missing");
    const char quote = text_[at_];
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) refuse("a quote is not closed");
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    // What is quoted may come back in a message, which has one line.
    for (const unsigned char c : inside) {
      if (c < 32 || c > 126) refuse("a quoted text is not plain ASCII");
    }
    at_ = end + 1;
    return inside;
  }

  std::int64_t whole_number() {
    skip_blanks();
    std::int64_t value = 0;
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range) refuse("a dimension overflows 63 bits");
    if (error != std::errc()) refuse("a whole number is missing");
    at_ += static_cast<std::size_t>(end - begin);
    return value;
  }

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n'))
      ++at_;
  }

  std::string_view text_;
  std::string_view place_;
  std::size_t at_ = 0;
};

Shape parse_shape(HeaderText& text, std::string_view place) {
  Shape shape;
  text.need('(');
  while (!text.take(')')) {
    shape.push_back(text.whole_number());
    if (shape.size() > static_cast<std::size_t>(max_rank)) {
      complain(place, "has more than 4 dimensions", "give at most 4");
    }
    const bool comma = text.take(',');
    if (shape.size() == 1 && !comma) text.refuse("a shape of one dimension has no comma");
    if (!comma) {
      text.need(')');
      break;
    }
  }
  return shape;
}

void set_type(NpyHeader& header, std::string_view descr, std::string_view place) {
  if (descr == "<f2") {
    header.dtype = DType::f16;
  } else if (descr == "<f4") {
    header.dtype = DType::f32;
  } else if (descr == "<f8") {
    header.dtype = DType::f64;
  } else if (descr == "<i8" || descr == "<i4") {
    header.dtype = DType::i64;
    header.narrow_integers = descr == "<i4";
  } else if (descr == "|b1") {
    header.dtype = DType::boolean;
  } else {
    std::string_view what = "unknown type";
    if (!descr.empty() && descr.front() == '>') what = "big-endian type";
    if (descr.find('O') != std::string_view::npos) what = "object type";
    complain(
        place, fmt::format("has {} '{}'", what, descr),
        "give float16, float32, float64, int32, int64 or bool, little-endian (bfloat16 as float32 or safetensors)");
  }
}

std::uint32_t little_endian(const unsigned char* bytes, int count) {
  std::uint32_t value = 0;
  for (int index = count - 1; index >= 0; --index)
    value = value << 8 | bytes[index];
  return value;
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text, std::string_view place) {
  HeaderText header_text(text, place);
  std::optional<std::string_view> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
  if (!header_text.take('{')) header_text.refuse("no dict");
  while (!header_text.take('}')) {
    const std::string_view key = header_text.quoted();
    header_text.need(':');
    const auto once = [&](bool seen) {
      if (seen) header_text.refuse(fmt::format("key '{}' comes twice", key));
    };
    if (key == "descr") {
      once(descr.has_value());
      if (header_text.take('[')) {
        complain(place, "is a structured array", "give one array of one plain type");
      }
      descr = header_text.quoted();
    } else if (key == "fortran_order") {
      once(fortran_order.has_value());
      const bool yes = header_text.take_word("True");
      if (!yes && !header_text.take_word("False")) header_text.refuse("fortran_order is neither True nor False");
      fortran_order = yes;
    } else if (key == "shape") {
      once(shape.has_value());
      shape = parse_shape(header_text, place);
    } else {
      header_text.refuse(fmt::format("unknown key '{}'", key));
    }
    if (!header_text.take(',')) {
      header_text.need('}');
      break;
    }
  }
  if (!header_text.at_end()) header_text.refuse("text after the dict");
  if (!descr) header_text.refuse("key 'descr' is missing");
  if (!fortran_order) header_text.refuse("key 'fortran_order' is missing");
  if (!shape) header_text.refuse("key 'shape' is missing");

  NpyHeader header;
  set_type(header, *descr, place);
  header.shape = *shape;
  // One dimension has but one order.
  if (*fortran_order && header.shape.size() > 1) {
    complain(place, "is in Fortran order", "save numpy.ascontiguousarray() of it");
  }
  const std::uint64_t bytes = checked_bytes(header.shape, header.dtype, place);
  header.payload_bytes = header.narrow_integers ? bytes / 2 : bytes;
  return header;
}

Tensor read_npy_array(const ReadBytes& read, std::uint64_t total_bytes, std::string_view place) {
  constexpr std::size_t prefix_bytes = 10;
  if (total_bytes < prefix_bytes) {
    complain(place,
             total_bytes == 0 ? "is empty" : fmt::format("is truncated: {} bytes hold no npy header", total_bytes),
             "give a whole .npy array");
  }
  unsigned char prefix[12];
  read(prefix, prefix_bytes);
  if (std::string_view(reinterpret_cast<const char*>(prefix), magic.size()) != magic) {
    complain(place, "does not begin with the magic of .npy", "give an array saved by numpy.save or numpy.savez");
  }
  const int major = prefix[6];
  const int minor = prefix[7];
  if (major < 1 || major > 3 || minor != 0) {
    complain(place, fmt::format("is of npy version {}.{}", major, minor), "give 1.0, 2.0 or 3.0");
  }
  std::uint64_t start = prefix_bytes;
  if (major > 1) {
    start += 2;
    if (total_bytes < start) complain(place, "is truncated inside the npy header", "give a whole .npy array");
    read(prefix + prefix_bytes, 2);
  }
  const std::size_t length = little_endian(prefix + 8, major == 1 ? 2 : 4);
  if (length > longest_header) {
    complain(place, fmt::format("npy header declares {} bytes", length), fmt::format("at most {}", longest_header));
  }
  if (length > total_bytes - start) {
    complain(place,
             fmt::format("is truncated: the npy header declares {} bytes and {} follow", length, total_bytes - start),
             "give a whole .npy array");
  }
  std::string text(length, '\0');
  read(text.data(), length);
  const NpyHeader header = parse_npy_header(text, place);
  const std::uint64_t payload = total_bytes - start - length;
  if (payload != header.payload_bytes) {
    complain(place,
             fmt::format("{}: shape {} of {} needs {} bytes and {} follow",
                         payload < header.payload_bytes ? "is truncated" : "has trailing bytes", text_of(header.shape),
                         header.narrow_integers ? "i32" : name_of(header.dtype), header.payload_bytes, payload),
             "give exactly the payload that the header declares");
  }
  require_free_memory(header.narrow_integers ? 2 * payload : payload, place);
  Tensor tensor(header.dtype, header.shape);
  read(payload_target(tensor, payload), payload);
  if (header.narrow_integers) widen_integers(tensor);
  check_booleans(tensor, place);
  return tensor;
}

std::string npy_preamble(DType dtype, const Shape& shape) {
  std::string_view descr = "<f4";
  if (dtype == DType::f64) descr = "<f8";
  if (dtype == DType::f16) descr = "<f2";
  if (dtype == DType::i64) descr = "<i8";
  if (dtype == DType::boolean) descr = "|b1";
  return npy_preamble(descr, shape);
}

std::string npy_preamble(std::string_view descr, const Shape& shape) {
  std::string dimensions;
  for (const std::int64_t extent : shape)
    dimensions += fmt::format("{}{}", dimensions.empty() ? "" : ", ", extent);
  if (shape.size() == 1) dimensions += ',';
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, dimensions);
  const std::size_t prefix_bytes = magic.size() + 4;
  const std::size_t unpadded = prefix_bytes + header.size() + 1;
  header.append((64 - unpadded % 64) % 64, ' ').push_back('\n');
  std::string preamble(magic);
  preamble += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return preamble + header;
}

}  // namespace attest
