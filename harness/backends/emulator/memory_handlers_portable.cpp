#define ATTEST_ISA portable
#include "harness/backends/emulator/memory_request.inc.hpp"
// After the request, in this order.
#include "harness/backends/emulator/memory_access.inc.hpp"
#include "harness/backends/emulator/memory_matrix.inc.hpp"
#include "harness/backends/emulator/memory_table.inc.hpp"
