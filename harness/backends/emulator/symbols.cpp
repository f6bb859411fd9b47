#include "harness/backends/emulator/symbols.hpp"

#include <optional>

namespace attest::emulator {
namespace {

/// "%r12" as "%r" and 12; nothing where it ends in no number or one that no bank would print ("%r07").
std::optional<std::pair<std::string_view, std::uint32_t>> split_number(std::string_view name) {
  std::size_t start = name.size();
  while (start > 0 && name[start - 1] >= '0' && name[start - 1] <= '9')
    --start;
  const std::size_t digits = name.size() - start;
  if (start == 0 || digits == 0 || digits > 9 || (digits > 1 && name[start] == '0')) return std::nullopt;
  std::uint32_t number = 0;
  for (std::size_t at = start; at < name.size(); ++at)
    number = 10 * number + static_cast<std::uint32_t>(name[at] - '0');
  return std::pair{name.substr(0, start), number};
}

}  // namespace

void Scopes::close() {
  const std::size_t mark = marks_.back();
  marks_.pop_back();
  while (entries_.size() > mark) {
    const Entry& entry = entries_.back();
    Index& index = entry.bank ? banks_ : names_;
    if (entry.shadowed == none)
      index.erase(entry.name);
    else
      index[entry.name] = entry.shadowed;
    entries_.pop_back();
  }
}

bool Scopes::declare(std::string_view name, const Symbol& symbol, bool bank) {
  Index& index = bank ? banks_ : names_;
  const auto next = static_cast<std::uint32_t>(entries_.size());
  const auto [found, is_new] = index.try_emplace(name, next);
  Entry entry{.name = name, .symbol = symbol, .bank = bank};
  if (!is_new) {
    if (found->second >= (marks_.empty() ? 0 : marks_.back())) return false;
    entry.shadowed = found->second;
    found->second = next;
  }
  entries_.push_back(entry);
  return true;
}

const Symbol* Scopes::find_in(const Index& index, std::string_view name) const {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : &entries_[found->second].symbol;
}

const Symbol* Scopes::find(std::string_view name) const {
  if (const Symbol* const symbol = find_in(names_, name)) return symbol;
  return outer_ == nullptr ? nullptr : outer_->find(name);
}

bool Scopes::find_register(std::string_view name, RegisterName& found) const {
  // Most registers belong to a bank, so that is looked at first.
  if (const auto split = split_number(name)) {
    const Symbol* const bank = find_in(banks_, split->first);
    if (bank != nullptr && split->second < bank->count) {
      found = {.reference = bank->first + split->second, .place = bank->place, .bits = bank->bits};
      return true;
    }
  }
  std::uint32_t component = 0;
  std::string_view whole = name;
  if (name.size() > 2 && name[name.size() - 2] == '.') {
    const std::size_t at = std::string_view("xyzw").find(name.back());
    if (at != std::string_view::npos) {
      component = static_cast<std::uint32_t>(at);
      whole = name.substr(0, name.size() - 2);
    }
  }
  const Symbol* const symbol = find_in(names_, whole);
  if (symbol != nullptr && symbol->kind == Symbol::Kind::registers && component < symbol->vector &&
      (symbol->vector == 1) == (whole.size() == name.size())) {
    found = {.reference = symbol->first + component, .place = symbol->place, .bits = symbol->bits};
    return true;
  }
  return outer_ != nullptr && outer_->find_register(name, found);
}

}  // namespace attest::emulator
