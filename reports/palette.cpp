#include "reports/palette.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace attest::reports {
namespace {

constexpr std::size_t dashes = 5;  // that gnuplot and pgfplots tell apart
constexpr std::size_t fills = 4;
constexpr std::size_t hashed_styles = 75;  // of one colour

/// FNV-1a: the same on every machine, unlike std::hash.
std::uint32_t hash_of(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char character : text)
    hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  return hash;
}

/// A variant that has a colour, and where its kernels begin among marks and dashes, so that the first of two variants
/// differ in more than colour.
struct Known {
  std::size_t colour, first_mark, first_dash;
};

const Known* known_variant(const std::string& variant) {
  // Those that are most often in one panel are blue, black and vermilion, which differ in brightness too.
  static const std::map<std::string, Known> all = {
      {"flash2", {0, 0, 3}}, {"multihead", {1, 4, 0}}, {"sliding_window", {2, 2, 1}},
      {"linear", {3, 5, 0}}, {"cross", {4, 1, 2}},     {"standard", {5, 0, 0}},
      {"gqa", {6, 3, 0}}};
  const auto found = all.find(variant);
  return found == all.end() ? nullptr : &found->second;
}

LineStyle coloured(std::size_t colour) {
  return {.colour = palette()[colour], .colour_index = static_cast<int>(colour), .mark = 7, .dash = 1, .fill = 0};
}

/// A kernel's id in two: "flash2/cpu_tiled" is flash2 and cpu_tiled.
std::pair<std::string, std::string> parts_of(const std::string& kernel) {
  const std::size_t slash = kernel.find('/');
  if (slash == std::string::npos) return {kernel, ""};
  return {kernel.substr(0, slash), kernel.substr(slash + 1)};
}

/// The style of a kernel whose variant and algorithm are known.
std::optional<LineStyle> known_style(const std::string& kernel) {
  // No two of one number are in one variant and backend.
  static const std::map<std::string, std::size_t> shapes = {
      {"naive", 0},  {"full", 0},     {"", 0},       {"tiled", 1},     {"chunked", 1}, {"packed", 1},
      {"banded", 1}, {"split_kv", 2}, {"decode", 2}, {"recurrent", 2}, {"blas", 3},    {"mma", 3}};
  static constexpr std::array<int, 6> filled = {7, 5, 9, 13, 11, 15}, open = {6, 4, 8, 12, 10, 14};
  static constexpr std::array<int, 4> dash = {1, 2, 4, 3};
  const auto [variant, name] = parts_of(kernel);
  const std::size_t end = std::min(name.find('_'), name.size());
  const std::string backend = name.substr(0, end);
  const auto shape = shapes.find(end == name.size() ? "" : name.substr(end + 1));
  const Known* known = known_variant(variant);
  if (known == nullptr || (backend != "cpu" && backend != "cuda") || shape == shapes.end()) return std::nullopt;
  LineStyle style = coloured(known->colour);
  const std::size_t mark = (shape->second + known->first_mark) % filled.size();
  style.mark = (backend == "cpu" ? filled : open)[mark];
  style.dash = dash[(shape->second + known->first_dash) % dash.size()];
  style.fill = static_cast<int>(shape->second);
  return style;
}

/// The style that is `place` further than the one of the kernel's hash.
LineStyle hashed_style(const std::string& kernel, std::size_t place) {
  // Neighbours differ by more than being open or turned.
  static constexpr std::array<int, 15> marks = {2, 11, 15, 1, 9, 5, 3, 10, 14, 7, 13, 4, 8, 6, 12};
  static_assert(hashed_styles == marks.size() * dashes);
  const auto [variant, name] = parts_of(kernel);
  const std::size_t index = hash_of(name) % hashed_styles + place;
  const Known* known = known_variant(variant);
  LineStyle style = coloured(known != nullptr ? known->colour : hash_of(variant) % palette().size());
  style.mark = marks[index % marks.size()];
  style.dash = static_cast<int>(index / marks.size() % dashes) + 1;
  style.fill = static_cast<int>(index % fills);
  return style;
}

bool same(const LineStyle& left, const LineStyle& right) {
  return left.colour == right.colour && left.mark == right.mark && left.dash == right.dash;
}

}  // namespace

const std::vector<std::string>& palette() {
  static const std::vector<std::string> colours = {"#0072b2", "#e69f00", "#009e73", "#d55e00",
                                                   "#56b4e9", "#000000", "#cc79a7"};
  return colours;
}

double fill_share(int fill) {
  static constexpr std::array<double, fills> shares = {0.85, 0.55, 0.3, 0.1};
  return shares[static_cast<std::size_t>(fill)];
}

LineStyle line_style(const std::string& kernel, const std::vector<std::string>& kernels) {
  if (kernel.empty()) return coloured(0);  // bars of models, not of kernels
  if (const auto known = known_style(kernel)) return *known;
  std::vector<LineStyle> taken;
  for (const std::string& other : kernels) {
    if (const auto known = known_style(other)) taken.push_back(*known);
  }
  const auto free_style = [&taken](const std::string& name) {
    for (std::size_t place = 0; place < hashed_styles; ++place) {
      const LineStyle style = hashed_style(name, place);
      if (std::none_of(taken.begin(), taken.end(), [&](const LineStyle& one) { return same(one, style); }))
        return style;
    }
    return hashed_style(name, 0);
  };
  for (const std::string& other : kernels) {
    if (other == kernel) break;
    if (!known_style(other)) taken.push_back(free_style(other));
  }
  return free_style(kernel);
}

LineStyle line_style(const Series& series, const std::vector<std::string>& kernels) {
  if (series.reference > 0) {
    static constexpr std::array<const char*, dashes> greys = {"#777777", "#555555", "#999999", "#444444", "#888888"};
    const std::size_t place = static_cast<std::size_t>(series.reference - 1) % dashes;
    return {.colour = greys[place], .colour_index = -1, .mark = 0, .dash = static_cast<int>(place) + 1, .fill = 0};
  }
  LineStyle style = line_style(series.kernel, kernels);
  if (series.draw == Draw::line) style.mark = 0;
  return style;
}

}  // namespace attest::reports
