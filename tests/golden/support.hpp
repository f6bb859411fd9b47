// Approved texts and folders for the tests of reports.
#pragma once

#include <filesystem>
#include <string>

#include "reports/emit.hpp"

namespace attest::golden {

/// Compares `text` with tests/golden/approved/<name>; with ATTEST_APPROVE=1 in the environment writes it there instead.
/// Numbers with more than 12 significant digits are compared to 10, since the last digits of logarithms and
/// exponentials differ between the versions of the C library.
void check_approved(const std::string& name, const std::string& text);

/// `text` with its long numbers rounded as check_approved() does.
std::string rounded(const std::string& text);

/// The table of that id. Fails the test where there is none.
reports::Table table_of(const reports::Report& report, const std::string& id);

/// All text files of a report without drawn figures, by path.
reports::Files all_texts(const reports::Report& report, const reports::RenderedFigures& figures = {});

std::string read_bytes(const std::filesystem::path& path);

/// A fresh folder, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace attest::golden
