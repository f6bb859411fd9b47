// What Linux says of a machine, read from made-up /proc and /sys trees: control groups of both versions, nested and
// seen from inside a container; caches; lists of CPUs; and the real process's memory.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <sys/mman.h>
#include <vector>

#include "harness/measure/machine.hpp"
#include "harness/measure/memory.hpp"
#include "tests/harness/measure_support.hpp"

using namespace attest;
using attest::test::FakeRoot;

BOOST_AUTO_TEST_SUITE(measure_machine)

BOOST_AUTO_TEST_CASE(lists_of_cpus_are_parsed_and_written) {
  BOOST_TEST(parse_cpu_list("0-3,8") == (std::vector<int>{0, 1, 2, 3, 8}));
  BOOST_TEST(parse_cpu_list("5") == std::vector<int>{5});
  for (const char* malformed : {"", "x", "5,3-1", "1-", "-1", "0-99999999"})
    BOOST_TEST(parse_cpu_list(malformed).empty());
  BOOST_TEST(format_cpu_list({0, 1, 2, 3, 8}) == "0-3,8");
  BOOST_TEST(format_cpu_list({}) == "");
}

BOOST_AUTO_TEST_CASE(this_process_may_run_somewhere) {
  BOOST_TEST(!usable_cpus().empty());
  BOOST_TEST(cpus_by_core().size() == usable_cpus().size());
}

BOOST_AUTO_TEST_CASE(one_cpu_of_every_core_comes_before_the_second_ones) {
  const std::vector<int> cpus = usable_cpus();
  if (cpus.size() < 2) return;  // one CPU has no order
  FakeRoot root;
  // The first two usable CPUs are threads of one core; all others have cores of their own.
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const std::string list = i < 2 ? format_cpu_list({cpus[0], cpus[1]}) : std::to_string(cpus[i]);
    root.write("sys/devices/system/cpu/cpu" + std::to_string(cpus[i]) + "/topology/thread_siblings_list", list + "\n");
  }
  const std::vector<int> ordered = cpus_by_core(root.path());
  BOOST_TEST(ordered.front() == cpus[0]);
  BOOST_TEST(ordered.back() == cpus[1]);
}

BOOST_AUTO_TEST_CASE(caches_are_read_with_their_sharing) {
  FakeRoot root;
  root.cache(0, "1", "Data", "48K", "0");
  root.cache(1, "3", "Unified", "32M", "0-7");
  const auto caches = cpu_caches(root.path());
  BOOST_TEST_REQUIRE(caches.size() == 2u);
  BOOST_TEST(caches[0].bytes == 48u << 10);
  BOOST_TEST(caches[0].type == "Data");
  BOOST_TEST(caches[1].bytes == 32u << 20);
  BOOST_TEST(caches[1].sharing_cpus == 8u);
}

BOOST_AUTO_TEST_CASE(limits_of_version_2_are_the_tightest_over_the_ancestors) {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  root.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  root.write("sys/fs/cgroup/outer/memory.max", "1000000\n");
  root.write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root.write("sys/fs/cgroup/outer/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "150000 100000\n");
  root.write("sys/fs/cgroup/outer/inner/cpuset.cpus.effective", "0-1\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  BOOST_TEST(limits.version == "2");
  BOOST_TEST(limits.memory_bytes.value() == 1000000u);
  BOOST_TEST(limits.cpus.value() == 1.5);
  BOOST_TEST(limits.cpu_set.value() == "0-1");
}

BOOST_AUTO_TEST_CASE(limits_of_version_1_are_found_by_controller) {
  FakeRoot root;
  root.write("proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/\n0::/\n");
  root.write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "2000000\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "50000\n");
  root.write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  BOOST_TEST(limits.version == "1");
  BOOST_TEST(limits.memory_bytes.value() == 2000000u);
  BOOST_TEST(limits.cpus.value() == 0.5);
}

BOOST_AUTO_TEST_CASE(a_container_that_sees_only_its_own_group_at_the_mount_is_limited_by_it) {
  FakeRoot root;
  root.write("proc/self/cgroup", "4:memory:/host/path/of/the/container\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n");
  BOOST_TEST(control_group_limits(root.path()).memory_bytes.value() == 3000000u);
}

BOOST_AUTO_TEST_CASE(no_limit_is_no_number) {
  FakeRoot root;
  BOOST_TEST(control_group_limits(root.path()).version == "");
  root.write("proc/self/cgroup", "4:memory:/\n2:cpu:/\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  BOOST_TEST(limits.version == "1");
  BOOST_TEST(!limits.memory_bytes.has_value());
  BOOST_TEST(!limits.cpus.has_value());
}

BOOST_AUTO_TEST_CASE(the_peak_of_the_resident_set_sees_a_block_that_is_gone_again) {
  BOOST_TEST_REQUIRE(resident_bytes().has_value());
  const bool reset = reset_peak_resident_bytes();
  const std::size_t before = peak_resident_bytes().value();
  constexpr std::size_t bytes = 64 << 20;
  const std::size_t resident = resident_bytes().value();
  // Mapped by hand: a heap may keep what it gets back.
  void* const block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BOOST_TEST_REQUIRE(block != MAP_FAILED);
  std::memset(block, 1, bytes);
  BOOST_TEST(resident_bytes().value() >= resident + bytes / 100 * 99);
  munmap(block, bytes);
  const std::size_t peak = peak_resident_bytes().value();
  BOOST_TEST(peak >= resident + bytes / 100 * 99);
  BOOST_TEST(peak >= before);
  if (reset) {  // not every kernel or container allows it
    BOOST_TEST(before < resident + bytes / 4);
    BOOST_TEST(reset_peak_resident_bytes());
    BOOST_TEST(peak_resident_bytes().value() < peak);
  }
}

BOOST_AUTO_TEST_SUITE_END()
