#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/store/record.hpp"

namespace attest {

/// One run of a command that wrote to the store.
struct RunRecord {
  std::int64_t id = 0;
  std::string started;     ///< UTC, ISO 8601
  std::string provenance;  ///< JSON object
  std::string peaks;       ///< JSON of the measured peaks, or empty
  std::string sweep;       ///< text of the sweep file, or empty
};

/// The archive: SQLite, schema by user_version, WAL with synchronous=FULL (TRUNCATE on network file systems), one
/// transaction a cell. All functions throw Error with exit 4 when the file or the disk fails, and leave it whole.
class Store {
 public:
  /// Opens or makes the file; an existing file that is no store, or of a newer schema, is refused untouched.
  static Store open(const std::string& path);
  /// Opens an existing store for reading. Throws Error when it is absent.
  static Store open_existing(const std::string& path);

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  std::int64_t begin_run(const RunRecord& run);
  std::vector<RunRecord> runs() const;

  /// Writes the cell and its rounds, replacing what was known of the same key, in one transaction.
  void put(const CellRecord& record, std::int64_t run);

  /// Whether the cell is complete: it has a final verdict and, when passed and `rounds` > 0, that many rounds.
  bool has(const CellKey& key, int rounds) const;
  /// The cell, or nothing.
  std::optional<CellRecord> find(const CellKey& key) const;
  /// Every cell, in the order of insertion.
  std::vector<CellRecord> cells() const;

  /// Adds the cells of another store that this one lacks; idempotent. Returns how many were added.
  std::int64_t merge_from(const std::string& path);

 private:
  struct Implementation;
  explicit Store(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace attest
