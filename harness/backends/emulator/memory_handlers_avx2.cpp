#define ATTEST_ISA avx2
#include "harness/backends/emulator/memory_request.hpp"
// After the request, in this order.
#include "harness/backends/emulator/memory_access.hpp"
#include "harness/backends/emulator/memory_matrix.hpp"
#include "harness/backends/emulator/memory_table.hpp"
