// Provenance: every key is there whatever the machine lets be read, nothing is made up, and the commit is the
// checkout's.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "harness/measure/provenance.hpp"
#include "tests/harness/measure_support.hpp"

using namespace attest;
using attest::test::FakeRoot;

namespace {

void shell(const std::string& command) {
  BOOST_TEST_REQUIRE(std::system(command.c_str()) == 0);
}

std::string quoted(const std::filesystem::path& path) {
  std::string text(1, '\'');
  return text.append(path.string()).append(1, '\'');
}

}  // namespace

BOOST_AUTO_TEST_SUITE(measure_provenance)

BOOST_AUTO_TEST_CASE(a_machine_that_says_nothing_gets_no_made_up_values) {
  FakeRoot root;
  const nlohmann::json record = provenance({.root = root.path()});
  for (const char* key : {"cpu_model", "microcode", "cpus", "cores", "simultaneous_threads", "governor", "caches",
                          "transparent_huge_pages", "huge_pages_reserved", "load_average", "memory_bytes",
                          "memory_available_bytes", "virtual_machine"}) {
    BOOST_TEST_CONTEXT(key) BOOST_TEST(record.at("machine").at(key) == not_available);
  }
  for (const char* key : {"control_groups", "memory_bytes", "cpus", "cpu_set"}) {
    BOOST_TEST_CONTEXT(key) BOOST_TEST(record.at("limits").at(key) == not_available);
  }
  BOOST_TEST(record.at("timer_resolution_seconds").get<double>() > 0);
}

BOOST_AUTO_TEST_CASE(what_the_machine_says_is_recorded) {
  FakeRoot root;
  root.write(
      "proc/cpuinfo",
      "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Imaginary 9000\nmicrocode\t: 0x12\nflags\t\t: fpu hypervisor "
      "avx2\n");
  root.write("proc/meminfo", "MemTotal:       2000 kB\nMemAvailable:   1000 kB\n");
  root.write("proc/loadavg", "0.50 1.25 2.00 1/100 4242\n");
  root.write("sys/devices/system/cpu/online", "0-3\n");
  for (int cpu = 0; cpu < 4; ++cpu) {
    const std::string folder = "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/";
    root.write(folder + "topology/thread_siblings_list", cpu < 2 ? "0-1\n" : "2-3\n");
    root.write(folder + "cpufreq/scaling_governor", cpu == 3 ? "powersave\n" : "performance\n");
  }
  root.cache(0, "1", "Data", "48K", "0-1");
  root.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  root.write("proc/sys/vm/nr_hugepages", "0\n");
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  root.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  const nlohmann::json record = provenance({.root = root.path()});
  const nlohmann::json& machine = record.at("machine");
  BOOST_TEST(machine.at("cpu_model") == "Imaginary 9000");
  BOOST_TEST(machine.at("microcode") == "0x12");
  BOOST_TEST(machine.at("cpus") == 4);
  BOOST_TEST(machine.at("cores") == 2);
  BOOST_TEST(machine.at("simultaneous_threads") == true);
  BOOST_TEST(machine.at("governor") == "performance, powersave");
  BOOST_TEST(machine.at("caches").at(0).at("bytes") == 48 << 10);
  BOOST_TEST(machine.at("transparent_huge_pages") == "madvise");
  BOOST_TEST(machine.at("load_average") == nlohmann::json({0.5, 1.25, 2.0}));
  BOOST_TEST(machine.at("memory_bytes") == 2000 * 1024);
  BOOST_TEST(machine.at("memory_available_bytes") == 1000 * 1024);
  BOOST_TEST(machine.at("virtual_machine") == true);
  BOOST_TEST(record.at("limits").at("cpus") == 2.0);
  BOOST_TEST(record.at("limits").at("memory_bytes") == "unlimited");
}

BOOST_AUTO_TEST_CASE(the_commit_is_that_of_the_checkout_and_changed_sources_make_it_dirty) {
  FakeRoot root;
  const std::string git = "git -C " + quoted(root.path()) + " -c user.name=a -c user.email=a@b ";
  root.write("harness/file.cpp", "one\n");
  root.write("notes", "one\n");
  shell(git + "init -q . && " + git + "add . && " + git + "commit -q -m one");
  const auto build = [&] { return provenance({.source_directory = root.path()}).at("build"); };
  const std::string commit = build().at("commit");
  BOOST_TEST(commit.size() == 40u);
  BOOST_TEST(build().at("commit_of") == "checkout");
  BOOST_TEST(build().at("dirty") == false);
  root.write("notes", "two\n");
  root.write("results.db", "made by a run\n");
  BOOST_TEST(build().at("dirty") == false);
  root.write("variants/mine/variant.cpp", "new\n");
  BOOST_TEST(build().at("dirty") == true);
  // Inside a hook git finds its way by these variables, to the wrong place from here.
  setenv("GIT_DIR", "/nonexistent", 1);
  BOOST_TEST(build().at("commit") == commit);
  unsetenv("GIT_DIR");
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_no_checkout_or_lies_inside_another_has_an_unknown_commit) {
  FakeRoot root;
  BOOST_TEST(provenance({.source_directory = root.path()}).at("build").at("commit") == "unknown");
  BOOST_TEST(provenance({.source_directory = root.path() / "absent"}).at("build").at("dirty") == "unknown");
  root.write("unpacked/file", "one\n");
  shell("git -C " + quoted(root.path()) + " init -q . && git -C " + quoted(root.path()) +
        " -c user.name=a -c user.email=a@b commit -q --allow-empty -m one");
  BOOST_TEST(provenance({.source_directory = root.path() / "unpacked"}).at("build").at("commit") == "unknown");
}

BOOST_AUTO_TEST_CASE(only_listed_variables_of_the_environment_are_recorded) {
  setenv("OMP_PROC_BIND", "true", 1);
  setenv("ATTEST_TEST_VALUE", "a=b", 1);
  setenv("SOME_PASSWORD", "secret", 1);
  const nlohmann::json record = provenance();
  BOOST_TEST(record.at("environment").at("OMP_PROC_BIND") == "true");
  BOOST_TEST(record.at("environment").at("ATTEST_TEST_VALUE") == "a=b");
  BOOST_TEST(record.dump().find("secret") == std::string::npos);
  for (const char* name : {"OMP_PROC_BIND", "ATTEST_TEST_VALUE", "SOME_PASSWORD"})
    unsetenv(name);
}

BOOST_AUTO_TEST_CASE(arguments_are_kept_and_are_always_printable) {
  const nlohmann::json record = provenance({.arguments = {"attest", "bench", "b1 sq128", "\xff"}});
  BOOST_TEST(record.at("arguments").at(2) == "b1 sq128");
  BOOST_TEST(!record.dump().empty());
}

BOOST_AUTO_TEST_CASE(compiler_and_libraries_are_named) {
  const nlohmann::json record = provenance();
  BOOST_TEST(record.at("build").at("compiler").get<std::string>().size() > 4);
  for (const char* key : {"flags", "build_type", "version"})
    BOOST_TEST(record.at("build").contains(key));
  BOOST_TEST(record.at("libraries").at("nlohmann_json").get<std::string>().find('.') != std::string::npos);
  BOOST_TEST(record.at("libraries").at("glibc").get<std::string>().find('.') != std::string::npos);
  BOOST_TEST(record.at("libraries").contains("benchmark"));
}

BOOST_AUTO_TEST_SUITE_END()
