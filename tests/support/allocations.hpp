#pragma once

#include <cstdint>

// The sanitizers own malloc; the count is taken in the plain build only.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ATTEST_COUNTS_ALLOCATIONS 0
#else
#define ATTEST_COUNTS_ALLOCATIONS 1
#endif

namespace attest::test {

/// Counts the bytes that any thread of this process asks of malloc and its kin while it lives.
class CountAllocations {
 public:
  CountAllocations();
  ~CountAllocations();
  std::int64_t bytes() const;
};

}  // namespace attest::test
