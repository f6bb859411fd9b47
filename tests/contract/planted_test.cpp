// Faults put into flash2/cuda_mma, each of which must be found: by the sanitizer, by the output, or by the counters; in
// every order of warps. The kernel as it is must be silent, right, and move what its formula says.
#include "tests/contract/planted.hpp"

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "harness/core/device_module.hpp"
#include "variants/common/cuda/mma_shape.hpp"

namespace attest::planted {
namespace {

using emulator::FaultKind;

const char* const entry = "flash2_mma_bf16_d64";
constexpr std::uint64_t seeds[] = {0, 1, 2};

/// The kernel's PTX; empty, with the reason told, where this build has none.
std::string kernel_text() {
  const DeviceModule* module = find_device_module("flash2/cuda_mma");
  if (module == nullptr) {
    BOOST_TEST_MESSAGE("skipped: this build had no nvcc, so that there is no kernel to put a fault into");
    return "";
  }
  return only_entry(std::string(module->ptx), entry);
}

std::string without(const std::string&) {
  return "";
}

/// Changes instruction `index` of `opcode`, for every one there is; the sanitizer finds one of `kinds`, or the output
/// is wrong, whatever the order of warps. At least `least` are there.
void check_each(const std::string& ptx, const std::string& opcode, std::size_t least,
                const std::function<std::string(std::string)>& change, std::initializer_list<FaultKind> kinds) {
  const std::size_t count = instructions(ptx, opcode).size();
  BOOST_TEST(count >= least, opcode << ": " << count);
  for (std::size_t index = 0; index < count; ++index) {
    const std::string planted = with_changed(ptx, opcode, index, change);
    for (const std::uint64_t seed : seeds) {
      const Outcome outcome = run(planted, entry, seed);
      bool caught = !outcome.is_right();
      for (const FaultKind kind : kinds)
        caught = caught || outcome.found(kind);
      BOOST_TEST(caught, opcode << " number " << index << ", order of warps " << seed << ": " << outcome.described());
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planted_faults)

BOOST_AUTO_TEST_CASE(the_kernel_as_it_is_is_silent_right_and_moves_what_its_formula_says) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  std::optional<emulator::Counters> first;
  for (const std::uint64_t seed : seeds) {
    const Outcome outcome = run(ptx, entry, seed);
    BOOST_TEST(outcome.is_silent(), outcome.described());
    BOOST_TEST(outcome.is_right(), outcome.described());
    if (!first) first = outcome.result.counters;
    BOOST_TEST((outcome.result.counters == *first), "counts depend on the order of warps");
  }
  constexpr std::uint64_t tensor = Setup::heads * Setup::seq * Setup::dim * 2;
  constexpr std::uint64_t row_blocks = (Setup::seq + 63) / 64;
  BOOST_TEST(first->async_copy_bytes == tensor + 2 * tensor * row_blocks);
  BOOST_TEST(first->global_load_sectors * 32 == first->global_load_bytes);
  BOOST_TEST(first->global_store_bytes == tensor + Setup::heads * Setup::seq * sizeof(float));
  BOOST_TEST(first->shared_wavefronts == first->shared_wavefronts_ideal);
}

BOOST_AUTO_TEST_CASE(each_removed_barrier_is_found) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  check_each(ptx, "bar.sync", 3, without, {FaultKind::race});
}

BOOST_AUTO_TEST_CASE(each_loosened_wait_for_copies_is_found) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  const auto loosened = [](std::string text) {
    const std::size_t at = text.find_last_of("0123456789");
    ++text[at];
    return text;
  };
  check_each(ptx, "cp.async.wait_group", 2, loosened, {FaultKind::uninitialised_read, FaultKind::race});
}

BOOST_AUTO_TEST_CASE(each_missing_copy_leaves_shared_memory_unwritten) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  // The later ones fill a stage of which the first pass has left values: there the output shows it.
  check_each(ptx, "cp.async.cg", 12, without, {FaultKind::uninitialised_read});
}

BOOST_AUTO_TEST_CASE(an_uninitialised_shared_read_is_found) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  // Without its copies no word of the first tile of keys is ever written.
  std::string planted = ptx;
  for (int copies = 0; copies < 4; ++copies)
    planted = with_changed(planted, "cp.async.cg", 4, without);
  for (const std::uint64_t seed : seeds) {
    const Outcome outcome = run(planted, entry, seed);
    BOOST_TEST(outcome.found(FaultKind::uninitialised_read), outcome.described());
  }
}

BOOST_AUTO_TEST_CASE(each_dropped_trans_shows_in_the_output) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  const auto straight = [](std::string text) { return text.erase(text.find(".trans"), 6); };
  check_each(ptx, "ldmatrix.sync.aligned.m8n8.x4.trans", 8, straight, {});
}

BOOST_AUTO_TEST_CASE(swapped_registers_of_a_fragment_of_b_show_in_the_output) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  const auto swapped = [](std::string text) {
    // D, A, B, C: the third group.
    std::size_t open = text.find('{');
    for (int group = 0; group < 2; ++group)
      open = text.find('{', open + 1);
    const std::size_t comma = text.find(',', open);
    const std::size_t close = text.find('}', open);
    const std::string first = text.substr(open + 1, comma - open - 1);
    const std::string second = text.substr(comma + 1, close - comma - 1);
    return text.substr(0, open + 1) + second + "," + first + text.substr(close);
  };
  const std::size_t count = instructions(ptx, "mma.sync").size();
  BOOST_TEST(count == 64u);
  for (const std::size_t index : {std::size_t{0}, std::size_t{13}, count / 2, count - 1}) {
    const Outcome outcome = run(with_changed(ptx, "mma.sync", index, swapped), entry, 0);
    BOOST_TEST(!outcome.is_right(), "mma number " << index << ": " << outcome.described());
  }
}

BOOST_AUTO_TEST_CASE(each_dropped_shuffle_shows_in_the_output) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  const auto kept = [](const std::string& text) {
    // "shfl.sync.bfly.b32 d|p, a, ..." becomes "mov.b32 d, a": each lane keeps its own.
    const std::size_t start = text.find('%');
    const std::size_t bar = text.find('|');
    const std::size_t source = text.find(',') + 1;
    return "mov.b32 " + text.substr(start, bar - start) + "," + text.substr(source, text.find(',', source) - source) +
           ";";
  };
  check_each(ptx, "shfl.sync.bfly", 8, kept, {});
}

BOOST_AUTO_TEST_CASE(a_missing_mask_of_the_tail_shows_in_the_output) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  // Every score that hidden keys set to -inf stays what it is.
  std::string planted = ptx;
  std::size_t masks = 0;
  for (const Found& one : instructions(ptx, "selp.f32"))
    masks += ptx.substr(one.start, one.length).find("0fFF800000") != std::string::npos;
  BOOST_TEST(masks >= 32u);
  std::size_t index = 0;
  while (index < instructions(planted, "selp.f32").size()) {
    const Found one = instructions(planted, "selp.f32")[index];
    const std::string text = planted.substr(one.start, one.length);
    const std::size_t infinity = text.find("0fFF800000");
    if (infinity == std::string::npos) {
      ++index;
      continue;
    }
    // selp d, -inf, score, p  or  selp d, score, -inf, p
    const std::size_t first = text.find(',') + 1;
    const std::size_t second = text.find(',', first) + 1;
    const bool infinity_first = infinity < second;
    const std::size_t score = infinity_first ? second : first;
    planted.replace(one.start, one.length,
                    "mov.f32 " + text.substr(8, first - 8) + text.substr(score, text.find(',', score) - score) + ";");
  }
  const Outcome outcome = run(planted, entry, 0);
  BOOST_TEST(!outcome.is_right(), outcome.described());
}

BOOST_AUTO_TEST_CASE(a_store_one_past_the_end_is_out_of_bounds) {
  const std::string ptx = kernel_text();
  if (ptx.empty()) return;
  std::string planted = ptx;
  const std::size_t stores = instructions(ptx, "st.global.v4").size();
  BOOST_TEST(stores >= 1u);
  for (std::size_t index = 0; index < stores; ++index)
    planted = with_changed(planted, "st.global.v4", index,
                           [](std::string text) { return text.insert(text.find("]"), "+16"); });
  for (const std::uint64_t seed : seeds) {
    const Outcome outcome = run(planted, entry, seed);
    BOOST_TEST_REQUIRE(outcome.result.fault.has_value());
    BOOST_TEST((outcome.result.fault->kind == FaultKind::out_of_bounds), outcome.described());
    BOOST_TEST(outcome.result.fault->source.find("mma_attention.cuh:") != std::string::npos, outcome.described());
  }
}

BOOST_AUTO_TEST_CASE(an_unswizzled_tile_costs_eight_wavefronts_for_one) {
  if (kernel_text().empty()) return;
  const std::string sound = compile_with("variants/common/cuda/swizzle.cuh", {{"chunk ^ (", "chunk ^ ("}});
  const std::string planted = compile_with("variants/common/cuda/swizzle.cuh", {{"chunk ^ (", "chunk ^ 0 * ("}});
  const Outcome before = run(sound, compiled_entry, 0);
  const Outcome after = run(planted, compiled_entry, 0);
  BOOST_TEST((before.is_silent() && before.is_right()), before.described());
  BOOST_TEST((after.is_silent() && after.is_right()), "only the counters see it: " << after.described());
  BOOST_TEST(before.result.counters.shared_wavefronts == before.result.counters.shared_wavefronts_ideal);
  const emulator::Counters& counts = after.result.counters;
  // Every ldmatrix reads 8 rows of the same banks; copies and the output's lines lie side by side either way.
  BOOST_TEST_MESSAGE(fmt::format("{} wavefronts for {}", counts.shared_wavefronts, counts.shared_wavefronts_ideal));
  BOOST_TEST(counts.shared_wavefronts >= 5 * counts.shared_wavefronts_ideal);
}

BOOST_AUTO_TEST_CASE(a_stride_that_doubles_the_sectors_is_counted) {
  if (kernel_text().empty()) return;
  const char* const header = "variants/common/cuda/tile_load.cuh";
  const char* const row = "int row = static_cast<int>(threadIdx.x) / Chunks;";
  const char* const chunk = "int chunk = static_cast<int>(threadIdx.x) % Chunks;";
  const Outcome before = run(compile_with(header, {{row, row}, {chunk, chunk}}), compiled_entry, 0);
  // Neighbouring threads take every other chunk of 16 bytes: a request asks for half of each sector it touches.
  const Outcome after = run(compile_with(header, {{row, "int row = threadIdx.x / 64 * 8 + threadIdx.x % 32 / 4;"},
                                                  {chunk, "int chunk = threadIdx.x % 4 * 2 + threadIdx.x / 32 % 2;"}}),
                            compiled_entry, 0);
  BOOST_TEST((before.is_silent() && before.is_right()), before.described());
  BOOST_TEST((after.is_silent() && after.is_right()), "only the counters see it: " << after.described());
  const emulator::Counters& sound = before.result.counters;
  const emulator::Counters& counts = after.result.counters;
  BOOST_TEST(counts.global_load_bytes == sound.global_load_bytes);
  BOOST_TEST(sound.global_load_sectors * 32 == sound.global_load_bytes);
  BOOST_TEST(counts.global_load_sectors == 2 * sound.global_load_sectors);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::planted
