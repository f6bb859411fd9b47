// The row loops for AVX2; entered only where row_loops() has found it.
#if defined(__x86_64__)
#define ATTEST_ROW_LOOPS row_loops_avx2
#define ATTEST_VECTOR_BYTES 32
#include "reference/row_loops_body.inc"
#endif
