// The row loops for any machine.
#define ATTEST_ROW_LOOPS row_loops_baseline
#define ATTEST_VECTOR_BYTES 16
#include "reference/row_loops_body.inc"

namespace attest {

const RowLoops& row_loops() {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return has_avx2 ? row_loops_avx2::table : row_loops_baseline::table;
#else
  return row_loops_baseline::table;
#endif
}

}  // namespace attest
