#include <algorithm>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <utility>

#include "harness/backends/emulator/memory_space.hpp"

namespace attest::emulator {

namespace {

/// What the device claims to have; the host may refuse sooner.
constexpr std::uint64_t device_bytes = std::uint64_t{16} << 30;
/// Between two allocations at least so many bytes belong to none, so that a stride that runs past the end is caught.
constexpr std::uint64_t gap_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t alignment = 256;
/// A block copy may read whole sectors and vectors; the pages behind an allocation hold so many bytes more.
constexpr std::uint64_t padding = 64;

std::uint64_t rounded_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::size_t words_of(std::uint64_t bytes) {
  return static_cast<std::size_t>((bytes + sector_bytes - 1) / sector_bytes);
}

void* map_pages(std::size_t bytes) {
  void* const pages =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  return pages;
}

void release(Allocation& allocation) {
  ::munmap(allocation.data, allocation.bytes + padding);
  allocation.data = nullptr;
  allocation.initialised = LazyWords();
}

}  // namespace

LazyWords::LazyWords(std::size_t words)
    : words_(static_cast<std::uint32_t*>(map_pages(std::max<std::size_t>(words, 1) * sizeof(std::uint32_t)))),
      size_(std::max<std::size_t>(words, 1)) {}

LazyWords::~LazyWords() {
  if (words_ != nullptr) ::munmap(words_, size_ * sizeof(std::uint32_t));
}

LazyWords::LazyWords(LazyWords&& other) noexcept
    : words_(std::exchange(other.words_, nullptr)), size_(std::exchange(other.size_, 0)) {}

LazyWords& LazyWords::operator=(LazyWords&& other) noexcept {
  std::swap(words_, other.words_);
  std::swap(size_, other.size_);
  return *this;
}

GlobalMemory::State::~State() {
  for (Allocation& allocation : allocations)
    if (allocation.living()) release(allocation);
}

Allocation* GlobalMemory::State::find(std::uint64_t address) {
  auto after = std::upper_bound(allocations.begin(), allocations.end(), address,
                                [](std::uint64_t value, const Allocation& each) { return value < each.start; });
  if (after == allocations.begin()) return nullptr;
  Allocation& candidate = *std::prev(after);
  return address - candidate.start < candidate.bytes ? &candidate : nullptr;
}

GlobalMemory::GlobalMemory() : state_(std::make_unique<State>()) {}
GlobalMemory::~GlobalMemory() = default;

std::uint64_t GlobalMemory::allocate(std::uint64_t bytes) {
  if (bytes == 0 || bytes > bytes_free()) throw std::bad_alloc();
  Allocation allocation;
  allocation.start = state_->next;
  allocation.bytes = bytes;
  allocation.initialised = LazyWords(words_of(bytes));
  state_->allocations.reserve(state_->allocations.size() + 1);
  allocation.data = static_cast<std::byte*>(map_pages(bytes + padding));
  std::memset(allocation.data, 0xff, bytes);
  state_->allocations.push_back(std::move(allocation));
  state_->allocated += bytes;
  state_->next = rounded_up(state_->next + bytes + gap_bytes, alignment);
  return state_->allocations.back().start;
}

std::uint64_t GlobalMemory::allocate_constant(std::uint64_t bytes) {
  const std::uint64_t address = allocate(bytes);
  state_->allocations.back().constant = true;
  return address;
}

bool GlobalMemory::free(std::uint64_t address) {
  Allocation* const allocation = state_->find(address);
  if (allocation == nullptr || allocation->start != address || !allocation->living()) return false;
  state_->allocated -= allocation->bytes;
  release(*allocation);
  return true;
}

namespace {

/// The living allocation that holds the whole range, or null.
Allocation* holder(GlobalMemory::State& state, std::uint64_t address, std::uint64_t bytes) {
  Allocation* const allocation = state.find(address);
  if (allocation == nullptr || !allocation->living() || bytes > allocation->bytes - (address - allocation->start))
    return nullptr;
  return allocation;
}

}  // namespace

bool GlobalMemory::write(std::uint64_t address, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return true;
  Allocation* const allocation = holder(*state_, address, bytes);
  if (allocation == nullptr) return false;
  std::memcpy(allocation->data + (address - allocation->start), from, bytes);
  mark_bytes(allocation->initialised.data(), address - allocation->start, bytes);
  return true;
}

bool GlobalMemory::read(std::uint64_t address, void* to, std::uint64_t bytes) const {
  if (bytes == 0) return true;
  const Allocation* const allocation = holder(*state_, address, bytes);
  if (allocation == nullptr) return false;
  std::memcpy(to, allocation->data + (address - allocation->start), bytes);
  return true;
}

bool GlobalMemory::fill(std::uint64_t address, std::uint64_t value, unsigned value_bytes, std::uint64_t count) {
  if (count == 0) return true;
  if (value_bytes == 0 || value_bytes > sizeof value || count > device_bytes / value_bytes) return false;
  const std::uint64_t bytes = count * value_bytes;
  Allocation* const allocation = holder(*state_, address, bytes);
  if (allocation == nullptr) return false;
  std::byte* const data = allocation->data + (address - allocation->start);
  if (value_bytes == 1)
    std::memset(data, static_cast<int>(value & 0xff), bytes);
  else
    for (std::uint64_t index = 0; index < count; ++index)
      std::memcpy(data + index * value_bytes, &value, value_bytes);
  mark_bytes(allocation->initialised.data(), address - allocation->start, bytes);
  return true;
}

GlobalMemory::Range GlobalMemory::range_of(std::uint64_t address) const {
  const Allocation* const allocation = state_->find(address);
  if (allocation == nullptr || !allocation->living()) return {};
  return {allocation->start, allocation->bytes};
}

std::uint64_t GlobalMemory::bytes_allocated() const {
  return state_->allocated;
}

std::uint64_t GlobalMemory::bytes_free() const {
  return device_bytes - state_->allocated;
}

std::uint64_t first_unmarked(const std::uint32_t* words, std::uint64_t offset, std::uint64_t count) {
  for (std::uint64_t index = 0; index < count;) {
    const std::uint64_t position = offset + index;
    const std::uint32_t word = words[position / sector_bytes];
    const std::uint64_t in_word = position % sector_bytes;
    if (word == ~0u) {
      index += sector_bytes - in_word;
      continue;
    }
    if ((word >> in_word & 1u) == 0) return index;
    ++index;
  }
  return count;
}

}  // namespace attest::emulator
