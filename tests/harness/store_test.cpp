// The store's promises: what put() has acknowledged survives kill -9, a file that is no store is never touched, a merge
// adds what is absent once, and no time gets in without a proof.
#include "harness/store/store.hpp"

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <fstream>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/core/error.hpp"
#include "tests/harness/sweep_support.hpp"

namespace attest {
namespace {

namespace fs = std::filesystem;

CellRecord example(int number, int rounds = 2) {
  CellRecord record;
  record.key = {.kernel = "flash2/cpu_tiled",
                .backend = "cpu",
                .problem = "b1 hq1 sq" + std::to_string(number + 1) + " d64 f32",
                .inputs = "normal",
                .threads = 2};
  record.verdict = Verdict::passed();
  record.accuracy.rows_checked = number;
  for (int round = 0; round < rounds; ++round) {
    RoundRecord timed;
    timed.round = round;
    timed.seconds = {1e-3, 1.1e-3, 1.0 / 3.0, static_cast<double>(number)};
    timed.stopped_by = "interval";
    timed.output_hash = 0xfedcba9876543210ULL;
    record.rounds.push_back(timed);
  }
  return record;
}

RunRecord a_run() {
  RunRecord run;
  run.started = "2024-01-01T00:00:00Z";
  run.provenance = "{}";
  return run;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The message and exit code of what `call` throws.
template <class Call>
std::pair<std::string, int> error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.what(), static_cast<int>(error.code())};
  }
  return {"", 0};
}

std::string integrity_of(const fs::path& path) {
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);
  std::string answer;
  sqlite3_exec(
      database, "PRAGMA integrity_check",
      [](void* out, int, char** values, char**) {
        *static_cast<std::string*>(out) += values[0];
        return 0;
      },
      &answer, nullptr);
  sqlite3_close(database);
  return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store)

BOOST_AUTO_TEST_CASE(a_cell_comes_back_with_every_raw_sample_bit_for_bit) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(a_run());
  const CellRecord record = example(3);
  store.put(record, run);
  const auto found = store.find(record.key);
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->rounds.size() == 2U);
  BOOST_TEST(found->rounds[1].seconds == record.rounds[1].seconds, boost::test_tools::per_element());
  BOOST_TEST(found->rounds[1].output_hash == record.rounds[1].output_hash);
  BOOST_TEST(!store.find(example(4).key).has_value());
}

BOOST_AUTO_TEST_CASE(putting_a_cell_again_replaces_it_and_its_rounds) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(a_run());
  store.put(example(1, 3), run);
  store.put(example(2, 1), run);
  store.put(example(1, 1), run);
  const auto cells = store.cells();
  BOOST_REQUIRE(cells.size() == 2U);
  BOOST_TEST(cells[0].key.problem == example(1).key.problem);
  BOOST_TEST(cells[0].rounds.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_cell_is_complete_with_its_rounds_or_with_a_verdict_that_needs_none) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(a_run());
  store.put(example(1, 2), run);
  BOOST_TEST(store.has(example(1).key, 2));
  BOOST_TEST(!store.has(example(1).key, 3));
  BOOST_TEST(!store.has(example(2).key, 0));
  CellRecord crashed = example(2, 0);
  crashed.verdict = {Outcome::crashed, "SIGSEGV"};
  store.put(crashed, run);
  BOOST_TEST(store.has(crashed.key, 3));
}

BOOST_AUTO_TEST_CASE(a_time_without_a_proof_is_refused) {
  const TemporaryFolder folder;
  Store store = Store::open(folder / "s.db");
  const std::int64_t run = store.begin_run(a_run());
  CellRecord record = example(1);
  record.verdict = {Outcome::failed, "error over bound 3"};
  BOOST_CHECK_THROW(store.put(record, run), std::logic_error);
  BOOST_TEST(store.cells().empty());
}

BOOST_AUTO_TEST_CASE(no_acknowledged_cell_is_lost_when_the_writer_is_killed) {
  const TemporaryFolder folder;
  const fs::path path = folder / "s.db";
  int acknowledged = 0;
  for (int kill_number = 0; kill_number < 12; ++kill_number) {
    int pipe_ends[2];
    BOOST_REQUIRE(pipe(pipe_ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
      Store store = Store::open(path);
      const std::int64_t run = store.begin_run(a_run());
      for (int number = acknowledged; number < 10'000; ++number) {
        store.put(example(number, 3), run);
        if (write(pipe_ends[1], &number, sizeof number) != sizeof number) _exit(1);
      }
      _exit(0);
    }
    close(pipe_ends[1]);
    // Killed after a different number of cells each time, at whatever point of the next transaction the child is then.
    for (int count = 0, number = 0; count < 2 + kill_number % 5; ++count) {
      BOOST_REQUIRE(read(pipe_ends[0], &number, sizeof number) == sizeof number);
      acknowledged = number + 1;
    }
    usleep(static_cast<useconds_t>(kill_number) * 700);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (int number = 0; read(pipe_ends[0], &number, sizeof number) == sizeof number;)
      acknowledged = number + 1;
    close(pipe_ends[0]);
    BOOST_TEST(integrity_of(path) == "ok");
  }
  const Store store = Store::open_existing(path);
  for (int number = 0; number < acknowledged; ++number)
    BOOST_REQUIRE_MESSAGE(store.find(example(number).key), "cell " << number << " of " << acknowledged << " is lost");
  // Acknowledged or not, a cell is there as a whole or not at all.
  for (const CellRecord& record : store.cells()) {
    BOOST_REQUIRE_MESSAGE(record.rounds.size() == 3U, record.key.text() << " is torn");
    for (const RoundRecord& round : record.rounds)
      BOOST_REQUIRE_MESSAGE(round.seconds.size() == 4U, record.key.text() << " is torn");
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_exit_4_and_leaves_what_was_stored) {
  const TemporaryFolder folder;
  const fs::path path = folder / "s.db";
  { Store::open(path).begin_run(a_run()); }
  const pid_t child = fork();
  if (child == 0) {
    // A limit on the size of files stands for the full disk: writes beyond it fail in the same place.
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 256 << 10, .rlim_max = 256 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    int stored = 0;
    const auto [message, code] = error_of([&] {
      Store store = Store::open(path);
      const std::int64_t run = store.begin_run(a_run());
      for (; stored < 5000; ++stored)
        store.put(example(stored, 3), run);
    });
    _exit(code == 4 && message.starts_with(path.string()) && stored > 10 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 0);
  BOOST_TEST(integrity_of(path) == "ok");
  BOOST_TEST(Store::open_existing(path).cells().size() > 10U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_store_is_refused_and_left_as_it_was) {
  const TemporaryFolder folder;
  const fs::path text = folder / "notes.txt";
  std::ofstream(text) << std::string(300, 'x');
  const fs::path foreign = folder / "foreign.db";
  sqlite3* database = nullptr;
  sqlite3_open(foreign.c_str(), &database);
  sqlite3_exec(database, "CREATE TABLE t (x); INSERT INTO t VALUES (1)", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  const fs::path newer = folder / "newer.db";
  { Store::open(newer).begin_run(a_run()); }
  sqlite3_open(newer.c_str(), &database);
  sqlite3_exec(database, "PRAGMA user_version=2", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  for (const auto& [path, reason] : {std::pair{text, "no store"}, {foreign, "no store"}, {newer, "newer attest"}}) {
    const std::string before = bytes_of(path);
    for (const bool existing : {false, true}) {
      const auto [message, code] =
          error_of([&, &file = path] { existing ? Store::open_existing(file) : Store::open(file); });
      BOOST_TEST(code == 4);
      BOOST_TEST(message.starts_with(path.string()), message);
      BOOST_TEST(message.find(reason) != std::string::npos, message);
    }
    BOOST_TEST(bytes_of(path) == before);
    BOOST_TEST(!fs::exists(path.string() + "-wal"));
  }
}

BOOST_AUTO_TEST_CASE(a_folder_an_absent_folder_and_an_absent_file_are_named) {
  const TemporaryFolder folder;
  for (const fs::path& path : {folder / ".", folder / "absent" / "s.db"}) {
    const auto [message, code] = error_of([&] { Store::open(path); });
    BOOST_TEST(code == 4);
    BOOST_TEST(message.find(path.string()) != std::string::npos, message);
  }
  const auto [message, code] = error_of([&] { Store::open_existing(folder / "s.db"); });
  BOOST_TEST(code == 4);
  BOOST_TEST(message.find("no such file") != std::string::npos, message);
  BOOST_TEST(!fs::exists(folder / "s.db"));
}

BOOST_AUTO_TEST_CASE(a_damaged_record_names_the_file_and_the_cell) {
  const TemporaryFolder folder;
  const fs::path path = folder / "s.db";
  {
    Store store = Store::open(path);
    store.put(example(1), store.begin_run(a_run()));
  }
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);
  sqlite3_exec(database, "UPDATE cells SET record=json_remove(record, '$.verdict')", nullptr, nullptr, nullptr);
  sqlite3_close(database);
  const auto [message, code] = error_of([&] { Store::open_existing(path).cells(); });
  BOOST_TEST(code == 4);
  BOOST_TEST(message.find("cell 1 is damaged") != std::string::npos, message);
  BOOST_TEST(message.find("'verdict'") != std::string::npos, message);
}

BOOST_AUTO_TEST_CASE(a_merge_adds_what_is_absent_once_with_its_run_and_samples) {
  const TemporaryFolder folder;
  Store first = Store::open(folder / "a.db");
  Store second = Store::open(folder / "b.db");
  const std::int64_t first_run = first.begin_run(a_run());
  const std::int64_t second_run = second.begin_run(a_run());
  first.put(example(1, 1), first_run);
  second.put(example(1, 3), second_run);
  second.put(example(2, 3), second_run);
  BOOST_TEST(first.merge_from(folder / "b.db") == 1);
  BOOST_TEST(first.merge_from(folder / "b.db") == 0);
  BOOST_TEST(first.merge_from(folder / "a.db") == 0);
  BOOST_TEST(first.cells().size() == 2U);
  BOOST_TEST(first.runs().size() == 2U);
  BOOST_TEST(first.find(example(1).key)->rounds.size() == 1U);
  const auto merged = first.find(example(2).key);
  BOOST_REQUIRE(merged.has_value());
  BOOST_TEST(merged->rounds.size() == 3U);
  BOOST_TEST(merged->rounds[2].seconds.size() == 4U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace attest
