#include "tests/golden/sample_records.hpp"

#include <algorithm>
#include <cmath>

#include "harness/core/counts.hpp"

namespace attest::golden {
namespace {

CellRecord plain_cell(const std::string& kernel, const std::string& problem, const std::string& inputs) {
  CellRecord record;
  record.key = {.kernel = kernel, .backend = "cpu", .problem = problem, .inputs = inputs, .threads = 2};
  const Problem parsed = parse_problem(problem);
  record.flops = exact_flops(parsed);
  record.flops_conventional = conventional_flops(parsed);
  record.io_bytes = io_bytes(parsed);
  // The row sums' logarithms are f32.
  record.tensor_bytes = static_cast<std::int64_t>(record.io_bytes) + 4 * parsed.batch * parsed.heads_q * parsed.seq_q;
  record.seed = 1;
  record.reproduce = "attest check '" + problem + "' --kernel " + kernel + " --inputs " + inputs;
  return record;
}

Accuracy accuracy_of(const Problem& problem, double size) {
  Accuracy accuracy;
  accuracy.rows_total = problem.batch * problem.heads_q * problem.seq_q;
  accuracy.rows_checked = std::min<std::int64_t>(accuracy.rows_total, 2048);
  AccuracyFigures out;
  out.output = "out";
  out.elements = accuracy.rows_checked * problem.head_dim_v;
  const double unit = problem.dtype == DType::f32 ? 0x1p-24 : problem.dtype == DType::bf16 ? 0x1p-9 : 0x1p-12;
  out.rmse = unit * size * 0.3;
  out.max_abs_error = unit * size * 2.5;
  out.max_rel_error = unit * 40;
  out.ulp_median = 0.4;
  out.ulp_p99 = 2.5;
  out.ulp_max = 31;
  out.cosine = 1 - unit * unit;
  out.error_over_bound = 0.04 + 0.01 * size;
  out.plain_rmse = unit * 0.4;
  out.plain_max_abs_error = unit * 3;
  out.worst = "out (b,h,i,c) = (0,1,17,5): expected 0.25, got 0.2500001, error 1e-07 is 0.025 times the bound 4e-06";
  accuracy.outputs = {out};
  accuracy.rules = {{.rule = "F", .ratio = out.error_over_bound, .passed = true}};
  return accuracy;
}

CellRecord cell_without_result(const std::string& kernel, const std::string& problem, Outcome outcome,
                               const std::string& reason) {
  CellRecord record = plain_cell(kernel, problem, "normal");
  record.verdict = {outcome, reason};
  if (outcome == Outcome::failed) {
    record.accuracy = accuracy_of(parse_problem(problem), 1);
    record.accuracy.outputs[0].error_over_bound = 37.5;
    record.accuracy.rules[0] = {.rule = "F", .ratio = 37.5, .passed = false};
  }
  return record;
}

std::string problem_text(int heads, int length, const std::string& rest) {
  return "b1 hq" + std::to_string(heads) + " sq" + std::to_string(length) + " " + rest;
}

/// Seconds of a kernel that reaches `rate` FLOP/s for long sequences and needs `start` seconds before the first.
double seconds_for(const std::string& problem, double rate, double start) {
  return start + exact_flops(parse_problem(problem)) / rate;
}

void add_softmax_family(std::vector<CellRecord>& cells, int heads, const std::string& rest) {
  for (int length = 128; length <= 4096; length *= 2) {
    const std::string problem = problem_text(heads, length, rest);
    const double scores = 4.0 * heads * length * length;
    CellRecord naive = timed_cell("standard/cpu_naive", problem, seconds_for(problem, 2.5e9, 2e-6));
    if (length == 4096) {
      naive = cell_without_result("standard/cpu_naive", problem, Outcome::timeout, "did not end within 20 s");
    }
    cells.push_back(naive);
    CellRecord blas =
        timed_cell("standard/cpu_blas", problem, seconds_for(problem, 45e9 / (1 + length / 1500.0), 4e-6));
    blas.workspace_bytes_measured = blas.workspace_bytes_predicted = static_cast<std::int64_t>(scores);
    if (length == 4096 && heads == 16) {
      blas = cell_without_result("standard/cpu_blas", problem, Outcome::oom,
                                 "needs 1.00 GiB of workspace, the limit is 512 MiB");
    }
    cells.push_back(blas);
    CellRecord tiled = timed_cell("flash2/cpu_tiled", problem, seconds_for(problem, 62e9, 3e-5));
    tiled.workspace_bytes_measured = tiled.workspace_bytes_predicted = 2 * 147456;
    cells.push_back(tiled);
  }
}

void add_decode_family(std::vector<CellRecord>& cells) {
  for (int length = 512; length <= 16384; length *= 2) {
    const std::string problem = "b1 hq32 hkv8 sq1 skv" + std::to_string(length) + " d128 f32 causal";
    cells.push_back(timed_cell("gqa/cpu_decode", problem, seconds_for(problem, 11e9, 4e-6)));
    cells.push_back(timed_cell("flash2/cpu_split_kv", problem, seconds_for(problem, 6e9, 9e-6)));
  }
}

}  // namespace

CellRecord timed_cell(const std::string& kernel, const std::string& problem, double seconds) {
  CellRecord record = plain_cell(kernel, problem, "normal");
  record.verdict = Verdict::passed();
  record.accuracy = accuracy_of(parse_problem(problem), 1 + 0.1 * static_cast<double>(kernel.size() % 7));
  record.output_hash = 0x1234abcd;
  record.peak_flops = 110e9;
  record.check_seconds = 0.01;
  record.workspace_bytes_measured = 0;
  record.resident_growth_bytes = 4096;
  TimingSummary timing{.samples = 15,
                       .seconds_median = seconds,
                       .seconds_ci_low = seconds * 0.99,
                       .seconds_ci_high = seconds * 1.01,
                       .seconds_min = seconds * 0.98,
                       .seconds_max = seconds * 1.02,
                       .outliers = 0};
  for (int round = 0; round < 3; ++round) {
    RoundRecord one{.round = round,
                    .position = round % 2,
                    .seconds = {},
                    .iterations = 1,
                    .stopped_by = "half_width",
                    .peak_flops = 110e9,
                    .output_hash = record.output_hash};
    for (const double factor : {0.98, 0.99, 1.0, 1.01, 1.02})
      one.seconds.push_back(seconds * factor);
    record.rounds.push_back(one);
  }
  record.timing = timing;
  if (kernel == "flash2/cpu_tiled") {
    record.phases = PhaseFigures{.shares = {0.05, 0.0, 0.78, 0.13, 0.015}, .runs = 9};
  }
  return record;
}

ReportInput sample_sweep() {
  ReportInput input;
  for (const int heads : {4, 8, 16})
    add_softmax_family(input.cells, heads, "d64 f32 causal");
  add_softmax_family(input.cells, 8, "d64 f32");
  add_softmax_family(input.cells, 8, "d64 bf16 causal");
  for (int length = 128; length <= 4096; length *= 2) {
    CellRecord linear =
        timed_cell("linear/cpu_chunked", problem_text(8, length, "d64 f32 causal"), 1e-5 + 3.5e-7 * length);
    linear.approximation = true;
    input.cells.push_back(linear);
    for (const int window : {63, 255, 1023}) {
      const std::string problem = problem_text(8, length, "d64 f32 causal window=" + std::to_string(window) + ",0");
      input.cells.push_back(timed_cell("sliding_window/cpu_banded", problem, seconds_for(problem, 55e9, 5e-6)));
      input.cells.push_back(
          timed_cell("standard/cpu_blas", problem, seconds_for(problem_text(8, length, "d64 f32"), 40e9, 4e-6)));
    }
    input.cells.push_back(cell_without_result("gqa/cpu_decode", problem_text(8, length, "d64 f32 causal"),
                                              Outcome::unsupported, "decoding takes sq 1"));
  }
  add_decode_family(input.cells);
  for (const char* kernel : {"standard/cpu_naive", "standard/cpu_blas", "flash2/cpu_tiled"}) {
    CellRecord real = timed_cell(kernel, "b1 hq12 sq512 d32 f32",
                                 kernel[0] == 'f'    ? 2.1e-3
                                 : kernel[13] == 'n' ? 9e-2
                                                     : 2.12e-3);
    real.key.inputs = "minilm";
    input.cells.push_back(real);
  }
  input.cells.push_back(
      cell_without_result("multihead/cpu", "b1 hq8 sq512 d64 f32 d_model=512", Outcome::failed,
                          "out (b,h,i,c) = (0,1,17,5): expected 0.25, got 0.25031, error 0.00031 is 37.5 times the "
                          "bound 8.27e-06 by rule F (12 of 524288 elements wrong)"));
  input.cells.push_back(
      cell_without_result("cross/cpu_tiled", "b1 hq20 sq448 skv1500 d64 f32", Outcome::crashed, "signal 11 (SIGSEGV)"));
  input.cells.push_back(cell_without_result("standard/cpu_naive", "b1 hq8 sq65536 d64 f32", Outcome::skipped,
                                            "predicted 32.0 GiB, the budget is 8.00 GiB"));
  input.runs = {
      {.id = 1,
       .started = "2026-01-02T03:04:05Z",
       .provenance =
           R"({"schema":1,"build":{"commit":"0123abcd","compiler":"g++ 12.2.0","flags":"-O3"},)"
           R"("machine":{"cpu_model":"Example CPU","cores":2,"caches":["32 KiB","1 MiB"]},"arguments":["attest","sweep"]})",
       .peaks = "",
       .sweep = ""}};
  input.models = {{.name = "llama2-7b",
                   .layers = 32,
                   .heads_q = 32,
                   .heads_kv = 32,
                   .head_dim = 128,
                   .length = 4096,
                   .window_keys = 0,
                   .window_layers = 0,
                   .note = "",
                   .source = "arXiv:2307.09288"},
                  {.name = "llama3-8b",
                   .layers = 32,
                   .heads_q = 32,
                   .heads_kv = 8,
                   .head_dim = 128,
                   .length = 8192,
                   .window_keys = 0,
                   .window_layers = 0,
                   .note = "",
                   .source = "arXiv:2407.21783"},
                  {.name = "mistral-7b",
                   .layers = 32,
                   .heads_q = 32,
                   .heads_kv = 8,
                   .head_dim = 128,
                   .length = 8192,
                   .window_keys = 4096,
                   .window_layers = 24,
                   .note = "",
                   .source = "arXiv:2310.06825"}};
  return input;
}

ReportInput small_sweep() {
  ReportInput input;
  input.title = "A small sweep";
  const double naive[] = {1e-4, 5e-4, 2e-3};
  const double tiled[] = {2e-4, 4.98e-4, 1e-3};
  int i = 0;
  for (const int length : {128, 256, 512}) {
    const std::string problem = problem_text(8, length, "d64 f32 causal");
    input.cells.push_back(timed_cell("standard/cpu_naive", problem, naive[i]));
    input.cells.push_back(timed_cell("flash2/cpu_tiled", problem, tiled[i]));
    ++i;
  }
  input.cells.push_back(
      cell_without_result("standard/cpu_naive", problem_text(8, 1024, "d64 f32 causal"), Outcome::failed,
                          "out (b,h,i,c) = (0,1,17,5): expected 0.25, got 0.25031, error 0.00031 is 37.5 times the "
                          "bound 8.27e-06 by rule F (12 of 524288 elements wrong)"));
  input.runs = sample_sweep().runs;
  input.models = {sample_sweep().models[1]};
  return input;
}

ReportInput one_cell() {
  ReportInput input;
  input.cells = {timed_cell("standard/cpu_naive", "b1 hq8 sq128 d64 f32", 1e-4)};
  return input;
}

ReportInput all_failed() {
  ReportInput input;
  const std::string problem = "b1 hq8 sq128 d64 f32";
  input.cells = {
      cell_without_result("standard/cpu_naive", problem, Outcome::failed,
                          "out (b,h,i,c) = (0,0,0,0): expected 0.5, got nan, error inf is inf times the bound 4.1e-06 "
                          "by rule F (8192 of 8192 elements wrong)"),
      cell_without_result("flash2/cpu_tiled", problem, Outcome::oom, "needs 3.00 GiB, the limit is 2.00 GiB"),
      cell_without_result("gqa/cpu_packed", problem, Outcome::crashed, "signal 11 (SIGSEGV)")};
  input.cells[0].accuracy.outputs[0].error_over_bound = std::nan("");
  return input;
}

ReportInput emulated_sweep() {
  ReportInput input;
  for (const int length : {128, 256, 512, 1024}) {
    const double n = length;
    for (const bool naive : {true, false}) {
      CellRecord record =
          timed_cell(naive ? "standard/cuda_naive" : "flash2/cuda_mma", problem_text(2, length, "d64 bf16"), 1.0);
      record.key.backend = "emulated";
      record.timing.reset();
      record.rounds.clear();
      record.peak_flops = 0;
      DeviceCounts counts;
      counts.warp_instructions = 40 * n * n / 8;
      counts.thread_instructions = 32 * counts.warp_instructions;
      (naive ? counts.scalar_flops : counts.tensor_flops) = record.flops;
      counts.global_load_bytes = naive ? 2 * n * n * 8 : 2 * (n * 128 + n / 64 * n * 256);
      counts.global_store_bytes = naive ? 2 * n * n * 4 : 2 * n * 128;
      counts.global_bytes_moved = counts.global_load_bytes + counts.global_store_bytes;
      counts.global_unique_read_bytes = 2 * n * 384;
      counts.global_unique_written_bytes = 2 * n * 128;
      counts.shared_wavefronts = 1000 * n;
      counts.shared_wavefronts_ideal = naive ? 125 * n : 1000 * n;
      counts.blocks = n / 32;
      record.counts = counts;
      record.resources = {{.entry = naive ? "naive_scores" : "flash_mma_d64",
                           .registers = naive ? 32 : 168,
                           .static_shared_bytes = 0,
                           .dynamic_shared_bytes = naive ? 0 : 49152,
                           .block_threads = naive ? 256 : 128}};
      input.cells.push_back(record);
    }
  }
  return input;
}

ReportInput hostile_names() {
  ReportInput input;
  input.title = "<script>alert('t')</script> & \"quotes\"";
  for (const int length : {128, 256}) {
    const std::string problem = problem_text(2, length, "d64 f32");
    input.cells.push_back(timed_cell("it's/<b>|_*`$(x)", problem, 1e-6 * length));
    input.cells.push_back(timed_cell("comma,\"q\"/a\\b", problem, 2e-6 * length));
  }
  input.cells.push_back(
      cell_without_result("comma,\"q\"/a\\b", "b1 hq2 sq512 d64 f32", Outcome::failed,
                          "line one\nline two\t| </td></table><script>x</script> \xff\xfe \x01 \xc3\xa9"));
  input.cells.back().key.inputs = "../a b/<i>.npz";
  input.models = {{.name = "<img src=x onerror=y>",
                   .layers = 1,
                   .heads_q = 1,
                   .heads_kv = 1,
                   .head_dim = 1,
                   .length = 0,
                   .window_keys = 0,
                   .window_layers = 0,
                   .note = "a|b",
                   .source = "javascript:alert(1)"}};
  return input;
}

}  // namespace attest::golden
