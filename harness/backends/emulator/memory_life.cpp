#include <algorithm>
#include <bit>
#include <cstring>

#include "harness/backends/emulator/memory_space.hpp"
#include "harness/backends/emulator/shared_shadow.hpp"

namespace attest::emulator {

void LaunchState::report(const Warp& warp, const Instruction& instruction, FaultKind kind, int lane,
                         std::uint64_t address, std::string detail, std::optional<std::uint32_t> other_pc) {
  for (const RawFinding& finding : findings)
    if (finding.kind == kind && finding.pc == instruction.pc) return;
  findings.push_back({.kind = kind,
                      .pc = instruction.pc,
                      .block = warp.block->linear_index,
                      .thread = warp.index * warp_lanes + static_cast<std::uint32_t>(lane),
                      .address = address,
                      .detail = std::move(detail),
                      .other_pc = other_pc});
}

void begin_launch(LaunchState& state) {
  state.cache = new AddressCache();
  state.cache->of_pc.fill(&state.cache->none);
  state.shadow = state.sanitize ? new SharedShadow() : nullptr;
}

AllocationView* look_up(LaunchState& launch, std::uint32_t pc, std::uint64_t address, std::uint64_t bytes) {
  Allocation* const allocation = launch.global->state().find(address);
  if (allocation == nullptr || !allocation->living() || bytes > allocation->bytes - (address - allocation->start))
    return nullptr;
  AddressCache& cache = *launch.cache;
  auto found = std::find_if(cache.views.begin(), cache.views.end(),
                            [&](const auto& view) { return view->allocation == allocation; });
  if (found == cache.views.end()) {
    auto view = std::make_unique<AllocationView>();
    const std::size_t words = allocation->initialised.size();
    view->start = allocation->start;
    view->bytes = allocation->bytes;
    view->data = allocation->data;
    view->initialised = allocation->initialised.data();
    view->allocation = allocation;
    view->written_words = LazyWords(words);
    view->written = view->written_words.data();
    if (launch.count) {
      view->read_words = LazyWords(words);
      view->read = view->read_words.data();
    }
    cache.views.push_back(std::move(view));
    found = std::prev(cache.views.end());
  }
  cache.of_pc[pc % AddressCache::ways] = found->get();
  return found->get();
}

namespace {

/// Bytes whose bit is set in at least one of the maps.
std::uint64_t count_union(const std::vector<const LazyWords*>& maps) {
  std::uint64_t bytes = 0;
  if (maps.empty()) return bytes;
  for (std::size_t word = 0; word < maps.front()->size(); ++word) {
    std::uint32_t bits = 0;
    for (const LazyWords* map : maps)
      bits |= map->data()[word];
    bytes += static_cast<std::uint64_t>(std::popcount(bits));
  }
  return bytes;
}

}  // namespace

void merge_footprints(std::span<LaunchState* const> states, Counters& total) {
  std::vector<const Allocation*> allocations;
  for (const LaunchState* state : states)
    for (const auto& view : state->cache->views)
      if (std::find(allocations.begin(), allocations.end(), view->allocation) == allocations.end())
        allocations.push_back(view->allocation);
  for (const Allocation* allocation : allocations) {
    std::vector<const LazyWords*> read;
    std::vector<const LazyWords*> written;
    for (const LaunchState* state : states)
      for (const auto& view : state->cache->views)
        if (view->allocation == allocation && state->count) {
          read.push_back(&view->read_words);
          written.push_back(&view->written_words);
        }
    total.global_unique_read_bytes += count_union(read);
    total.global_unique_written_bytes += count_union(written);
  }
}

void end_launch(LaunchState& state) {
  if (state.cache != nullptr) {
    const std::lock_guard lock(state.global->state().merging);
    // With the sanitizer every store has marked its bytes at once.
    for (const auto& view : state.cache->views)
      for (std::size_t word = 0; !state.sanitize && word < view->written_words.size(); ++word)
        if (view->written[word] != 0)  // a page that nobody wrote stays untouched
          view->initialised[word] |= view->written[word];
  }
  delete state.cache;
  delete state.shadow;
  state.cache = nullptr;
  state.shadow = nullptr;
}

void begin_block(Block& block, LaunchState& state) {
  if (block.shared_bytes > 0) std::memset(block.shared, 0xff, block.shared_bytes);
  block.epoch = 0;
  block.shadow = state.shadow;
  if (block.shadow != nullptr) block.shadow->begin_block(block.shared_bytes, block.warps);
}

void end_block(Block& block, LaunchState& state) {
  // Shared memory ends with the block, so what nobody waited for lands where nobody can look any more: the check of
  // pending bytes has seen every read that came before.
  static_cast<void>(state);
  block.shadow = nullptr;
}

WarpMemory* make_warp_memory(std::uint32_t local_bytes_per_lane) {
  auto* const memory = new WarpMemory();
  memory->local_bytes = local_bytes_per_lane;
  memory->local.resize(std::size_t{local_bytes_per_lane} * warp_lanes, std::byte{0xff});
  memory->local_initialised.resize(std::size_t{memory->local_words()} * warp_lanes);
  return memory;
}

void reset_warp_memory(WarpMemory& memory) {
  if (memory.local_bytes > 0) {
    std::memset(memory.local.data(), 0xff, memory.local.size());
    std::fill(memory.local_initialised.begin(), memory.local_initialised.end(), 0u);
  }
  memory.pending_count = 0;
  memory.group.fill(0);
  memory.groups_agree = true;
}

void free_warp_memory(WarpMemory* memory) {
  delete memory;
}

bool read_generic(const Warp& warp, int lane, std::uint64_t address, void* to, std::uint32_t bytes) {
  const auto copy = [&](const std::byte* memory, std::uint64_t size, std::uint64_t offset) {
    if (memory == nullptr || bytes > size || offset > size - bytes) return false;
    std::memcpy(to, memory + offset, bytes);
    return true;
  };
  const auto within = [&](std::uint64_t window) { return address >= window && address - window < window_bytes; };
  if (within(shared_window)) return copy(warp.block->shared, warp.block->shared_bytes, address - shared_window);
  if (within(param_window)) return copy(warp.block->parameters, warp.block->parameter_bytes, address - param_window);
  if (within(local_window)) {
    if (warp.memory == nullptr || warp.memory->local_bytes == 0) return false;
    return copy(warp.memory->local.data() + static_cast<std::size_t>(lane) * warp.memory->local_bytes,
                warp.memory->local_bytes, address - local_window);
  }
  return warp.launch->global->read(address, to, bytes);
}

}  // namespace attest::emulator
