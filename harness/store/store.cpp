#include "harness/store/store.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "harness/core/error.hpp"
#include "harness/store/database.hpp"

namespace attest {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t schema_version = 1;
constexpr std::int64_t application_id = 0x41545354;  // "ATST", in the header of every store
constexpr std::uint64_t least_free_bytes = 8U << 20U;

// `record` is the cell's JSON without its rounds; the columns that people search by are read from it, so that nothing
// is said twice. Runs carry a random name, by which a merge knows them again.
constexpr const char* schema = R"sql(
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  started TEXT NOT NULL,
  provenance TEXT NOT NULL,
  peaks TEXT NOT NULL,
  sweep TEXT NOT NULL);
CREATE TABLE cells (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  run INTEGER NOT NULL REFERENCES runs(id),
  record TEXT NOT NULL CHECK (json_valid(record)),
  kernel TEXT GENERATED ALWAYS AS (record ->> '$.kernel') VIRTUAL,
  backend TEXT GENERATED ALWAYS AS (record ->> '$.backend') VIRTUAL,
  problem TEXT GENERATED ALWAYS AS (record ->> '$.problem') VIRTUAL,
  inputs TEXT GENERATED ALWAYS AS (record ->> '$.inputs') VIRTUAL,
  threads INTEGER GENERATED ALWAYS AS (record ->> '$.threads') VIRTUAL,
  verdict TEXT GENERATED ALWAYS AS (record ->> '$.verdict') VIRTUAL,
  reason TEXT GENERATED ALWAYS AS (record ->> '$.reason') VIRTUAL,
  seconds_median REAL GENERATED ALWAYS AS (record ->> '$.seconds_median') VIRTUAL,
  error_over_bound REAL GENERATED ALWAYS AS (record ->> '$.error_over_bound') VIRTUAL);
CREATE TABLE rounds (
  cell INTEGER NOT NULL REFERENCES cells(id),
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  iterations INTEGER NOT NULL,
  stopped_by TEXT NOT NULL,
  peak_flops REAL NOT NULL,
  output_hash TEXT NOT NULL,
  PRIMARY KEY (cell, round)) WITHOUT ROWID;
CREATE TABLE samples (
  cell INTEGER NOT NULL,
  round INTEGER NOT NULL,
  sample INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (cell, round, sample)) WITHOUT ROWID;
)sql";

[[noreturn]] void refuse(const std::string& path, std::string_view wrong, std::string_view right) {
  complain(path, wrong, right, ExitCode::storage);
}

struct Header {
  bool exists = false;
  bool empty = true;
};

std::uint32_t big_endian(const unsigned char* bytes) {
  return (std::uint32_t{bytes[0]} << 24U) | (std::uint32_t{bytes[1]} << 16U) | (std::uint32_t{bytes[2]} << 8U) |
         std::uint32_t{bytes[3]};
}

// Looks at the file's own first bytes, since even opening a foreign database with SQLite can change it (recovery of its
// journal). The schema is made before the file is switched to WAL, so a store's header always says what it is.
Header examine(const std::string& path) {
  struct stat status {};
  if (path.empty()) refuse("--store", "the file's name is empty", "give a name, as results.db");
  if (stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    refuse(path, std::strerror(errno), "choose a file that you may read and write");
  }
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder", "give the name of a file");
  if (!S_ISREG(status.st_mode)) refuse(path, "is no regular file", "give the name of a file");
  if (status.st_size == 0) return {.exists = true, .empty = true};
  unsigned char bytes[100] = {};
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) refuse(path, std::strerror(errno), "choose a file that you may read and write");
  const ssize_t count = read(file, bytes, sizeof bytes);
  close(file);
  if (count != static_cast<ssize_t>(sizeof bytes) || std::memcmp(bytes, "SQLite format 3", 16) != 0) {
    refuse(path, "is no store of attest", "choose a new file or one that attest made");
  }
  const Header header{.exists = true, .empty = false};
  // Made by a process that was killed before its first transaction ended: SQLite rolls it back to nothing.
  if (access((path + "-journal").c_str(), F_OK) == 0) return header;
  if (big_endian(bytes + 68) != application_id) {
    refuse(path, "is a database, but no store of attest", "choose a new file or one that attest made");
  }
  if (const auto version = big_endian(bytes + 60); version > schema_version) {
    refuse(path, fmt::format("has the schema of a newer attest ({}; this one knows {})", version, schema_version),
           "use the newer attest, or another file");
  }
  return header;
}

// WAL needs shared memory between the processes, which these file systems do not give across machines.
bool on_network(const std::string& path) {
  struct statfs status {};
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (statfs(folder.c_str(), &status) != 0) return false;
  switch (static_cast<std::uint32_t>(status.f_type)) {
    case 0x6969:      // NFS
    case 0x0BD00BD0:  // Lustre
    case 0x47504653:  // GPFS
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x517B:      // SMB
    case 0x00C36400:  // Ceph
    case 0x65735546:  // FUSE: sshfs and its like
    case 0x01021997:  // 9P
      return true;
    default:
      return false;
  }
}

void need_space(const std::string& path) {
  struct statvfs status {};
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (statvfs(folder.c_str(), &status) != 0) return;
  const std::uint64_t free_bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
  if (free_bytes < least_free_bytes) {
    refuse(path, fmt::format("its disk has {} KiB free", free_bytes >> 10U), "a store needs 8 MiB or more");
  }
}

void make_schema(const Database& database) {
  const auto made = [&database] { return database.integer("SELECT count(*) FROM sqlite_master WHERE name='cells'"); };
  if (made() != 0) return;
  Transaction transaction(database);
  if (made() != 0) return;  // another process was faster
  if (database.integer("SELECT count(*) FROM sqlite_master") != 0) {
    refuse(database.path(), "is a database, but no store of attest", "choose a new file or one that attest made");
  }
  database.execute(schema);
  database.execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", application_id, schema_version));
  transaction.commit();
}

void set_journal(const Database& database) {
  if (on_network(database.path())) {
    database.execute("PRAGMA locking_mode=EXCLUSIVE");
    database.execute("PRAGMA journal_mode=TRUNCATE");
  } else {
    database.execute("PRAGMA journal_mode=WAL");
    database.execute("PRAGMA wal_autocheckpoint=200");  // a long sweep's WAL stays under a megabyte
  }
  database.execute("PRAGMA synchronous=FULL");
}

std::string random_name() {
  std::uint64_t words[2] = {};
  if (getrandom(words, sizeof words, 0) != static_cast<ssize_t>(sizeof words)) {
    throw std::runtime_error("getrandom gave no bytes");
  }
  return fmt::format("{:016x}{:016x}", words[0], words[1]);
}

CellRecord record_of(const Database& database, std::int64_t cell, const std::string& text) {
  CellRecord record;
  try {
    record = record_from_json(Json::parse(text));
  } catch (const std::exception& error) {
    refuse(database.path(), fmt::format("cell {} is damaged: {}", cell, error.what()), "restore the file from a copy");
  }
  Statement rounds(database,
                   "SELECT round, position, iterations, stopped_by, peak_flops, output_hash FROM rounds WHERE cell=?1 "
                   "ORDER BY round");
  Statement samples(database, "SELECT seconds FROM samples WHERE cell=?1 AND round=?2 ORDER BY sample");
  rounds.bind(1, cell);
  while (rounds.step()) {
    RoundRecord round;
    round.round = static_cast<int>(rounds.integer(0));
    round.position = static_cast<int>(rounds.integer(1));
    round.iterations = rounds.integer(2);
    round.stopped_by = rounds.text(3);
    round.peak_flops = rounds.real(4);
    round.output_hash = std::stoull(rounds.text(5), nullptr, 16);
    samples.bind(1, cell).bind(2, rounds.integer(0));
    while (samples.step())
      round.seconds.push_back(samples.real(0));
    samples.reset();
    record.rounds.push_back(std::move(round));
  }
  return record;
}

}  // namespace

struct Store::Implementation {
  Implementation(const std::string& path, Database::Mode mode) : database(path, mode) {}
  Database database;
};

Store::Store(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::string& path) {
  const Header header = examine(path);
  if (header.exists && access(path.c_str(), W_OK) != 0) {
    refuse(path, "may not be written", "choose a file that you may write");
  }
  need_space(path);
  auto implementation = std::make_unique<Implementation>(path, Database::Mode::create);
  make_schema(implementation->database);
  set_journal(implementation->database);
  return Store(std::move(implementation));
}

Store Store::open_existing(const std::string& path) {
  const Header header = examine(path);
  if (!header.exists) refuse(path, "there is no such file", "give a store that `attest sweep --store` made");
  if (header.empty) refuse(path, "is empty", "give a store that `attest sweep --store` made");
  // WAL wants to write beside the file even for reading; a copy on a read-only disk is read as it is.
  const auto folder = std::filesystem::absolute(path).parent_path();
  const bool writable = access(path.c_str(), W_OK) == 0 && access(folder.c_str(), W_OK) == 0;
  auto implementation =
      std::make_unique<Implementation>(path, writable ? Database::Mode::existing : Database::Mode::immutable);
  if (implementation->database.integer("SELECT count(*) FROM sqlite_master WHERE name='cells'") == 0) {
    refuse(path, "is no store of attest", "give a store that `attest sweep --store` made");
  }
  return Store(std::move(implementation));
}

std::int64_t Store::begin_run(const RunRecord& run) {
  const Database& database = implementation_->database;
  Transaction transaction(database);
  Statement insert(database, "INSERT INTO runs (name, started, provenance, peaks, sweep) VALUES (?1, ?2, ?3, ?4, ?5)");
  insert.bind(1, random_name()).bind(2, run.started).bind(3, run.provenance).bind(4, run.peaks).bind(5, run.sweep);
  insert.run();
  const std::int64_t id = database.last_row();
  transaction.commit();
  return id;
}

std::vector<RunRecord> Store::runs() const {
  Statement select(implementation_->database, "SELECT id, started, provenance, peaks, sweep FROM runs ORDER BY id");
  std::vector<RunRecord> runs;
  while (select.step()) {
    runs.push_back({.id = select.integer(0),
                    .started = select.text(1),
                    .provenance = select.text(2),
                    .peaks = select.text(3),
                    .sweep = select.text(4)});
  }
  return runs;
}

void Store::put(const CellRecord& record, std::int64_t run) {
  const bool proved = record.verdict.outcome == Outcome::passed || record.verdict.outcome == Outcome::suspect;
  if (!proved && (!record.rounds.empty() || record.timing)) {
    throw std::logic_error(
        fmt::format("{}: a time without a proof ({})", record.key.text(), name_of(record.verdict.outcome)));
  }
  const Database& database = implementation_->database;
  Json json = to_json(record);
  json.erase("rounds");
  Transaction transaction(database);
  Statement upsert(database,
                   "INSERT INTO cells (key, run, record) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET "
                   "run=excluded.run, record=excluded.record RETURNING id");
  upsert.bind(1, record.key.text()).bind(2, run).bind(3, json.dump());
  upsert.step();
  const std::int64_t cell = upsert.integer(0);
  upsert.run();
  for (const char* table : {"samples", "rounds"}) {
    Statement(database, fmt::format("DELETE FROM {} WHERE cell=?1", table)).bind(1, cell).run();
  }
  Statement insert_round(database, "INSERT INTO rounds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  Statement insert_sample(database, "INSERT INTO samples VALUES (?1, ?2, ?3, ?4)");
  for (const RoundRecord& round : record.rounds) {
    const std::int64_t number = round.round;
    insert_round.bind(1, cell).bind(2, number).bind(3, std::int64_t{round.position}).bind(4, round.iterations);
    insert_round.bind(5, round.stopped_by).bind(6, round.peak_flops).bind(7, fmt::format("{:016x}", round.output_hash));
    insert_round.run();
    for (std::size_t sample = 0; sample < round.seconds.size(); ++sample) {
      insert_sample.bind(1, cell).bind(2, number).bind(3, static_cast<std::int64_t>(sample));
      insert_sample.bind(4, round.seconds[sample]);
      insert_sample.run();
    }
  }
  transaction.commit();
}

bool Store::has(const CellKey& key, int rounds) const {
  Statement select(implementation_->database,
                   "SELECT verdict, (SELECT count(*) FROM rounds WHERE cell=id) FROM cells WHERE key=?1");
  select.bind(1, key.text());
  if (!select.step()) return false;
  const std::string verdict = select.text(0);
  const bool timed = verdict == name_of(Outcome::passed) || verdict == name_of(Outcome::suspect);
  return !timed || select.integer(1) >= rounds;
}

std::optional<CellRecord> Store::find(const CellKey& key) const {
  const Database& database = implementation_->database;
  Statement select(database, "SELECT id, record FROM cells WHERE key=?1");
  select.bind(1, key.text());
  if (!select.step()) return std::nullopt;
  return record_of(database, select.integer(0), select.text(1));
}

std::vector<CellRecord> Store::cells() const {
  const Database& database = implementation_->database;
  Statement select(database, "SELECT id, record FROM cells ORDER BY id");
  std::vector<CellRecord> records;
  while (select.step())
    records.push_back(record_of(database, select.integer(0), select.text(1)));
  return records;
}

std::int64_t Store::merge_from(const std::string& path) {
  const Database& database = implementation_->database;
  if (std::filesystem::exists(path) && std::filesystem::equivalent(path, database.path())) return 0;
  open_existing(path);  // refuses what is no store, by name, before anything is attached
  Statement(database, "ATTACH ?1 AS other").bind(1, path).run();
  std::int64_t added = 0;
  try {
    Transaction transaction(database);
    database.execute(
        "INSERT INTO runs (name, started, provenance, peaks, sweep) "
        "SELECT name, started, provenance, peaks, sweep FROM other.runs WHERE true ORDER BY id "
        "ON CONFLICT (name) DO NOTHING");
    database.execute(
        "CREATE TEMP TABLE fresh AS SELECT id, key FROM other.cells "
        "WHERE key NOT IN (SELECT key FROM main.cells)");
    added = database.integer("SELECT count(*) FROM fresh");
    database.execute(
        "INSERT INTO cells (key, run, record) "
        "SELECT theirs.key, mine.id, theirs.record FROM other.cells AS theirs "
        "JOIN other.runs AS run ON run.id = theirs.run JOIN main.runs AS mine ON mine.name = run.name "
        "WHERE theirs.id IN (SELECT id FROM fresh) ORDER BY theirs.id");
    database.execute(
        "INSERT INTO rounds SELECT mine.id, round, position, iterations, stopped_by, peak_flops, output_hash "
        "FROM fresh JOIN other.rounds AS theirs ON theirs.cell = fresh.id JOIN main.cells AS mine USING (key)");
    database.execute(
        "INSERT INTO samples SELECT mine.id, round, sample, seconds "
        "FROM fresh JOIN other.samples AS theirs ON theirs.cell = fresh.id JOIN main.cells AS mine USING (key)");
    database.execute("DROP TABLE fresh");
    transaction.commit();
  } catch (...) {
    Statement(database, "DETACH other").run();
    throw;
  }
  database.execute("DETACH other");
  return added;
}

}  // namespace attest
