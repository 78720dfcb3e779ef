#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/resources.hpp>
#include <cstdint>
#include <filesystem>
#include <string>

#include "support/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::metrics;
using coworker::resource_reader;
using coworker::time_point;

// A machine of 16 MiB and four processors, described by files.
class made_up_machine {
 public:
  made_up_machine() {
    write("proc/meminfo", "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:   12288 kB\n");
    write("proc/stat", "cpu  1 2 3\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\nintr 5\n");
    write("proc/self/status", "Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n");
    use_processors(150, 50);
  }

  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(folder_.name()) / file;
    std::filesystem::create_directories(path.parent_path());
    folder_.write(file, text);
  }

  // In hundredths of a second.
  void use_processors(int user, int kernel) const {
    write("proc/self/stat", "42 (a (b) c) R 1 2 3 4 5 6 7 8 9 10 " + std::to_string(user) + " " +
                                std::to_string(kernel) + " 777 888 20 0 1\n");
  }

  metrics read() const {
    metrics measured;
    resource_reader({.root = folder_.name()}).read(time_point(1s), measured);
    return measured;
  }

  std::string name() const { return folder_.name(); }

 private:
  coworker::testing::temporary_folder folder_;
};

constexpr std::uint64_t mebibyte = 1 << 20;

}  // namespace

TEST_CASE("without a control group the machine's memory and processors count") {
  const metrics measured = made_up_machine().read();
  CHECK(measured.memory_limit_bytes == 16 * mebibyte);
  CHECK(measured.memory_used_bytes == 4 * mebibyte);
  CHECK(measured.resident_bytes == mebibyte);
  CHECK(measured.peak_resident_bytes == 2 * mebibyte);
  CHECK(measured.cpus == 4);
  CHECK(measured.cpu_seconds == doctest::Approx(2));
  CHECK(measured.resources_at == time_point(1s));
}

TEST_CASE("a control group of version 2 sets memory and processors, without cached files") {
  const made_up_machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.write("sys/fs/cgroup/memory.max", "8388608\n");
  machine.write("sys/fs/cgroup/memory.current", "5242880\n");
  machine.write("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 1048576\nactive_file 7\n");
  machine.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  const metrics measured = machine.read();
  CHECK(measured.memory_limit_bytes == 8 * mebibyte);
  CHECK(measured.memory_used_bytes == 4 * mebibyte);
  CHECK(measured.cpus == doctest::Approx(1.5));
}

TEST_CASE("the folder of a control group is found if it is not at the top") {
  const made_up_machine machine;
  machine.write("proc/self/cgroup", "0::/a/b\n");
  machine.write("sys/fs/cgroup/a/b/memory.max", "4194304\n");
  machine.write("sys/fs/cgroup/a/b/memory.current", "1048576\n");
  CHECK(machine.read().memory_limit_bytes == 4 * mebibyte);
  CHECK(machine.read().memory_used_bytes == mebibyte);
}

TEST_CASE("a control group without limits keeps the machine's") {
  const made_up_machine machine;
  machine.write("proc/self/cgroup", "0::/\n");
  machine.write("sys/fs/cgroup/memory.max", "max\n");
  machine.write("sys/fs/cgroup/memory.current", "1048576\n");
  machine.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  CHECK(machine.read().memory_limit_bytes == 16 * mebibyte);
  CHECK(machine.read().memory_used_bytes == 4 * mebibyte);
  CHECK(machine.read().cpus == 4);
}

TEST_CASE("a control group of version 1 sets memory and processors") {
  const made_up_machine machine;
  machine.write("proc/self/cgroup", "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n");
  machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "8388608\n");
  machine.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "3145728\n");
  machine.write("sys/fs/cgroup/memory/memory.stat", "inactive_file 9\ntotal_inactive_file 1048576\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const metrics measured = machine.read();
  CHECK(measured.memory_limit_bytes == 8 * mebibyte);
  CHECK(measured.memory_used_bytes == 2 * mebibyte);
  CHECK(measured.cpus == doctest::Approx(0.5));
  machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  CHECK(machine.read().memory_limit_bytes == 16 * mebibyte);
  CHECK(machine.read().cpus == 4);
}

TEST_CASE("the load is the processor time used between two readings over the time available") {
  const made_up_machine machine;
  resource_reader reader({.root = machine.name()});
  metrics measured;
  reader.read(time_point(1s), measured);
  CHECK(measured.cpu_load == 0);
  machine.use_processors(250, 150);
  reader.read(time_point(2s), measured);
  CHECK(measured.cpu_load == doctest::Approx(0.5));
  reader.read(time_point(3s), measured);
  CHECK(measured.cpu_load == 0);
}

TEST_CASE("a reader reads when it is due and not before") {
  const made_up_machine machine;
  resource_reader reader({.interval = 1s, .root = machine.name()});
  metrics measured;
  reader.read_when_due(time_point(10s), measured);
  CHECK(measured.resources_at == time_point(10s));
  reader.read_when_due(time_point(10s + 999ms), measured);
  CHECK(measured.resources_at == time_point(10s));
  reader.read_when_due(time_point(11s), measured);
  CHECK(measured.resources_at == time_point(11s));
}

TEST_CASE("without these files all stays unknown") {
  const coworker::testing::temporary_folder empty;
  metrics measured;
  resource_reader({.root = empty.name()}).read(time_point(1s), measured);
  CHECK(measured.memory_limit_bytes == 0);
  CHECK(measured.cpus == 0);
  CHECK(measured.resident_bytes == 0);
}

#ifdef __linux__
TEST_CASE("this machine has memory and processors, and this process uses some") {
  metrics measured;
  resource_reader().read(time_point(1s), measured);
  CHECK(measured.resident_bytes > 0);
  CHECK(measured.peak_resident_bytes >= measured.resident_bytes);
  CHECK(measured.memory_limit_bytes >= measured.resident_bytes);
  CHECK(measured.cpus > 0);
}
#endif

TEST_CASE("a probe's reading of a GPU becomes part of the metrics") {
  const made_up_machine machine;
  metrics measured;
  const auto probe = []() noexcept { return coworker::gpu_reading{0.25, 3, 4}; };
  resource_reader({.gpu_probe = probe, .root = machine.name()}).read(time_point(1s), measured);
  CHECK(measured.gpu_load == 0.25);
  CHECK(measured.gpu_memory_used_bytes == 3);
  CHECK(measured.gpu_memory_limit_bytes == 4);
}
