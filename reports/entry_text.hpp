#pragma once

#include <string>
#include <variant>

#include "reports/model.hpp"

namespace attest::reports {

/// What stands in a table's cell, as `format` writes it: text(Text), number(double, NumberFormat), strong(set),
/// missing(reason) and status(Status), each a string that is escaped already.
template <class Format>
std::string entry_text(const Entry& entry, const Column& column, const Format& format) {
  const auto strengthened = [&](const std::string& set, bool strong) {
    return strong && !set.empty() ? format.strong(set) : set;
  };
  if (const auto* text = std::get_if<Text>(&entry)) return strengthened(format.text(*text), text->strong);
  if (const auto* number = std::get_if<Number>(&entry)) {
    return strengthened(format.number(number->value, column.format), number->strong);
  }
  if (const auto* missing = std::get_if<Missing>(&entry)) {
    return missing->reason.empty() ? "" : format.missing(missing->reason);
  }
  return format.status(std::get<Status>(entry));
}

}  // namespace attest::reports
