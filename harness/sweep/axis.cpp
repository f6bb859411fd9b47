#include "harness/sweep/axis.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>

#include "harness/core/dtype.hpp"
#include "harness/core/error.hpp"
#include "harness/core/problem.hpp"

namespace attest {
namespace {

constexpr std::array<std::string_view, 7> sizes{"b", "hq", "hkv", "sq", "skv", "d", "dv"};
constexpr std::int64_t greatest_values = 10'000;

bool read_number(std::string_view text, std::int64_t& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end && !text.empty();
}

[[noreturn]] void refuse(std::string_view place, std::string_view value, std::string_view right) {
  complain(place, fmt::format("'{}' is no value of this axis", value), right);
}

}  // namespace

std::string axis_token(std::string_view name, std::string_view value, std::string_view place) {
  std::string token;
  if (std::find(sizes.begin(), sizes.end(), name) != sizes.end()) {
    std::int64_t size = 0;
    if (!read_number(value, size)) refuse(place, value, "give whole numbers, or a range as \"pow2 7:14\"");
    token = fmt::format("{}{}", name, size);
  } else if (name == "causal") {
    if (value != "true" && value != "false") refuse(place, value, "causal takes true and false");
    return value == "true" ? "causal" : "";
  } else if (name == "dtype") {
    if (!floating_type(value)) refuse(place, value, "types are f32 f16 bf16 f64");
    token = value;
  } else if (name == "window") {
    std::int64_t keys = 0;
    if (value == "full") {
      token = "window=-1,-1";
    } else if (read_number(value, keys)) {
      if (keys < 1) refuse(place, value, "a window of W keys has W of 1 or more; write \"full\" for none");
      token = fmt::format("window={},0", keys - 1);
    } else {
      token = fmt::format("window={}", value);
    }
  } else {
    token = fmt::format("{}={}", name, value);
  }
  parse_partial_problem(token, place);
  return token;
}

std::vector<std::string> axis_values(std::string_view text, std::string_view place) {
  constexpr std::string_view right = "ranges are \"pow2 FIRST:LAST\" and \"FIRST:LAST:STEP\"";
  const bool powers = text.starts_with("pow2 ");
  const std::string_view range = powers ? text.substr(5) : text;
  const std::size_t colon = range.find(':');
  if (colon == std::string_view::npos) {
    if (powers || text.empty()) refuse(place, text, right);
    return {std::string(text)};
  }
  std::string_view last_text = range.substr(colon + 1);
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t step = 1;
  if (!powers) {
    const std::size_t second = last_text.find(':');
    if (second == std::string_view::npos || !read_number(last_text.substr(second + 1), step))
      refuse(place, text, right);
    last_text = last_text.substr(0, second);
  }
  if (!read_number(range.substr(0, colon), first) || !read_number(last_text, last)) refuse(place, text, right);
  if (step < 1 || first < 0 || last < first) refuse(place, text, "a range goes upwards from 0 or more by 1 or more");
  if (powers && last > 31) refuse(place, text, "powers of two go up to 31");
  if ((last - first) / step >= greatest_values) refuse(place, text, "a range has at most 10000 values");
  std::vector<std::string> values;
  for (std::int64_t value = first; value <= last; value += step) {
    values.push_back(std::to_string(powers ? std::int64_t{1} << value : value));
  }
  return values;
}

Axis parse_axis(std::string_view name, const std::vector<std::string>& values, std::string_view place) {
  Axis axis{.name = std::string(name), .tokens = {}, .place = std::string(place)};
  for (const std::string& value : values) {
    for (const std::string& one : axis_values(value, place)) {
      std::string token = axis_token(name, one, place);
      if (std::find(axis.tokens.begin(), axis.tokens.end(), token) == axis.tokens.end()) {
        axis.tokens.push_back(std::move(token));
      }
    }
  }
  if (axis.tokens.empty()) complain(place, "the axis is empty", "give at least one value");
  return axis;
}

}  // namespace attest
