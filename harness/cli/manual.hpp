#pragma once

#include <string>
#include <string_view>

namespace attest {

/// The part of help.md that is about a command, or its head (the program as a whole) for an empty name.
std::string manual_of(std::string_view command);

}  // namespace attest
