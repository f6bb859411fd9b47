#include "reports/write.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <unistd.h>

#include "harness/core/error.hpp"
#include "reports/emit.hpp"
#include "reports/gnuplot.hpp"

namespace attest {
namespace {

namespace fs = std::filesystem;
using reports::Emitter;
using reports::emitters;
using reports::FigureFiles;
using reports::Files;

/// The marker of a folder that is ours: a first line, then the name of every file in it.
constexpr const char* marker = ".attest-report";
constexpr const char* marker_line = "attest report 1";

[[noreturn]] void disk_error(const fs::path& path, const std::string& what) {
  complain(path.string(), what, "choose another folder or make room and permission", ExitCode::storage);
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) disk_error(path.parent_path(), "cannot be made: " + error.message());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) disk_error(path, std::string("cannot be written: ") + std::strerror(errno));
}

void write_all(const fs::path& folder, const Files& files, std::set<std::string>& names) {
  for (const auto& [name, bytes] : files) {
    write_file(folder / name, bytes);
    names.insert(name);
  }
}

std::vector<Emitter> chosen_emitters(const std::vector<std::string>& formats) {
  std::string known;
  for (const Emitter& emitter : emitters())
    known += (known.empty() ? "" : ", ") + std::string(emitter.format);
  for (const std::string& format : formats) {
    const bool found = std::any_of(emitters().begin(), emitters().end(),
                                   [&](const Emitter& emitter) { return emitter.format == format; });
    if (!found) complain("--format", "'" + format + "' is no format of a report", "one or more of " + known);
  }
  if (formats.empty()) complain("--format", "no format is given", "one or more of " + known);
  std::vector<Emitter> chosen;
  for (const Emitter& emitter : emitters()) {
    if (std::find(formats.begin(), formats.end(), emitter.format) != formats.end()) chosen.push_back(emitter);
  }
  return chosen;
}

/// Throws unless `folder` is absent, empty, or a report of ours with nothing added.
void refuse_foreign(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(folder, error);
  if (status.type() == fs::file_type::not_found) return;
  const std::string right = "name a new folder, an empty one, or an earlier report";
  if (status.type() != fs::file_type::directory) complain(folder.string(), "exists and is no folder", right);
  if (fs::is_empty(folder, error)) return;
  std::ifstream file(folder / marker);
  std::string line;
  if (!std::getline(file, line) || line != marker_line) {
    complain(folder.string(), "exists, holds files and is no report of Attest", right);
  }
  std::set<std::string> ours = {marker};
  while (std::getline(file, line))
    ours.insert(line);
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().lexically_relative(folder).generic_string();
    if (!entry->is_directory() && ours.count(name) == 0) {
      complain((folder / name).string(), "was not written by Attest and replacing the report would remove it",
               "move the file away or name another folder");
    }
  }
  if (error) disk_error(folder, "cannot be read: " + error.message());
}

/// A folder that is removed unless it was renamed away.
class Staging {
 public:
  explicit Staging(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    fs::remove_all(path_, error);
    fs::create_directories(path_, error);
    if (error) disk_error(path_, "cannot be made: " + error.message());
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Puts `staged` in the place of `folder`; what was there is under `staged` afterwards, to be removed with it.
void put_in_place(const fs::path& staged, const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder)) {
    fs::rename(staged, folder, error);
    if (error) disk_error(folder, "cannot be put in place: " + error.message());
    return;
  }
  if (renameat2(AT_FDCWD, staged.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) return;
  // Some file systems cannot exchange; then there is an instant without a report, but never half of one.
  const fs::path old = staged.string() + ".old";
  fs::rename(folder, old, error);
  if (error) disk_error(folder, "cannot be replaced: " + error.message());
  fs::rename(staged, folder, error);
  if (error) {
    std::error_code ignored;
    fs::rename(old, folder, ignored);
    disk_error(folder, "cannot be put in place: " + error.message());
  }
  fs::rename(old, staged, error);
}

std::vector<std::string> figure_ids(const reports::Report& report) {
  std::vector<std::string> ids;
  for (const reports::Section& section : report.sections) {
    for (const reports::Block& block : section.blocks) {
      if (const auto* figure = std::get_if<reports::Figure>(&block)) ids.push_back(figure->id);
    }
  }
  return ids;
}

std::string marker_text(const std::set<std::string>& names) {
  std::string text = std::string(marker_line) + "\n";
  for (const std::string& name : names)
    text += name + "\n";
  return text;
}

/// Throws for a format that is nothing without a figure that cannot be made.
void refuse_undrawn(const std::vector<Emitter>& chosen, FigureFiles kind, const std::string& problem) {
  if (problem.empty()) return;
  for (const Emitter& emitter : chosen) {
    if (!emitter.needs_drawn || emitter.figures < kind) continue;
    complain("--format", fmt::format("'{}' needs figures that were not drawn: {}", emitter.format, problem),
             fmt::format("without '{}' the report has their data and programs", emitter.format));
  }
}

/// Writes what the formats need of figures/ under `folder`, and adds to `names`.
reports::RenderedFigures write_figures(const reports::Report& report, const std::vector<Emitter>& chosen,
                                       const fs::path& folder, const WriteOptions& options,
                                       std::set<std::string>& names) {
  FigureFiles most = FigureFiles::none;
  for (const Emitter& emitter : chosen)
    most = std::max(most, emitter.figures);
  reports::RenderedFigures rendered;
  if (most == FigureFiles::none) return rendered;
  write_all(folder, reports::emit_figure_sources(report), names);
  if (most == FigureFiles::sources) return rendered;
  const std::vector<std::string> ids = figure_ids(report);
  rendered = reports::render_figures(folder / "figures", ids, options.gnuplot);
  refuse_undrawn(chosen, FigureFiles::svg, rendered.problem);
  for (const auto& [id, svg] : rendered.svg)
    names.insert("figures/" + id + ".svg");
  if (most == FigureFiles::svg) return rendered;
  refuse_undrawn(chosen, FigureFiles::pdf, reports::convert_figures(folder / "figures", ids, options.rsvg_convert));
  for (const std::string& id : ids)
    names.insert("figures/" + id + ".pdf");
  return rendered;
}

}  // namespace

WrittenReport write_report(const reports::Report& report, const fs::path& folder, const WriteOptions& options) {
  const std::vector<Emitter> chosen = chosen_emitters(options.formats);
  fs::path target = fs::absolute(folder).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  if (fs::is_symlink(target)) target = fs::canonical(target);
  refuse_foreign(target);

  const fs::path hidden = "." + target.filename().string() + ".attest-" + std::to_string(getpid());
  const Staging staging(target.parent_path() / hidden);
  std::set<std::string> names;
  const reports::RenderedFigures rendered = write_figures(report, chosen, staging.path(), options, names);
  for (const Emitter& emitter : chosen)
    write_all(staging.path(), emitter.emit(report, rendered), names);
  write_file(staging.path() / marker, marker_text(names));
  put_in_place(staging.path(), target);

  WrittenReport written;
  written.figure_problem = rendered.problem;
  for (const char* first : {"report.html", "report.md", "latex/main.tex", "report.json", "records.jsonl", "gbench.json",
                            "csv", "figures"}) {
    if (fs::exists(target / first)) written.files.push_back(folder / first);
  }
  return written;
}

}  // namespace attest
