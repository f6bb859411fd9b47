#include <cstdio>

#include "harness/cli/blas_core.hpp"
#include "harness/cli/command_line.hpp"

int main(int count, char** arguments) {
  attest::mend_blas_core(arguments);
  const int status = attest::run_command_line(count, arguments);
  // A result that did not reach a full disk is lost, whatever was computed.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fputs("attest: standard output: cannot be written; free space on its disk or send it elsewhere\n", stderr);
    return 4;
  }
  return status;
}
