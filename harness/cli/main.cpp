#include "harness/cli/command_line.hpp"

int main(int count, char** arguments) {
  return attest::run_command_line(count, arguments);
}
