#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/memory_outlook.hpp>
#include <cstdint>
#include <limits>

namespace {

using coworker::memory_outlook;
using coworker::metrics;

// Readings of a machine with 1000 bytes of memory.
struct memory_readings {
  memory_outlook outlook;
  metrics seen;

  void add(int most_in_progress, std::uint64_t used, std::uint64_t peak = 0) {
    seen.memory_limit_bytes = 1000;
    seen.most_in_progress = most_in_progress;
    seen.memory_used_bytes = used;
    seen.peak_resident_bytes = peak;
    seen.resources_at += std::chrono::seconds(1);
    outlook.observe(seen);
  }

  int most_jobs() const { return outlook.most_jobs(seen, 0.9); }
};

constexpr int any_number_of_jobs = std::numeric_limits<int>::max();

}  // namespace

TEST_CASE("without a known limit, or before any job, everything fits") {
  memory_readings readings;
  CHECK(readings.most_jobs() == any_number_of_jobs);
  readings.add(0, 100);
  CHECK(readings.most_jobs() == any_number_of_jobs);
}

TEST_CASE("one job is extrapolated from the reading before it") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(1, 150);
  CHECK(readings.most_jobs() == 16);  // 900 - 100 bytes are enough for sixteen jobs of 50
}

TEST_CASE("memory that the first job keeps no longer counts per job after two ran at once") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(1, 500);
  CHECK(readings.most_jobs() == 2);
  readings.add(2, 520);
  CHECK(readings.most_jobs() == 21);
}

TEST_CASE("the peak counts if it is above the memory used at the time of reading") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(1, 100, 300);
  CHECK(readings.most_jobs() == 4);
}

TEST_CASE("memory that does not grow with the jobs allows any number, unless it is used up") {
  memory_readings readings;
  readings.add(4, 500);
  readings.add(8, 500);
  CHECK(readings.most_jobs() == any_number_of_jobs);
  readings.add(8, 950);
  CHECK(readings.most_jobs() == 7);
}

TEST_CASE("at least one job fits") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(1, 990);
  CHECK(readings.most_jobs() == 1);
}

TEST_CASE("memory that others used is forgotten, the peak of this process is not") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(1, 880, 150);
  CHECK(readings.most_jobs() == 1);
  for (int i = 0; i < 1000; ++i) readings.add(1, 120, 150);
  CHECK(readings.most_jobs() == 16);
}

TEST_CASE("memory that many jobs used is not forgotten while there are fewer jobs") {
  memory_readings readings;
  readings.add(0, 100);
  readings.add(8, 500);
  readings.seen.in_progress = 3;
  for (int i = 0; i < 1000; ++i) readings.add(8, 250);
  CHECK(readings.most_jobs() == 16);
}
