#include "harness/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <new>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "harness/cli/commands.hpp"
#include "harness/cli/manual.hpp"
#include "harness/measure/provenance.hpp"
#include "harness/sweep/worker.hpp"

namespace attest {
namespace {

constexpr std::string_view wrong_use = "command line";

class CommandLine {
 public:
  CommandLine() : app_("attest", "attest") {
    app_.set_help_flag();
    app_.fallthrough();
    app_.require_subcommand(0, 1);
    app_.add_option("--color", color_);
    app_.add_flag("--help,-h", help_);
    app_.add_flag("--version", version_);
    add_list();
    add_check("check", check_);
    add_check("bench", bench_);
    bench_.timed = true;
    add_sweep();
    add_report();
    CLI::App* compare = command("compare");
    compare->add_option("first", compare_.first);
    compare->add_option("second", compare_.second);
    compare->add_option("--fail-on", compare_.fail_on);
    add_json(compare);
    add_emulate();
    CLI::App* merge = command("merge");
    merge->add_option("out", merge_.out);
    merge->add_option("in", merge_.in);
    CLI::App* peaks = command("peaks");
    add_json(peaks);
    peaks->add_flag("--emulator", peaks_of_emulator_);
    add_option(peaks, "threads", peak_flags_);
    add_json(command("doctor"));
  }

  ExitCode run(int count, char** arguments) {
    common_.arguments.assign(arguments, arguments + count);
    try {
      app_.parse(count, arguments);
    } catch (const CLI::ParseError& error) {
      refuse_unknown_command();
      complain(wrong_use, one_line(error.what()), fmt::format("see `{}`", help_command()));
    }
    set_color();
    const std::vector<CLI::App*> chosen = app_.get_subcommands();
    const std::string name = chosen.empty() ? "" : chosen.front()->get_name();
    if (version_) {
      fmt::print("attest {} ({})\n", ATTEST_VERSION, commit());
      return ExitCode::passed;
    }
    if (help_) {
      fmt::print("{}", manual_of(name));
      return ExitCode::passed;
    }
    if (name.empty()) complain(wrong_use, "no command is given", "see `attest --help`");
    return dispatch(name);
  }

 private:
  CLI::App* command(const std::string& name) {
    CLI::App* made = app_.add_subcommand(name);
    made->set_help_flag();
    return made;
  }

  void add_json(CLI::App* to) { to->add_flag("--json", common_.json); }

  // An option that is also a key of sweep files: kept as text, with the flag as its place.
  static void add_option(CLI::App* to, const std::string& name, OptionTexts& texts) {
    std::string flag = "--" + (name == "backends" ? "backend" : name);
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (name == "sanitize") {
      to->add_flag_callback(flag, [&texts, name, flag] { texts[name] = {"on", flag}; });
      return;
    }
    to->add_option_function<std::string>(flag, [&texts, name, flag](const std::string& value) {
      texts[name] = {value, flag};
    });
  }

  void add_list() {
    CLI::App* list = command("list");
    list->add_option("what", list_.what);
    add_json(list);
  }

  void add_check(const std::string& name, CheckOptions& options) {
    CLI::App* check = command(name);
    check->add_option("problems", options.problems);
    check->add_option("--cases", options.cases);
    check->add_option("--tensors", options.tensors);
    check->add_option("--level", options.level);
    check->add_option("--kernel", options.kernels);
    check->add_option("--inputs", options.inputs);
    add_json(check);
    for (const char* option :
         {"backends", "threads", "seed", "check_budget", "deadline_seconds", "memory_limit", "sanitize"})
      add_option(check, option, options.flags);
    if (name == "bench") {
      for (const char* option : {"rounds", "min_samples", "max_seconds"})
        add_option(check, option, options.flags);
    }
  }

  void add_sweep() {
    CLI::App* sweep = command("sweep");
    sweep->add_option("file", sweep_.file);
    sweep->add_option("--store", sweep_.store);
    sweep->add_option("--shard", sweep_.shard);
    sweep->add_option("--filter", sweep_.filter);
    sweep->add_option("--set", sweep_.set)->expected(1)->take_all();
    sweep->add_flag("--dry-run", sweep_.dry_run);
    sweep->add_flag("!--no-resume,--resume", sweep_.resume);
    sweep->add_flag("!--no-peaks", sweep_.peaks);
    add_json(sweep);
    for (const std::string& option : option_names())
      add_option(sweep, option, sweep_.flags);
  }

  void add_report() {
    CLI::App* report = command("report");
    report->add_option("store", report_.store);
    report->add_option("--out", report_.out);
    report->add_option("--format", report_.formats);
    report->add_option("--title", report_.title);
    report->add_option("--base", report_.base);
    report->add_flag("--verifier", report_.verifier);
  }

  void add_emulate() {
    CLI::App* emulate = command("emulate");
    emulate->add_option("file", emulate_.file);
    emulate->add_option("--entry", emulate_.entry);
    emulate->add_option("--grid", emulate_.grid);
    emulate->add_option("--block", emulate_.block);
    emulate->add_option("--shared", emulate_.shared);
    emulate->add_option("--args", emulate_.arguments);
    emulate->add_flag("!--no-sanitize,--sanitize", emulate_.sanitize);
    emulate->add_flag("--wide-accumulation", emulate_.wide_accumulation);
    emulate->add_flag("--contract", emulate_.contract);
    emulate->add_option("--threads", emulate_.threads);
    emulate->add_option("--instruction-budget", emulate_.instruction_budget);
    emulate->add_option("--deadline-seconds", emulate_.deadline_seconds);
    emulate->add_option("--warp-order", emulate_.warp_order);
    add_json(emulate);
  }

  static void need(const std::string& value, std::string_view what, std::string_view right) {
    if (value.empty()) complain(wrong_use, fmt::format("no {} is given", what), right);
  }

  // CLI11 would list every word that follows as well.
  void refuse_unknown_command() const {
    if (!app_.get_subcommands().empty()) return;
    for (std::size_t index = 1; index < common_.arguments.size(); ++index) {
      const std::string& word = common_.arguments[index];
      if (word.starts_with('-') || common_.arguments[index - 1] == "--color") continue;
      complain(wrong_use, fmt::format("'{}' is no command", word),
               "the commands are list check bench sweep report compare merge emulate peaks doctor");
    }
  }

  ExitCode dispatch(const std::string& name) {
    if (name == "list") return list_command(common_, list_);
    if (name == "check") return check_command(common_, check_);
    if (name == "bench") return check_command(common_, bench_);
    if (name == "sweep") {
      need(sweep_.file, "sweep file", "write attest sweep FILE.toml");
      return sweep_command(common_, sweep_);
    }
    if (name == "report") {
      need(report_.store, "store", "write attest report STORE.db --out DIR");
      need(report_.out, "--out", "write attest report STORE.db --out DIR");
      return report_command(common_, report_);
    }
    if (name == "compare") {
      constexpr std::string_view right = "write attest compare A.db B.db";
      need(compare_.first, "first store", right);
      need(compare_.second, "second store", right);
      return compare_command(common_, compare_);
    }
    if (name == "merge") {
      need(merge_.out, "store", "write attest merge OUT.db IN.db");
      if (merge_.in.empty()) complain(wrong_use, "no store to merge is given", "write attest merge OUT.db IN.db");
      return merge_command(common_, merge_);
    }
    if (name == "emulate") {
      need(emulate_.file, "PTX file", "write attest emulate FILE.ptx --grid X,Y,Z --block X,Y,Z --args ...");
      return emulate_command(common_, emulate_);
    }
    if (name == "peaks" && peaks_of_emulator_) return emulator_peaks_command(common_, peak_flags_);
    if (name == "peaks") return peaks_command(common_, peak_flags_);
    return doctor_command(common_);
  }

  void set_color() {
    if (color_ != "auto" && color_ != "always" && color_ != "never") {
      complain("--color", fmt::format("'{}' is unknown", color_), "give auto, always or never");
    }
    const char* no_color = std::getenv("NO_COLOR");
    const bool wanted = no_color == nullptr || *no_color == '\0';
    common_.color_out = color_ == "always" || (color_ == "auto" && wanted && isatty(STDOUT_FILENO) == 1);
  }

  std::string help_command() const {
    const std::vector<CLI::App*> chosen = app_.get_subcommands();
    return chosen.empty() ? "attest --help" : fmt::format("attest {} --help", chosen.front()->get_name());
  }

  static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    while (text.ends_with(' ') || text.ends_with('.'))
      text.pop_back();
    return text;
  }

  static std::string commit() {
    const nlohmann::json document = provenance();
    const auto build = document.find("build");
    return build != document.end() ? build->value("commit", std::string("unknown")) : "unknown";
  }

  CLI::App app_;
  CommonOptions common_;
  ListOptions list_;
  CheckOptions check_;
  CheckOptions bench_;
  SweepCommandOptions sweep_;
  ReportOptions report_;
  CompareOptions compare_;
  MergeOptions merge_;
  EmulateOptions emulate_;
  OptionTexts peak_flags_;
  bool peaks_of_emulator_ = false;
  std::string color_ = "auto";
  bool help_ = false;
  bool version_ = false;
};

}  // namespace

int run_command_line(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "worker") return worker_main();
  try {
    return static_cast<int>(CommandLine().run(count, arguments));
  } catch (const Error& error) {
    fmt::print(stderr, "attest: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "attest: memory ran out; choose a smaller problem\n");
    return static_cast<int>(ExitCode::cells_lost);
  } catch (const std::exception& error) {
    fmt::print(stderr, "attest: internal error: {}; please report it with the command line\n", error.what());
    return static_cast<int>(ExitCode::cells_lost);
  }
}

}  // namespace attest
