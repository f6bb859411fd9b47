// What every kernel must keep, whatever it computes, against the oracle of its variant. The inputs provoke: lengths
// around every tile size, rows without keys, groups, ragged head sizes, every mask feature, NaN behind masks, and all
// types. A problem that a kernel does not support is left out, and counted: a kernel that took none fails.
#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "tests/support/cell.hpp"

using attest::test::Cell;

namespace {

using attest::KernelEntry;
using attest::parse_problem;
using attest::Problem;

struct Provocation {
  std::string problem;
  std::string kind = "normal";
};

std::vector<std::string> types_in_turn(std::size_t index) {
  // Every problem in f32; the 16-bit types take turns, so that each sees half of them.
  return {"f32", index % 2 == 0 ? "bf16" : "f16"};
}

std::string describe(const KernelEntry& entry, const Problem& problem, std::string_view kind) {
  return entry.id() + " \"" + problem.text() + "\" --inputs " + std::string(kind);
}

// Rule M costs several times what the other rules do. A defect that it alone finds hides in the noise of any problem,
// so that each kernel meets it on a fourth of them, drawn by the same hash.
bool matches_defects(std::size_t index, std::size_t kernel) {
  const std::uint32_t hash = static_cast<std::uint32_t>(index + 1) * 2654435761U;
  return ((hash >> 20U) + kernel) % 4 == 0;
}

// Emulated kernels share long lists out: each takes a third, drawn by a hash so that no period of a list is in step.
bool in_turn(std::size_t index, std::size_t kernel, std::size_t problems) {
  const std::size_t shares = attest::test::on_cpu || problems < 100 ? 1 : 3;
  const std::uint32_t hash = static_cast<std::uint32_t>(index + 1) * 2654435761U;
  return ((hash >> 16U) + kernel) % shares == 0;
}

void check_all(const std::vector<Provocation>& provocations, int least_for_each_kernel) {
  std::map<std::string, int> taken;
  std::size_t kernel = 0;
  for (const KernelEntry& entry : attest::all_kernels()) {
    if (!attest::find_backend(attest::test::contract_backend).runs(*entry.kernel)) continue;
    taken[entry.id()] = 0;
    ++kernel;
    for (std::size_t index = 0; index < provocations.size(); ++index) {
      if (!in_turn(index, kernel, provocations.size())) continue;
      for (const std::string& type : types_in_turn(index)) {
        const Problem problem = parse_problem(provocations[index].problem + " " + type);
        const std::string& kind = provocations[index].kind;
        if (!attest::test::takes(entry, problem, kind)) continue;
        ++taken[entry.id()];
        try {
          Cell cell(entry, problem, kind, 1 + static_cast<int>(index % 3));
          const attest::Verification verification = cell.judge(matches_defects(index, kernel));
          BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), describe(entry, problem, kind)
                                                                     << ": " << verification.verdict.reason);
        } catch (const attest::DeviceError& error) {
          BOOST_ERROR(describe(entry, problem, kind) << ": " << error.what());
        }
      }
    }
  }
  const int least = attest::test::on_cpu ? least_for_each_kernel : 1 + least_for_each_kernel / 4;
  for (const auto& [id, count] : taken) {
    BOOST_CHECK_MESSAGE(count >= least, id << " took only " << count << " of these problems");
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(contract)

BOOST_AUTO_TEST_CASE(every_kernel_is_right_at_lengths_around_its_tiles) {
  std::vector<Provocation> provocations;
  for (const int length : {1,  2,  3,  7,  8,  9,  11, 12,  13,  15,  16,  17,  31,  32,  33,  47, 48,
                           49, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 193, 255, 256, 257, 300}) {
    const std::string sq = std::to_string(length);
    // One head, since others see the same tiles; the lists below have more.
    provocations.push_back({"sq" + sq + " d64"});
    provocations.push_back({"sq" + sq + " d64 causal"});
    provocations.push_back({"sq" + sq + " d32 causal window=20,0"});
    provocations.push_back({"hq2 hkv1 sq1 skv" + sq + " d32"});
  }
  check_all(provocations, 20);
}

BOOST_AUTO_TEST_CASE(every_kernel_is_right_where_queries_and_keys_differ_in_number) {
  std::vector<Provocation> provocations;
  for (const auto& [sq, skv] : std::vector<std::pair<int, int>>{{1, 1},
                                                                {1, 2},
                                                                {1, 63},
                                                                {1, 64},
                                                                {1, 65},
                                                                {1, 300},
                                                                {1, 1025},
                                                                {3, 129},
                                                                {17, 1},
                                                                {64, 1},
                                                                {65, 31},
                                                                {300, 3},
                                                                {128, 257},
                                                                {33, 520},
                                                                {520, 33}}) {
    const std::string sizes = " sq" + std::to_string(sq) + " skv" + std::to_string(skv) + " d32 ";
    for (const char* rest : {"", "causal", "causal align=top_left", "causal align=5", "causal align=-3", "window=16,16",
                             "causal window=15,0"}) {
      // Grouped heads and one head take turns, so that over the masks every size meets both.
      provocations.push_back({(provocations.size() % 2 == 0 ? "hq4 hkv2" : "") + sizes + rest});
    }
  }
  check_all(provocations, 10);
}

BOOST_AUTO_TEST_CASE(every_kernel_is_right_at_any_head_size) {
  std::vector<Provocation> provocations;
  for (const int width : {1, 3, 8, 20, 31, 32, 33, 40, 64, 72, 80, 96, 112, 128, 160, 192, 256}) {
    const std::string d = std::to_string(width);
    provocations.push_back({"sq70 d" + d + " causal"});
    provocations.push_back({"sq70 d" + d});
    provocations.push_back({"hq2 sq1 skv70 d" + d});
    provocations.push_back({"sq70 d" + d + " window=9,9"});
    provocations.push_back({"hq2 sq40 skv70 d" + d + " dv" + std::to_string(width / 2 + 3)});
  }
  check_all(provocations, 10);
}

BOOST_AUTO_TEST_CASE(every_kernel_is_right_with_every_feature_that_it_takes) {
  std::vector<Provocation> provocations;
  std::size_t turn = 0;
  for (const char* shape : {"b2 hq4 hkv4 sq77 skv77 d32", "b2 hq8 hkv2 sq77 skv133 d64", "b2 hq6 hkv1 sq1 skv200 d64",
                            "b1 hq2 hkv2 sq130 skv70 d40 dv24"}) {
    for (const char* rest : {"", "causal", "scale=0.3", "scale=-0.2", "softcap=2", "causal softcap=20", "window=9,0",
                             "window=0,0", "window=7,13", "window=-1,5", "window=30,-1 causal",
                             "causal window=20,0 align=top_left", "align=11 window=5,5", "dropout=0.1 seed=7",
                             "causal dropout=0.5 seed=123456789012", "causal window=12,0 softcap=5 scale=0.5"}) {
      // The kinds with masks take turns, so that over the shapes each feature meets each of them.
      constexpr std::array<const char*, 3> masking{"padded", "fully_masked_rows", "nan_behind_mask"};
      provocations.push_back({std::string(shape) + " " + rest, "normal"});
      provocations.push_back({std::string(shape) + " " + rest, masking[turn++ % masking.size()]});
    }
  }
  check_all(provocations, 4);
}

BOOST_AUTO_TEST_CASE(every_kernel_is_right_on_every_kind_of_input) {
  std::vector<Provocation> provocations;
  for (const attest::InputKind& kind : attest::input_kinds()) {
    for (const char* problem : {"hq3 sq80 d32", "hq3 sq80 d32 causal", "b2 hq4 hkv2 sq70 skv140 d64 causal",
                                "hq4 sq1 skv260 d128", "hq4 sq200 d32 window=31,0 causal", "b1 hq12 sq30 d_model=384",
                                "b2 hq2 sq33 skv47 d256", "hq2 hkv1 sq61 skv77 d96 causal"}) {
      provocations.push_back({problem, std::string(kind.name)});
    }
  }
  check_all(provocations, 8);
}

// Hardware leaves open how an mma rounds, and in which order warps run; both models and any order must pass.
BOOST_AUTO_TEST_CASE(a_kernel_is_right_with_either_rounding_of_mma_and_any_order_of_warps,
                     *boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
                       return boost::test_tools::assertion_result(!attest::test::on_cpu);
                     })) {
  for (const KernelEntry& entry : attest::all_kernels()) {
    for (const char* text : {"hq2 sq130 d64 bf16 causal", "hq2 sq97 d128 f16", "hq4 hkv2 sq1 skv300 d64 bf16",
                             "hq2 sq200 d64 bf16 causal window=31,0"}) {
      const Problem problem = parse_problem(text);
      if (!attest::test::takes(entry, problem, "normal")) continue;
      for (const bool wide : {false, true}) {
        Cell cell(entry, problem, "normal", 2, 1,
                  {.sanitize = true, .warp_order = wide ? 7U : 99U, .wide_accumulation = wide});
        const attest::Verification verification = cell.judge();
        BOOST_CHECK_MESSAGE(verification.verdict.has_passed(), describe(entry, problem, "normal")
                                                                   << (wide ? " (wide): " : ": ")
                                                                   << verification.verdict.reason);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
