// The figures that attention papers print, from records whose times and counts follow from formulas: each expected
// number is worked out here.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/core/error.hpp"
#include "harness/core/problem.hpp"
#include "harness/measure/peaks.hpp"
#include "reports/build.hpp"
#include "reports/emit.hpp"
#include "tests/golden/sample_records.hpp"

namespace attest::golden {
namespace {

using namespace attest::reports;

template <class Kind>
const Kind* find(const Report& report, const std::string& id) {
  for (const Section& section : report.sections) {
    for (const Block& block : section.blocks) {
      if (const auto* found = std::get_if<Kind>(&block); found != nullptr && found->id == id) return found;
    }
  }
  return nullptr;
}

const Series& series_of(const Panel& panel, const std::string& name) {
  const auto found =
      std::find_if(panel.series.begin(), panel.series.end(), [&](const Series& series) { return series.name == name; });
  BOOST_TEST_REQUIRE((found != panel.series.end()), "no series " << name);
  return *found;
}

double value(const Entry& entry) {
  return std::get<Number>(entry).value;
}

std::string text(const Entry& entry) {
  return std::holds_alternative<Status>(entry) ? std::get<Status>(entry).word : std::get<Text>(entry).text;
}

/// FlashAttention-2's setting, small: b*n = 4096, hq*d = 256, both head dims and masks; the tiled kernel takes 10 ms in
/// every cell, the naive one 40.
ReportInput setting_of_fa2() {
  ReportInput input = sample_sweep();
  input.cells.clear();
  for (const bool causal : {true, false}) {
    for (const int dim : {128, 64}) {
      for (const int length : {512, 1024, 2048}) {
        const std::string problem = "b" + std::to_string(4096 / length) + " hq" + std::to_string(256 / dim) + " sq" +
                                    std::to_string(length) + " d" + std::to_string(dim) + " f32" +
                                    (causal ? " causal" : "");
        input.cells.push_back(timed_cell("flash2/cpu_tiled", problem, 1e-2));
        CellRecord naive = timed_cell("standard/cpu_naive", problem, 4e-2);
        if (length == 2048) {
          naive.timing.reset();
          naive.rounds.clear();
          naive.verdict = {Outcome::oom, "needs 64 MiB"};
        }
        input.cells.push_back(naive);
      }
    }
  }
  return input;
}

BOOST_AUTO_TEST_SUITE(figures)

BOOST_AUTO_TEST_CASE(rates_stand_in_panels_by_head_dim_and_mask_with_a_word_for_what_ran_out_of_memory) {
  const Report report = build_report(setting_of_fa2());
  const Figure* bars = find<Figure>(report, "rate_bars");
  BOOST_TEST_REQUIRE(bars != nullptr);
  BOOST_TEST(bars->title == "Rate by length on Example CPU");
  BOOST_TEST((bars->x.categories == std::vector<std::string>{"512", "1k", "2k"}));
  std::vector<std::string> titles;
  for (const Panel& panel : bars->panels)
    titles.push_back(panel.title);
  BOOST_TEST((titles == std::vector<std::string>{"head dim 64, not causal", "head dim 64, causal",
                                                 "head dim 128, not causal", "head dim 128, causal"}));
  // b*n*n*hq*(2d + 2dv) = 4 * 4096 * n * 256 FLOPs in 10 ms; causal: n (n + 1) / 2 pairs of n * n.
  const Series& full = series_of(bars->panels[0], "flash2/cpu_tiled");
  BOOST_TEST(full.points[1].y.value() == 4.0 * 4096 * 1024 * 256 / 1e-2 / 1e9, boost::test_tools::tolerance(1e-12));
  const Series& causal = series_of(bars->panels[1], "flash2/cpu_tiled");
  BOOST_TEST(causal.points[1].y.value() == 4.0 * 4096 * 256 * 1025 / 2 / 1e-2 / 1e9,
             boost::test_tools::tolerance(1e-12));
  const Point& lost = series_of(bars->panels[0], "standard/cpu_naive").points.at(2);
  BOOST_TEST(!lost.y.has_value());
  BOOST_TEST(lost.status == "oom");
  BOOST_TEST(lost.x == 2);
  const std::string program = emit_figure_sources(report).at("figures/rate_bars.gp");
  BOOST_TEST(program.find("'oom'") != std::string::npos);
  // Intervals are dark on white, on bars of any colour.
  BOOST_TEST(program.find("vectors heads size screen 0.003,90 lc rgb '#ffffff' lw 3.6, ") != std::string::npos);
  BOOST_TEST(program.find("vectors heads size screen 0.003,90 lc rgb '#222222' lw 1.2") != std::string::npos);
  BOOST_TEST(program.find("'107'") != std::string::npos);  // GFLOP/s of the naive kernel at 1k, above its bar
}

BOOST_AUTO_TEST_CASE(each_type_of_a_setting_has_its_bars_and_commands_name_their_cells) {
  ReportInput input = setting_of_fa2();
  const std::size_t cells = input.cells.size();
  for (std::size_t i = 0; i < cells; ++i) {
    CellRecord half = input.cells[i];
    half.key.problem.replace(half.key.problem.find("f32"), 3, "bf16");
    if (half.key.kernel == "flash2/cpu_tiled") input.cells.push_back(half);
  }
  const Report report = build_report(input);
  const Figure* single = find<Figure>(report, "rate_bars");
  const Figure* half = find<Figure>(report, "rate_bars_bf16");
  BOOST_TEST_REQUIRE(single != nullptr);
  BOOST_TEST_REQUIRE(half != nullptr);
  BOOST_TEST(single->panels[0].series.size() == 2U);
  BOOST_TEST(half->panels[0].series.size() == 1U);
  BOOST_TEST(single->filter.find("standard/cpu_naive") != std::string::npos);
  BOOST_TEST(half->filter.find("naive") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_command_of_a_speedup_runs_its_base_again) {
  const Report report = build_report(small_sweep());
  const Figure* speedup = find<Figure>(report, "speedup_over_length");
  BOOST_TEST_REQUIRE(speedup != nullptr);
  BOOST_TEST(speedup->filter.find("standard/cpu_naive") != std::string::npos);
  BOOST_TEST(speedup->filter.find("flash2/cpu_tiled") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_two_lines_of_a_legend_that_follow_each_other_have_one_colour) {
  // gnuplot would draw them as one, with one dash. Two kernels of one variant have one colour.
  ReportInput input = small_sweep();
  for (CellRecord& cell : input.cells) {
    if (cell.key.kernel == "flash2/cpu_tiled") cell.key.kernel = "standard/cpu_blas";
  }
  const std::string program = emit_figure_sources(build_report(input)).at("figures/time_over_length.gp");
  std::istringstream lines(program);
  std::string before;
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("set arrow", 0) != 0) continue;
    const std::string colour = line.substr(line.find("rgb '") + 5, 7);
    BOOST_TEST(colour != before, line);
    before = colour;
    count += colour == "#000000" ? 1 : 0;
  }
  BOOST_TEST(count == 2U);
}

BOOST_AUTO_TEST_CASE(a_rate_beyond_a_tera_is_written_so) {
  ReportInput input = setting_of_fa2();
  for (CellRecord& cell : input.cells)
    cell.flops *= 1000;
  const Report report = build_report(input);
  const Figure* bars = find<Figure>(report, "rate_bars");
  BOOST_TEST_REQUIRE(bars != nullptr);
  BOOST_TEST(bars->y.unit == "TFLOP/s");
  BOOST_TEST(series_of(bars->panels[0], "flash2/cpu_tiled").points[1].y.value() ==
                 4.0 * 4096 * 1024 * 256 * 1000 / 1e-2 / 1e12,
             boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(a_speedup_has_the_time_of_its_base_an_interval_by_ranks_and_a_verdict) {
  const Report report = build_report(small_sweep());
  const Table* table = find<Table>(report, "speedup");
  BOOST_TEST_REQUIRE(table != nullptr);
  BOOST_TEST(table->title == "Speed-up over standard/cpu_naive");
  BOOST_TEST_REQUIRE(table->rows.size() == 3U);
  const auto& row = table->rows[2];  // 512: 2 ms and 1 ms
  BOOST_TEST(text(row[0]) == "flash2/cpu_tiled");
  BOOST_TEST(value(row[2]) == 1e-3);
  BOOST_TEST(value(row[3]) == 2e-3);
  BOOST_TEST(value(row[4]) == 2);
  // Of 15 samples the 3rd and the 13th hold the median with 97.5%: 0.98 and 1.02 of it, three samples each.
  BOOST_TEST(value(row[5]) == 2 * 0.98 / 1.02, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(row[6]) == 2 * 1.02 / 0.98, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(text(row[7]) == "faster");
  BOOST_TEST(text(table->rows[0][7]) == "slower");
  BOOST_TEST(text(table->rows[1][7]) == "unclear");
}

BOOST_AUTO_TEST_CASE(the_base_is_the_one_that_is_named_and_an_unknown_one_is_refused) {
  ReportInput input = small_sweep();
  input.base = "flash2/cpu_tiled";
  const Report report = build_report(input);
  const Table* table = find<Table>(report, "speedup");
  BOOST_TEST_REQUIRE(table != nullptr);
  BOOST_TEST(text(table->rows[2][0]) == "standard/cpu_naive");
  BOOST_TEST(value(table->rows[2][4]) == 0.5);
  input.base = "flash2/cpu_tile";
  BOOST_CHECK_EXCEPTION(build_report(input), Error, [](const Error& error) {
    return std::string(error.what()).find("one of flash2/cpu_tiled, standard/cpu_naive") != std::string::npos;
  });
}

BOOST_AUTO_TEST_CASE(more_threads_have_a_speedup_over_the_fewest_and_an_efficiency) {
  ReportInput input = small_sweep();
  BOOST_TEST(find<Table>(build_report(input), "threads") == nullptr);  // all cells have two
  for (const auto& [threads, seconds] : {std::pair{1, 1.8e-3}, std::pair{4, 0.6e-3}}) {
    CellRecord cell = timed_cell("flash2/cpu_tiled", "b1 hq8 sq512 d64 f32 causal", seconds);
    cell.key.threads = threads;
    input.cells.push_back(cell);
  }
  const Report report = build_report(input);
  const Table* table = find<Table>(report, "threads");
  BOOST_TEST_REQUIRE(table != nullptr);
  BOOST_TEST_REQUIRE(table->rows.size() == 2U);
  const auto& two = table->rows[0];  // 1.8 ms with one, 1 ms with two
  BOOST_TEST(text(two[0]) == "flash2/cpu_tiled");
  BOOST_TEST(value(two[2]) == 1);
  BOOST_TEST(value(two[3]) == 1.8e-3);
  BOOST_TEST(value(two[4]) == 2);
  BOOST_TEST(value(two[5]) == 1e-3);
  BOOST_TEST(value(two[6]) == 1.8, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(two[7]) == 1.8 * 0.98 / 1.02, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(two[8]) == 1.8 * 1.02 / 0.98, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(two[9]) == 0.9, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(value(table->rows[1][4]) == 4);
  BOOST_TEST(value(table->rows[1][9]) == 0.75, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(rounds_whose_peak_dipped_are_counted) {
  ReportInput input = small_sweep();
  input.cells[1].rounds[1].peak_flops = 98e9;  // under nine tenths of 110
  input.cells[1].rounds[2].peak_flops = 100e9;
  const Report report = build_report(input);
  const Table* table = find<Table>(report, "round_peaks");
  BOOST_TEST_REQUIRE(table != nullptr);
  BOOST_TEST_REQUIRE(table->rows.size() == 1U);
  const auto& row = table->rows[0];
  BOOST_TEST(text(row[0]) == "f32");
  BOOST_TEST(value(row[1]) == 2);
  BOOST_TEST(value(row[2]) == 18);  // three rounds of the six cells that have times
  BOOST_TEST(value(row[3]) == 110);
  BOOST_TEST(value(row[4]) == 110);
  BOOST_TEST(value(row[5]) == 98);
  BOOST_TEST(value(row[6]) == 1);
}

BOOST_AUTO_TEST_CASE(another_function_has_no_speedup) {
  const Report report = build_report(sample_sweep());
  const Table* table = find<Table>(report, "speedup");
  BOOST_TEST_REQUIRE(table != nullptr);
  for (const auto& row : table->rows)
    BOOST_TEST(text(row[0]) != "linear/cpu_chunked");
}

BOOST_AUTO_TEST_CASE(roofs_are_the_measured_peaks_and_meet_at_their_quotient) {
  ReportInput input = setting_of_fa2();
  Peaks peaks;
  peaks.isa = "avx2";
  peaks.flops = {{.isa = "avx2",
                  .type = "f32",
                  .computed_as = "f32",
                  .threads = 2,
                  .flops_per_second = 100e9,
                  .samples = {100e9}}};
  peaks.bandwidths = {{.level = "DRAM", .bytes = 1 << 30, .threads = 2, .bytes_per_second = 10e9, .samples = {10e9}}};
  input.runs[0].peaks = peaks_to_json(peaks).dump();
  const Report report = build_report(input);
  const Figure* roofline = find<Figure>(report, "roofline");
  BOOST_TEST_REQUIRE(roofline != nullptr);
  BOOST_TEST_REQUIRE(roofline->panels.size() == 1U);
  const Series& roof = series_of(roofline->panels[0], "DRAM roof");
  bool has_corner = false;
  for (const Point& point : roof.points) {
    BOOST_TEST(point.y.value() == std::min(100.0, 10.0 * point.x), boost::test_tools::tolerance(1e-12));
    has_corner |= point.x == 10;
  }
  BOOST_TEST(has_corner);
  // Cells with 2 threads alone have a roof that was measured.
  for (CellRecord& cell : input.cells)
    cell.key.threads = 3;
  const Report other = build_report(input);
  BOOST_TEST(find<Figure>(other, "roofline") == nullptr);
}

BOOST_AUTO_TEST_CASE(a_mark_under_the_roofs_is_flops_over_bytes_and_flops_over_seconds) {
  ReportInput input = setting_of_fa2();
  Peaks peaks;
  peaks.flops = {
      {.isa = "avx2", .type = "f32", .computed_as = "f32", .threads = 2, .flops_per_second = 1e13, .samples = {1e13}}};
  input.runs[0].peaks = peaks_to_json(peaks).dump();
  const Report report = build_report(input);
  const Figure* roofline = find<Figure>(report, "roofline");
  BOOST_TEST_REQUIRE(roofline != nullptr);
  const Series& marks = series_of(roofline->panels[0], "flash2/cpu_tiled");
  BOOST_TEST((marks.draw == Draw::marks));
  // Not causal, n = 1024: 4 * 4096 * 1024 * 256 FLOPs over Q, K, V and O, 4 * 4096 * 256 floats.
  const bool found = std::any_of(marks.points.begin(), marks.points.end(), [](const Point& point) {
    return std::abs(point.x - 256) < 1e-9 && std::abs(*point.y - 4.0 * 4096 * 1024 * 256 / 1e7) < 1e-6;
  });
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(the_workspace_that_a_formula_predicts_is_a_line_through_what_was_measured) {
  ReportInput input = small_sweep();
  for (CellRecord& cell : input.cells) {
    if (cell.key.kernel != "flash2/cpu_tiled") continue;
    const auto length = parse_problem(cell.key.problem).seq_q;
    cell.workspace_bytes_predicted = 100 * length;
    cell.workspace_bytes_measured = 100 * length + (length == 512 ? 64 : 0);
  }
  const Report report = build_report(input);
  const Figure* figure = find<Figure>(report, "workspace_over_length");
  BOOST_TEST_REQUIRE(figure != nullptr);
  const Series& predicted = series_of(figure->panels[0], "flash2/cpu_tiled, predicted");
  const Series& measured = series_of(figure->panels[0], "flash2/cpu_tiled");
  BOOST_TEST((predicted.draw == Draw::line));
  BOOST_TEST((measured.draw == Draw::marks));
  BOOST_TEST(predicted.points.at(2).y.value() == 51200);
  BOOST_TEST(measured.points.at(2).y.value() == 51264);
}

BOOST_AUTO_TEST_CASE(the_least_rmse_is_bold_only_where_all_kernels_computed_the_same_problems) {
  const auto is_bold = [](const ReportInput& input) {
    const Report report = build_report(input);
    const Table* table = find<Table>(report, "rmse");
    BOOST_TEST_REQUIRE(table != nullptr);
    return std::any_of(table->rows.begin(), table->rows.end(),
                       [](const auto& row) { return std::get<Number>(row[2]).strong; });
  };
  ReportInput input = small_sweep();
  BOOST_TEST(is_bold(input));
  input.cells.erase(input.cells.begin());  // one kernel at one length less
  BOOST_TEST(!is_bold(input));
}

BOOST_AUTO_TEST_CASE(error_stands_against_time_at_the_longest_length_with_most_kernels) {
  const Report report = build_report(small_sweep());
  const Figure* figure = find<Figure>(report, "error_over_time");
  BOOST_TEST_REQUIRE(figure != nullptr);
  BOOST_TEST(figure->panels.at(0).title == "b1 hq8 sq512 d64 f32 causal");
  const Point& point = series_of(figure->panels[0], "flash2/cpu_tiled").points.at(0);
  BOOST_TEST(point.x == 1e-3);
  const auto& cells = small_sweep().cells;
  const auto cell = std::find_if(cells.begin(), cells.end(), [](const CellRecord& record) {
    return record.key.kernel == "flash2/cpu_tiled" && record.key.problem == "b1 hq8 sq512 d64 f32 causal";
  });
  BOOST_TEST(point.y.value() == cell->accuracy.outputs[0].rmse);
}

BOOST_AUTO_TEST_CASE(the_cache_of_a_model_is_layers_times_key_heads_times_head_dim_times_four_bytes) {
  const Report report = build_report(sample_sweep());
  const Figure* figure = find<Figure>(report, "kv_cache_by_model");
  BOOST_TEST_REQUIRE(figure != nullptr);
  BOOST_TEST((figure->x.categories == std::vector<std::string>{"llama2-7b", "llama3-8b", "mistral-7b"}));
  // LLaMA-2-7B 512 KiB a token, LLaMA-3-8B 128 and, with a key head for every query head, 512.
  const Panel& panel = figure->panels.at(0);
  BOOST_TEST(series_of(panel, "as it is").points[0].y.value() == 512);
  BOOST_TEST(series_of(panel, "as it is").points[1].y.value() == 128);
  BOOST_TEST(series_of(panel, "as MHA").points[1].y.value() == 512);
}

BOOST_AUTO_TEST_CASE(the_limit_of_error_over_bound_is_drawn) {
  const Report report = build_report(small_sweep());
  const Figure* figure = find<Figure>(report, "bound_over_length");
  BOOST_TEST_REQUIRE(figure != nullptr);
  for (const Point& point : series_of(figure->panels.at(0), "the limit").points)
    BOOST_TEST(point.y.value() == 1);
}

BOOST_AUTO_TEST_CASE(sections_without_data_say_that_nothing_was_measured) {
  for (const ReportInput& input : {ReportInput{}, one_cell(), all_failed(), emulated_sweep()}) {
    const Report report = build_report(input);
    BOOST_TEST(find<Figure>(report, "rate_bars") == nullptr);
    for (const char* title : {"Roofline", "Speed-up", "Accuracy against speed"}) {
      const auto section = std::find_if(report.sections.begin(), report.sections.end(),
                                        [&](const Section& one) { return one.title == title; });
      BOOST_TEST_REQUIRE((section != report.sections.end()), title);
      BOOST_TEST_REQUIRE(section->blocks.size() == 1U);
      BOOST_TEST(std::get<Paragraph>(section->blocks[0]).text.find("Not measured") == 0U, title);
    }
  }
}

BOOST_AUTO_TEST_CASE(layers_without_the_window_keep_all_keys_in_the_cache) {
  const Report report = build_report(sample_sweep());
  const Table* table = find<Table>(report, "kv_cache");
  BOOST_TEST_REQUIRE(table != nullptr);
  const auto& row = table->rows.at(2);  // 8 KV heads of 128, 32 layers, 24 of them with 4096 of 8192 keys
  BOOST_TEST(text(row[0]) == "mistral-7b");
  BOOST_TEST(value(row[8]) == 2.0 * 8 * 128 * 2 * (24 * 4096 + 8 * 8192));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace attest::golden
