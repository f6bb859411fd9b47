// What moves tiles: ldmatrix of one, two and four matrices, as they lie and transposed, at generic addresses too;
// movmatrix; cp.async of every size with zero fill and cache policies, in groups; addresses turned from one space to
// another, each in its own space alone.
#include <boost/test/unit_test.hpp>
#include <string>

#include "tests/ptx/form_case.hpp"

namespace attest::ptx {
namespace {

using Wants = std::vector<std::vector<Want>>;

/// Every lane stores its row, 8 values of 16 bits, and the warp loads matrices of 8 rows each. Row r of matrix m is
/// that of lane order(8 m + r), so that no address is where a wrong one would be.
FormCase matrices(int count, bool transposed, const std::string& modifiers) {
  const auto lane_of_row = [](int row) { return (row * 5 + 3) % 32; };
  std::string text =
      "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\nmad.wide.u32 %a, %t, 16, %a;\n"
      "st.shared.v4.b32 [%a], {%s0, %s1, %s2, %s3};\nbar.warp.sync -1;\n"
      "and.b32 %u, %t, 31;\nand.b32 %t, %t, 96;\nmad.lo.u32 %u, %u, 5, 3;\nand.b32 %u, %u, 31;\nadd.u32 %t, %t, %u;\n"
      "mov.u64 %a, tile;\nmad.wide.u32 %a, %t, 16, %a;\n"
      "ldmatrix.sync.aligned." +
      modifiers + " {";
  for (int k = 0; k < count; ++k)
    text += (k != 0 ? ", %d" : "%d") + std::to_string(k);
  text += "}, [%a];\nbar.warp.sync -1;";
  return {.text = text,
          .destinations = std::vector<Type>(static_cast<std::size_t>(count), b32),
          .sources = {b32, b32, b32, b32},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                const auto element = [&](int matrix, int row, int column) {
                  const auto& words = warp.lanes[static_cast<std::size_t>(lane_of_row(matrix * 8 + row))];
                  return words[static_cast<std::size_t>(column / 2)] >> (16 * (column % 2)) & 0xffff;
                };
                for (int lane = 0; lane < 32; ++lane)
                  for (int m = 0; m < count; ++m) {
                    const int major = lane / 4;
                    const int minor = lane % 4 * 2;
                    const std::uint64_t low = transposed ? element(m, minor, major) : element(m, major, minor);
                    const std::uint64_t high = transposed ? element(m, minor + 1, major) : element(m, major, minor + 1);
                    d[static_cast<std::size_t>(lane)][static_cast<std::size_t>(m)] = high << 16 | low;
                  }
              },
          .declarations = ".reg .b64 %a;\n  .reg .b32 %t, %u;\n  .shared .align 16 .b8 tile[2048];",
          .count = 512,
          .under_guard = false};
}

/// Copies `bytes` of source 0's array, of which source-size bytes are read and the rest is zero.
FormCase copy(const std::string& modifiers, int bytes, const std::string& source_bytes, const std::string& wait,
              const std::string& policy = {}) {
  const int words = bytes / 4;
  std::string text =
      "ld.param.u64 %g, [form_param_" + std::to_string(words) +
      "];\ncvta.to.global.u64 %g, %g;\nand.b32 %t, %i, -4;\nmad.wide.u32 %g, %t, 4, %g;\n"
      "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\nmad.wide.u32 %a, %t, 16, %a;\nand.b32 %size, %s1, 31;\nmin.u32 %size, "
      "%size, " +
      std::to_string(bytes) + ";\n" + policy + "{on}cp.async." + modifiers + " [%a], [%g], " + std::to_string(bytes) +
      (source_bytes.empty() ? "" : ", " + source_bytes) + (policy.empty() ? "" : ", %policy") + ";\n" + wait + "\n";
  for (int k = 0; k < words; ++k)
    text += "{on}ld.shared.b32 %d" + std::to_string(k) + ", [%a+" + std::to_string(4 * k) + "];\n";
  return {.text = text,
          .destinations = std::vector<Type>(static_cast<std::size_t>(words), b32),
          .sources = {b32, b32},
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                for (std::size_t lane = 0; lane < 32; ++lane) {
                  const std::uint64_t size =
                      source_bytes.empty() ? 16
                      : source_bytes[0] == '%'
                          ? std::min<std::uint64_t>(warp.lanes[lane][1] & 31, static_cast<std::uint64_t>(bytes))
                          : std::stoull(source_bytes);
                  for (std::size_t k = 0; k < static_cast<std::size_t>(words); ++k) {
                    std::uint64_t word = warp.lanes[(lane & ~std::size_t{3}) + k][0];
                    for (std::uint64_t byte = 0; byte < 4; ++byte)
                      if (4 * k + byte >= size) word &= ~(std::uint64_t{0xff} << (8 * byte));
                    d[lane][k] = word;
                  }
                }
              },
          .declarations = ".reg .b64 %a, %g, %policy;\n  .reg .b32 %t, %size;\n  .shared .align 16 .b8 tile[2048];",
          .count = 512};
}

/// A generic address is that of its window, and back; of global memory it is the same.
FormCase window(const std::string& space, const std::string& variable, const std::string& declaration, bool of_module) {
  FormCase form{.text = "mov.u64 %a, " + variable + ";\n{on}cvta." + space + ".u64 %b, %a;\n{on}cvta.to." + space +
                        ".u64 %c, %b;\n{on}setp.eq.u64 %p, %a, %c;\n{on}selp.u32 %d0, 1, 0, %p;\n{on}isspacep." +
                        space + " %p, %b;\n{on}selp.u32 %d1, 1, 0, %p;\n{on}mov.u32 %d2, 0;",
                .destinations = {u32, u32, u32},
                .sources = {},
                .lane =
                    [](const std::uint64_t*, Want* d) {
                      d[0] = 1;
                      d[1] = 1;
                      d[2] = 0;
                    },
                .declarations = ".reg .b64 %a, %b, %c;\n  .reg .pred %p;\n  .reg .b32 %e;" +
                                (of_module ? "" : "\n  " + declaration),
                .count = 128};
  if (of_module) form.variables = declaration + "\n";
  for (const std::string other : {"shared", "local", "global", "const", "param", "shared::cta"})
    if (!other.starts_with(space) && !space.starts_with(other))
      form.text += "\n{on}isspacep." + other + " %p, %b;\n{on}selp.u32 %e, 1, 0, %p;\n{on}add.u32 %d2, %d2, %e;";
  return form;
}

/// stmatrix: lane l of matrix m's registers holds columns 2 (l % 4) and the next of row l / 4, or is transposed; row r
/// of matrix m goes to lane 8 m + r's place, from which that lane reads its four words.
FormCase stored_matrices(int count, bool transposed) {
  std::string sources;
  for (int k = 0; k < count; ++k)
    sources += (k != 0 ? ", %s" : "%s") + std::to_string(k);
  return {.text =
              "mov.u64 %a, tile;\nmov.u32 %t, %tid.x;\nmad.wide.u32 %a, %t, 16, %a;\nmov.u32 %t, 0;\n"
              "st.shared.v4.b32 [%a], {%t, %t, %t, %t};\nbar.warp.sync -1;\nstmatrix.sync.aligned.m8n8.x" +
              std::to_string(count) + (transposed ? ".trans" : "") + ".shared.b16 [%a], {" + sources +
              "};\nbar.warp.sync -1;\nld.shared.v4.b32 {%d0, %d1, %d2, %d3}, [%a];",
          .destinations = {b32, b32, b32, b32},
          .sources = std::vector<Type>(static_cast<std::size_t>(count), b32),
          .lane = {},
          .warp =
              [=](const WarpSources& warp, Wants& d) {
                const auto element = [&](std::size_t matrix, int row, int column) {
                  if (transposed) std::swap(row, column);
                  const auto lane = static_cast<std::size_t>(row * 4 + column / 2);
                  return warp.lanes[lane][matrix] >> (16 * (column % 2)) & 0xffff;
                };
                for (int lane = 0; lane < 32; ++lane)
                  for (int word = 0; word < 4; ++word) {
                    const auto matrix = static_cast<std::size_t>(lane / 8);
                    const int row = lane % 8;
                    d[static_cast<std::size_t>(lane)][static_cast<std::size_t>(word)] =
                        lane / 8 < count ? element(matrix, row, 2 * word + 1) << 16 | element(matrix, row, 2 * word)
                                         : 0;
                  }
              },
          .declarations = ".reg .b64 %a;\n  .reg .b32 %t;\n  .shared .align 16 .b8 tile[2048];",
          .count = 512,
          .under_guard = false};
}

/// Element (row, column) of a matrix whose rows lie in groups of four lanes becomes (column, row).
FormCase moved_matrix() {
  return {.text = "movmatrix.sync.aligned.m8n8.trans.b16",
          .destinations = {b32},
          .sources = {b32},
          .lane = {},
          .warp =
              [](const WarpSources& warp, Wants& d) {
                const auto element = [&](int row, int column) {
                  return warp.lanes[static_cast<std::size_t>(row * 4 + column / 2)][0] >> (16 * (column % 2)) & 0xffff;
                };
                for (int lane = 0; lane < 32; ++lane) {
                  const int row = lane / 4;
                  const int column = lane % 4 * 2;
                  d[static_cast<std::size_t>(lane)][0] = element(column + 1, row) << 16 | element(column, row);
                }
              },
          .count = 512,
          .under_guard = false};
}

}  // namespace

std::vector<FormCase> shared_forms() {
  std::vector<FormCase> forms;
  for (const int count : {1, 2, 4})
    for (const bool transposed : {false, true}) {
      const std::string x = "x" + std::to_string(count);
      const std::string trans = transposed ? ".trans" : "";
      forms.push_back(matrices(count, transposed, "m8n8." + x + trans + ".shared.b16"));
      forms.push_back(matrices(count, transposed, x + trans + ".m8n8.shared.b16"));
      forms.push_back(matrices(count, transposed, "m8n8." + x + trans + ".b16"));
      if (!transposed) continue;
      forms.push_back(matrices(count, transposed, "m8n8.trans." + x + ".shared.b16"));
    }
  // The generic address of a shared array is that of its window.
  for (FormCase& form : forms)
    if (form.text.find(".shared.b16") == std::string::npos) {
      const std::string from = "mov.u64 %a, tile;\nmad.wide.u32 %a, %t, 16, %a;\nldmatrix";
      const std::size_t at = form.text.find(from);
      form.text.insert(at + std::string("mov.u64 %a, tile;\n").size(), "cvta.shared.u64 %a, %a;\n");
    }
  const std::string group = "cp.async.commit_group;\ncp.async.wait_group 0;";
  for (const int bytes : {4, 8, 16})
    for (const std::string& wait : {group, std::string("cp.async.wait_all;")})
      for (const std::string& size : {std::string(), std::string("%size"), std::string("4"), std::string("0")})
        forms.push_back(copy("ca.shared.global", bytes, size, wait));
  for (const std::string size : {"", "%size", "8"})
    forms.push_back(copy("cg.shared.global", 16, size, group));
  for (const std::string hint : {"L2::64B", "L2::128B", "L2::256B"}) {
    forms.push_back(copy("cg.shared.global." + hint, 16, "", group));
    forms.push_back(copy("ca.shared.global." + hint, 8, "", group));
  }
  forms.push_back(window("shared", "tile", ".shared .align 16 .b8 tile[16];", false));
  forms.push_back(window("local", "depot", ".local .align 16 .b8 depot[16];", false));
  forms.push_back(window("global", "scratch", ".global .align 16 .b8 scratch[16];", true));
  forms.push_back(window("const", "table", ".const .align 4 .b32 table[1] = {7};", true));
  forms.push_back(window("shared::cta", "tile", ".shared .align 16 .b8 tile[16];", false));
  forms.push_back(window("param", "form_param_0", "", false));
  forms.push_back(window("param::entry", "form_param_0", "", false));
  forms.push_back(moved_matrix());
  for (const int count : {1, 2, 4})
    for (const bool transposed : {false, true})
      forms.push_back(stored_matrices(count, transposed));
  const std::string make = "createpolicy.fractional.L2::";
  for (const std::string prefetch : {"", ".L2::64B", ".L2::128B", ".L2::256B"})
    for (const std::string size : {"", "%size"}) {
      const std::string hint = "shared.global.L2::cache_hint" + prefetch;
      forms.push_back(copy("cg." + hint, 16, size, group, make + "evict_first.b64 %policy, 1.0;\n"));
      forms.push_back(copy("ca." + hint, 8, size, group, make + "evict_last.L2::evict_unchanged.b64 %policy;\n"));
    }
  return forms;
}

BOOST_AUTO_TEST_SUITE(forms)
BOOST_AUTO_TEST_CASE(tiles_are_copied_and_loaded_as_matrices) {
  check_forms(shared_forms());
}
BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest::ptx
