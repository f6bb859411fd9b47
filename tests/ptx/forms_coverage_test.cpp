// Every form that the emulator says it knows has a test against an oracle, by its own name; the few that have none are
// named here with the reason.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <sstream>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

/// The names that lowering gives to a mov with braces: "mov.pack2.b32".
std::vector<std::string> shaped_moves(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find("mov."); at != text.npos; at = text.find("mov.", at + 1)) {
    const std::string line = text.substr(at, text.find(';', at) - at);
    const std::size_t open = line.find('{');
    if (open == line.npos) continue;
    const auto parts = 1 + std::count(line.begin() + static_cast<std::ptrdiff_t>(open),
                                      line.begin() + static_cast<std::ptrdiff_t>(line.find('}')), ',');
    const std::size_t space = line.find(' ');
    names.push_back((open == space + 1 ? "mov.unpack" : "mov.pack") + std::to_string(parts) +
                    line.substr(3, space - 3));
  }
  return names;
}

/// Forms that end their thread or launch, so that they leave no value to compare, and where they are tested.
const char* const tested_elsewhere[] = {
    "exit",   // control_test.cpp
    "ret",    // the end of every entry
    "trap",   // interp_limits_test.cpp
    "brkpt",  // interp_limits_test.cpp
};

}  // namespace

BOOST_AUTO_TEST_SUITE(forms)

BOOST_AUTO_TEST_CASE(every_known_form_has_a_test_and_is_listed_once) {
  std::set<std::string> tested;
  for (const FormCase& form : all_forms()) {
    for (const std::string& name : form_names(form))
      tested.insert(name);
    for (const std::string& name : shaped_moves(form.text))
      tested.insert(name);
    // Functions that a form calls stand before the entry.
    std::istringstream words(form.variables);
    for (std::string word; words >> word;)
      tested.insert(word.substr(0, word.find(';')));
  }
  for (const char* const name : tested_elsewhere)
    tested.insert(name);
  std::set<std::string> seen;
  for (const std::string& name : emulator::known_forms())
    BOOST_TEST(seen.insert(name).second, name << " is listed twice");
  std::string untested;
  for (const std::string& name : seen)
    if (tested.count(name) == 0) untested += " " + name;
  BOOST_TEST(untested.empty(), "known forms without a test:" << untested);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
