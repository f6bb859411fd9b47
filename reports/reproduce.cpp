#include "reports/reproduce.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace attest::reports {
namespace {

// More alternatives make a line that nobody can read; then the kernels choose.
constexpr std::size_t most_problems = 8;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char character : text) {
    if (std::string_view(R"(\^$.|?*+()[]{})").find(character) != std::string_view::npos) result += '\\';
    result += character;
  }
  return result;
}

/// The problem's text with any lengths.
std::string any_length(const std::string& problem) {
  std::string result;
  std::size_t begin = 0;
  while (begin <= problem.size()) {
    const std::size_t end = std::min(problem.find(' ', begin), problem.size());
    const std::string token = problem.substr(begin, end - begin);
    const std::string name = token.substr(0, token.find_first_of("=0123456789"));
    result += begin == 0 ? "" : " ";
    result += name == "sq" || name == "skv" ? name + "[0-9]+" : escaped(token);
    begin = end + 1;
  }
  return result;
}

std::string alternatives(const std::set<std::string>& texts) {
  if (texts.size() == 1) return *texts.begin();
  std::string all;
  for (const std::string& text : texts)
    all += (all.empty() ? "" : "|") + text;
  return "(" + all + ")";
}

/// Options of a sweep that have nothing to do with which cells it has, and whether a value follows.
constexpr std::array<std::pair<const char*, bool>, 7> own_options = {{{"--store", true},
                                                                      {"--filter", true},
                                                                      {"--shard", true},
                                                                      {"--color", true},
                                                                      {"--no-resume", false},
                                                                      {"--dry-run", false},
                                                                      {"--json", false}}};

/// The words of the command line that made the run; none where they are not known.
std::vector<std::string> arguments_of(const RunRecord& run) {
  const nlohmann::json provenance = nlohmann::json::parse(run.provenance, nullptr, false);
  std::vector<std::string> arguments;
  if (!provenance.is_object() || !provenance.contains("arguments") || !provenance["arguments"].is_array())
    return arguments;
  for (const nlohmann::json& argument : provenance["arguments"]) {
    if (argument.is_string()) arguments.push_back(argument.get<std::string>());
  }
  return arguments;
}

std::string command_of(const std::vector<std::string>& arguments) {
  std::string command = "attest";
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const std::string name = arguments[i].substr(0, arguments[i].find('='));
    const auto* const option = std::find_if(own_options.begin(), own_options.end(),
                                            [&](const auto& candidate) { return name == candidate.first; });
    if (option == own_options.end()) {
      command += " " + shell_word(arguments[i]);
    } else if (option->second && name.size() == arguments[i].size()) {
      ++i;
    }
  }
  return command + " --store again.db";
}

}  // namespace

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char character) {
    return std::isalnum(static_cast<unsigned char>(character)) != 0 ||
           std::string_view("_-./:=,+@%").find(character) != std::string_view::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char character : word)
    quoted += character == '\'' ? std::string("'\\''") : std::string(1, character);
  return quoted + "'";
}

std::string filter_of(const std::vector<const View*>& views) {
  if (views.empty()) return "";
  std::set<std::string> kernels, backends, problems, inputs;
  for (const View* view : views) {
    const CellKey& key = view->record->key;
    kernels.insert(escaped(key.kernel));
    backends.insert(escaped(key.backend));
    problems.insert(any_length(key.problem));
    inputs.insert(escaped(key.inputs));
  }
  const std::string problem = problems.size() > most_problems ? ".*" : alternatives(problems);
  return fmt::format("^{} {} {} inputs={} ", alternatives(kernels), alternatives(backends), problem,
                     alternatives(inputs));
}

std::string command_as_run(const RunRecord& run) {
  std::string command;
  for (const std::string& argument : arguments_of(run))
    command += (command.empty() ? "" : " ") + shell_word(argument);
  return command;
}

std::vector<std::string> sweep_commands(const std::vector<RunRecord>& runs) {
  std::vector<std::string> commands;
  for (const RunRecord& run : runs) {
    const std::vector<std::string> arguments = arguments_of(run);
    if (std::find(arguments.begin(), arguments.end(), "sweep") == arguments.end()) continue;
    const std::string command = command_of(arguments);
    if (std::find(commands.begin(), commands.end(), command) == commands.end()) commands.push_back(command);
  }
  return commands;
}

std::string figure_command(const Report& report, const Figure& figure) {
  std::string filter = figure.filter;
  if (filter.empty()) {
    std::set<std::string> kernels, all;
    for (const std::string& kernel : report.kernels)
      all.insert(escaped(kernel));
    for (const Panel& panel : figure.panels) {
      for (const Series& series : panel.series) {
        if (std::find(report.kernels.begin(), report.kernels.end(), series.kernel) != report.kernels.end())
          kernels.insert(escaped(series.kernel));
      }
    }
    if (kernels.empty()) return "";  // no figure of cells
    if (kernels != all) filter = "^" + alternatives(kernels) + " ";
  }
  std::string text;
  for (const std::string& command : report.sweeps)
    text += (text.empty() ? "" : "; ") + command + (filter.empty() ? "" : " --filter " + shell_word(filter));
  return text;
}

}  // namespace attest::reports
