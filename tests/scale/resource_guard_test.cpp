#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/resource_guard.hpp>
#include <cstdint>
#include <limits>

namespace {

using namespace std::chrono_literals;
using coworker::metrics;
using coworker::resource_guard;

constexpr int guard_names_no_limit = std::numeric_limits<int>::max();

metrics memory_in_use(std::uint64_t percent, coworker::duration read_at = 1s) {
  metrics measured;
  measured.resources_at = coworker::time_point(read_at);
  measured.memory_limit_bytes = 100;
  measured.memory_used_bytes = percent;
  return measured;
}

}  // namespace

TEST_CASE("a guard allows any limit while nothing is known or near its share") {
  resource_guard guard;
  CHECK(guard(8, metrics()) == guard_names_no_limit);
  CHECK(guard(8, memory_in_use(50)) == guard_names_no_limit);
}

TEST_CASE("a guard keeps the limit at its share of memory, and lowers it per reading beyond") {
  resource_guard guard;
  CHECK(guard(8, memory_in_use(88)) == 8);
  CHECK(guard(8, memory_in_use(91, 2s)) == 7);
  CHECK(guard(7, memory_in_use(91, 2s)) == 7);
  CHECK(guard(7, memory_in_use(91, 3s)) == 6);
  CHECK(guard(32, memory_in_use(91, 4s)) == 28);
  CHECK(guard(1, memory_in_use(99, 5s)) == 1);
}

TEST_CASE("a guard allows no more jobs than are expected to fit") {
  resource_guard guard;
  CHECK(guard(1, memory_in_use(10)) == guard_names_no_limit);
  metrics measured = memory_in_use(20, 2s);
  measured.most_in_progress = 1;
  CHECK(guard(1, measured) == 8);
}

TEST_CASE("a guard checks the processors, the memory of a GPU, and a probe") {
  metrics measured;
  measured.cpu_load = 0.97;
  CHECK(resource_guard()(8, measured) == 7);
  CHECK(resource_guard{.cpu_share = 2}(8, measured) == guard_names_no_limit);
  metrics gpu;
  gpu.gpu_memory_limit_bytes = 100;
  gpu.gpu_memory_used_bytes = 96;
  CHECK(resource_guard()(8, gpu) == 7);
  CHECK(resource_guard{.probe = [] { return 0.95; }}(8, metrics()) == 7);
  CHECK(resource_guard{.probe = [] { return 0.87; }}(8, metrics()) == 8);
  CHECK(resource_guard{.probe = [] { return 0.5; }}(8, metrics()) == guard_names_no_limit);
}

TEST_CASE("the limit of a guard never rises with the memory in use") {
  int before = guard_names_no_limit;
  for (std::uint64_t percent = 0; percent <= 120; ++percent) {
    const int allowed = resource_guard()(40, memory_in_use(percent));
    CHECK(allowed <= before);
    CHECK(allowed >= 1);
    before = allowed;
  }
}
