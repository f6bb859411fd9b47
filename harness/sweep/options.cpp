#include "harness/sweep/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "harness/backends/backend.hpp"
#include "harness/core/error.hpp"
#include "harness/measure/machine.hpp"

namespace attest {
namespace {

template <class T>
bool read_number(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end && !text.empty();
}

template <class T>
T whole(const OptionText& text, T least, T greatest) {
  T value = 0;
  if (!read_number(std::string_view(text.value), value) || value < least || value > greatest) {
    complain(text.place, fmt::format("'{}' is out of range or no whole number", text.value),
             fmt::format("give a whole number from {} to {}", least, greatest));
  }
  return value;
}

double real(const OptionText& text, double least) {
  double value = 0.0;
  if (!read_number(std::string_view(text.value), value) || !std::isfinite(value) || value < least) {
    complain(text.place, fmt::format("'{}' is out of range or no number", text.value),
             fmt::format("give a number of {} or more", least));
  }
  return value;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' '))
      part.remove_prefix(1);
    while (part.ends_with(' '))
      part.remove_suffix(1);
    parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

bool yes_or_no(const OptionText& text) {
  for (const std::string_view yes : {"on", "true", "1"}) {
    if (text.value == yes) return true;
  }
  for (const std::string_view no : {"off", "false", "0"}) {
    if (text.value == no) return false;
  }
  complain(text.place, fmt::format("'{}' is unknown", text.value), "give on or off");
}

struct Setter {
  std::string_view name;
  void (*set)(SweepOptions&, const OptionText&);
};

constexpr int greatest_threads = 4096;

const std::array<Setter, 10> setters{
    {{"backends",
      [](SweepOptions& options, const OptionText& text) {
        options.backends = words(text.value);
        for (const std::string& name : options.backends) {
          try {
            const Support available = find_backend(name).available();
            if (!available) complain(name, available.reason, "see `attest doctor`", ExitCode::no_backend);
          } catch (const Error& error) {
            throw Error(fmt::format("{}: {}", text.place, error.what()), error.code());
          }
        }
      }},
     {"check_budget", [](SweepOptions& options, const OptionText& text) { options.check_budget = real(text, 0.0); }},
     {"deadline_seconds",
      [](SweepOptions& options, const OptionText& text) { options.deadline_seconds = real(text, 0.001); }},
     {"max_seconds", [](SweepOptions& options, const OptionText& text) { options.max_seconds = real(text, 0.0); }},
     {"memory_limit", [](SweepOptions& options,
                         const OptionText& text) { options.memory_limit = parse_bytes(text.value, text.place); }},
     {"min_samples",
      [](SweepOptions& options, const OptionText& text) { options.min_samples = whole(text, 6, 10'000); }},
     {"rounds", [](SweepOptions& options, const OptionText& text) { options.rounds = whole(text, 0, 1000); }},
     {"sanitize", [](SweepOptions& options, const OptionText& text) { options.sanitize = yes_or_no(text); }},
     {"seed", [](SweepOptions& options,
                 const OptionText& text) { options.seed = whole<std::uint64_t>(text, 0, ~std::uint64_t{0}); }},
     {"threads", [](SweepOptions& options, const OptionText& text) {
        options.threads.clear();
        for (const std::string& word : words(text.value)) {
          const int count = whole(OptionText{word, text.place}, 1, greatest_threads);
          if (std::find(options.threads.begin(), options.threads.end(), count) == options.threads.end()) {
            options.threads.push_back(count);
          }
        }
      }}}};

}  // namespace

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const Setter& setter : setters)
    names.emplace_back(setter.name);
  return names;
}

void set_option(SweepOptions& options, std::string_view name, const OptionText& text) {
  for (const Setter& setter : setters) {
    if (setter.name == name) return setter.set(options, text);
  }
  complain(text.place, fmt::format("option '{}' is unknown", name),
           fmt::format("known are {}", fmt::join(option_names(), " ")));
}

void set_options(SweepOptions& options, const OptionTexts& texts) {
  for (const auto& [name, text] : texts)
    set_option(options, name, text);
}

OptionTexts options_from_environment() {
  OptionTexts texts;
  for (const Setter& setter : setters) {
    std::string variable = "ATTEST_";
    for (const char letter : setter.name)
      variable += static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
    const char* value = std::getenv(variable.c_str());
    if (value != nullptr) texts[std::string(setter.name)] = {value, variable};
  }
  return texts;
}

std::uint64_t parse_bytes(std::string_view text, std::string_view place) {
  constexpr std::array<std::pair<std::string_view, double>, 9> units{{{"TiB", 0x1p40},
                                                                      {"GiB", 0x1p30},
                                                                      {"MiB", 0x1p20},
                                                                      {"KiB", 0x1p10},
                                                                      {"TB", 1e12},
                                                                      {"GB", 1e9},
                                                                      {"MB", 1e6},
                                                                      {"kB", 1e3},
                                                                      {"B", 1.0}}};
  std::string_view digits = text;
  double unit = 1.0;
  for (const auto& [name, bytes] : units) {
    if (!digits.ends_with(name)) continue;
    digits.remove_suffix(name.size());
    unit = bytes;
    break;
  }
  while (digits.ends_with(' '))
    digits.remove_suffix(1);
  double value = 0.0;
  if (!read_number(digits, value) || !(value * unit >= 1.0 && value * unit < 0x1p62)) {
    complain(place, fmt::format("'{}' is no size in bytes", text), "write a number and a unit, as 8GiB or 500MB");
  }
  return static_cast<std::uint64_t>(value * unit);
}

std::string format_bytes(double bytes) {
  constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024.0 && unit + 1 < units.size()) {
    bytes /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

int usable_threads() {
  return std::max<int>(1, static_cast<int>(usable_cpus().size()));
}

}  // namespace attest
