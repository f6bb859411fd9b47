// Stands in front of the C library's allocator in this program, to count what is asked of it.
#include "tests/support/allocations.hpp"

#if ATTEST_COUNTS_ALLOCATIONS

#include <atomic>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* pointer, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
}

namespace {
std::atomic<bool> counting{false};
std::atomic<std::int64_t> counted{0};

void count(std::size_t bytes) {
  if (counting.load(std::memory_order_relaxed)) counted.fetch_add(static_cast<std::int64_t>(bytes));
}
}  // namespace

extern "C" {
void* malloc(std::size_t bytes) {
  count(bytes);
  return __libc_malloc(bytes);
}
void* calloc(std::size_t number, std::size_t bytes) {
  count(number * bytes);
  return __libc_calloc(number, bytes);
}
void* realloc(void* pointer, std::size_t bytes) {
  count(bytes);
  return __libc_realloc(pointer, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** result, std::size_t alignment, std::size_t bytes) {
  count(bytes);
  *result = __libc_memalign(alignment, bytes);
  return *result != nullptr ? 0 : ENOMEM;
}
}

namespace attest::test {

CountAllocations::CountAllocations() {
  counted = 0;
  counting = true;
}
CountAllocations::~CountAllocations() {
  counting = false;
}
std::int64_t CountAllocations::bytes() const {
  return counted.load();
}

}  // namespace attest::test

#endif
