// Random programs with nested branches, loops that lanes leave on their own, code out of line, and meetings of known
// lanes: what they compute is what a lockstep interpreter of the tree computes, for any order of warps and any number
// of host threads, and their counts are the same every time.
#include "tests/ptx/random_program.hpp"

#include "tests/ptx/kernel_run.hpp"

namespace attest::ptx {
namespace {

constexpr std::size_t blocks = 5;
constexpr std::size_t words = program_threads * program_values;

std::vector<std::uint32_t> starting_values(std::uint64_t seed) {
  std::mt19937_64 random(seed * 977 + 5);
  std::vector<std::uint32_t> values(blocks * words);
  for (std::uint32_t& value : values)
    value = random() % 2 == 0 ? static_cast<std::uint32_t>(random()) : static_cast<std::uint32_t>(random() % 16);
  return values;
}

std::vector<std::uint32_t> interpreted(const std::vector<Statement>& program, std::vector<std::uint32_t> all) {
  for (std::size_t block = 0; block < blocks; ++block) {
    Values values(program_threads);
    std::uint32_t* const start = all.data() + block * words;
    for (std::size_t t = 0; t < program_threads; ++t)
      std::copy_n(start + t * program_values, program_values, values[t].begin());
    interpret(program, values);
    for (std::size_t t = 0; t < program_threads; ++t)
      std::copy_n(values[t].begin(), program_values, start + t * program_values);
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(random_programs)

BOOST_AUTO_TEST_CASE(random_programs_compute_what_their_tree_says) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const std::vector<Statement> program = random_program(seed);
    const std::string text = program_text(program);
    const std::vector<std::uint32_t> start = starting_values(seed);
    const std::vector<std::uint32_t> wanted = interpreted(program, start);
    KernelRun kernel(text, available_isas()[seed % available_isas().size()]);
    std::optional<emulator::Counters> counts;
    for (const auto& [threads, order] : {std::pair{1, 0u}, {2, 0u}, {5, 1u}, {1, 7u}}) {
      const std::uint64_t values = kernel.put(start);
      const emulator::LaunchResult result =
          kernel.launch({blocks, 1, 1}, {program_threads, 1, 1}, {values},
                        {.threads = threads, .instruction_budget = 50'000'000, .warp_order_seed = order});
      const bool right = is_silent(result) && kernel.get<std::uint32_t>(values, start.size()) == wanted;
      BOOST_TEST(right, "seed " << seed << ", " << threads << " threads, order " << order << ": " << described(result)
                                << text);
      if (!right) return;
      if (!counts) counts = result.counters;
      BOOST_TEST((result.counters == *counts),
                 "seed " << seed << ": counts differ with " << threads << " threads, order " << order);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
