#include "harness/store/database.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include "harness/core/error.hpp"

namespace attest {
namespace {

// How long a second process waits for the first one's transaction.
constexpr int busy_milliseconds = 20'000;

std::string_view advice_for(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return "free some space and run the same command again: what was stored is whole";
    case SQLITE_IOERR:
      return "check the disk and its quota: what was stored is whole";
    case SQLITE_READONLY:
      return "choose a file that you may write";
    case SQLITE_CANTOPEN:
      return "choose a file in an existing folder that you may write";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process holds it: wait for it to end";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "choose another file, or restore this one from a copy";
    default:
      return "choose another file";
  }
}

// A path as SQLite's URI form needs it.
std::string uri_of(const std::string& path, std::string_view query) {
  std::string uri = "file:";
  for (const char character : path) {
    if (character == '?' || character == '#' || character == '%') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(character));
    } else {
      uri += character;
    }
  }
  return uri.append("?").append(query);
}

}  // namespace

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  const int code =
      sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  if (code != SQLITE_OK) database.fail(code);
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_, parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  sqlite3_bind_double(statement_, parameter, value);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  sqlite3_bind_text64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3_reset(statement_);
  database_.fail(code);
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return data == nullptr ? "" : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

Database::Database(const std::string& path, Mode mode) : path_(path) {
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string query = "mode=rw";
  switch (mode) {
    case Mode::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      query = "mode=rwc";
      break;
    case Mode::existing:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::read_only:
      flags |= SQLITE_OPEN_READONLY;
      query = "mode=ro";
      break;
    case Mode::immutable:
      flags |= SQLITE_OPEN_READONLY;
      query = "mode=ro&immutable=1";
      break;
  }
  const int code = sqlite3_open_v2(uri_of(path, query).c_str(), &handle_, flags, nullptr);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(handle_, busy_milliseconds);
    return;
  }
  try {
    fail(code);
  } catch (const Error&) {
    sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() {
  sqlite3_close(handle_);
}

void Database::execute(const std::string& sql) const {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

std::int64_t Database::integer(std::string_view sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(std::string_view sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : "";
}

std::int64_t Database::last_row() const {
  return sqlite3_last_insert_rowid(handle_);
}

void Database::fail(int code) const {
  const std::string reason = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  complain(path_, reason, advice_for(code), ExitCode::storage);
}

Transaction::Transaction(const Database& database) : database_(database) {
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A failed commit may have rolled back already; a second rollback is refused and does no harm.
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace attest
