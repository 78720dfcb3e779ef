#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <coworker/exec/random.hpp>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <cstdint>
#include <vector>

#include "support/metrics_script.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::clamped;
using coworker::hill_climb;
using coworker::metrics;
using coworker::testing::metrics_script;

// A worker whose slots are always full, on a machine where jobs take `seconds(limit)` each.
template <class Modifier, class Seconds>
std::vector<int> limits_of_climb(Modifier modifier, int jobs, Seconds seconds, double in_use = 1) {
  metrics_script script;
  std::vector<int> limits{1};
  for (int i = 0; i < jobs; ++i) {
    const int limit = limits.back();
    const int next = modifier(limit, script.jobs(1, seconds(limit), std::max(in_use * limit, 0.01)));
    if (next != limit) limits.push_back(next);
  }
  return limits;
}

double seconds_beyond(int limit, int knee) { return limit <= knee ? 1.0 : 1.0 * limit / knee; }

}  // namespace

TEST_CASE("hill_climb doubles the limit while throughput follows") {
  const std::vector<int> limits = limits_of_climb(hill_climb{}, 300, [](int) { return 1.0; });
  REQUIRE(limits.size() >= 7);
  const std::vector<int> first(limits.begin(), limits.begin() + 7);
  CHECK(first == std::vector<int>{1, 2, 4, 8, 16, 32, 64});
}

TEST_CASE(
    "hill_climb turns back at the first doubling that gains less than epsilon, and stays near the knee") {
  for (const int knee : {1, 2, 3, 5, 8, 12, 16, 40}) {
    CAPTURE(knee);
    const std::vector<int> limits =
        limits_of_climb(hill_climb{}, 20000, [knee](int limit) { return seconds_beyond(limit, knee); });
    CHECK(*std::max_element(limits.begin(), limits.end()) < 4 * knee + 1);
    CHECK(limits.back() <= knee + std::max(1, knee / 4));
    CHECK(limits.back() >= knee - std::max(1, knee / 4));
  }
}

TEST_CASE("hill_climb weighs the gain of a step against epsilon") {
  // Throughput grows with the limit to the power of 0.3.
  const auto seconds = [](int limit) { return std::pow(limit, 0.7); };
  const std::vector<int> worth_it = limits_of_climb(hill_climb{.max = 64, .epsilon = 0.2}, 3000, seconds);
  CHECK(*std::max_element(worth_it.begin(), worth_it.end()) == 64);
  const std::vector<int> not_worth_it =
      limits_of_climb(hill_climb{.max = 64, .epsilon = 0.39}, 3000, seconds);
  CHECK(*std::max_element(not_worth_it.begin(), not_worth_it.end()) <= 2);
}

TEST_CASE("hill_climb does not grow while the queue is the limit, and gives up what is not in use") {
  const auto second = [](int) { return 1.0; };
  CHECK(limits_of_climb(hill_climb{}, 1000, second, 0.5).size() == 1);
  hill_climb modifier;
  metrics_script script;
  int limit = 20;
  for (int i = 0; i < 1000; ++i) limit = modifier(limit, script.jobs(1, 1, 5));
  CHECK(limit == 6);
}

TEST_CASE("hill_climb doubles the limit also if the first jobs came late") {
  hill_climb modifier;
  metrics_script script;
  int limit = modifier(1, script.now);
  for (int i = 0; i < 20; ++i) limit = modifier(limit, script.jobs(1, 1, 0.01));
  CHECK(limit == 1);
  for (int i = 0; i < 100; ++i) limit = modifier(limit, script.jobs(1, 1, limit));
  CHECK(limit >= 16);
}

TEST_CASE("hill_climb lowers the limit if jobs suddenly slow each other down") {
  hill_climb modifier;
  metrics_script script;
  int limit = 1;
  for (int i = 0; i < 2000; ++i) limit = modifier(limit, script.jobs(1, seconds_beyond(limit, 16), limit));
  CHECK(limit >= 14);
  for (int i = 0; i < 300; ++i) limit = modifier(limit, script.jobs(1, seconds_beyond(limit, 4), limit));
  CHECK(limit <= 8);
}

TEST_CASE("hill_climb keeps 99 of 100 jobs within p99_limit") {
  const auto seconds = [](int limit) { return 0.1 * limit; };
  hill_climb modifier{.epsilon = -1, .p99_limit = 2s};  // without p99_limit it would climb forever
  const std::vector<int> limits = limits_of_climb(modifier, 20000, seconds);
  CHECK(limits.back() >= 12);
  CHECK(limits.back() <= 22);
}

TEST_CASE("hill_climb does not go beyond what fits into memory") {
  hill_climb modifier;
  metrics_script script;
  int limit = 1, most = 1;
  script.now.memory_limit_bytes = 1000;
  for (int i = 0; i < 2000; ++i) {
    script.now.memory_used_bytes = 100 + 50 * static_cast<std::uint64_t>(i == 0 ? 0 : limit);
    limit = modifier(limit, script.jobs(1, 1, limit));
    most = std::max(most, limit);
  }
  CHECK(most == 16);  // 900 - 100 bytes are enough for sixteen jobs of 50
}

TEST_CASE("hill_climb waits for a reading of the memory before it grows") {
  hill_climb modifier;
  metrics_script script;
  script.now.memory_limit_bytes = 1000;
  int limit = 1;
  for (int i = 0; i < 100; ++i) {
    script.jobs(1, 1, limit);
    script.now.resources_at = coworker::time_point();
    limit = modifier(limit, script.now);
  }
  CHECK(limit == 1);
}

TEST_CASE("hill_climb continues from a limit that something else has set") {
  const std::vector<int> limits =
      limits_of_climb(clamped{3, 10, hill_climb{}}, 5000, [](int) { return 1.0; });
  CHECK(limits[1] == 3);
  CHECK(*std::max_element(limits.begin(), limits.end()) == 10);
  CHECK(limits.back() >= 8);
}

TEST_CASE("hill_climb starts again when its worker does") {
  hill_climb modifier;
  metrics_script first;
  int limit = 1;
  for (int i = 0; i < 200; ++i) limit = modifier(limit, first.jobs(1, 1, limit));
  CHECK(limit > 8);
  metrics_script second;
  limit = 1;
  for (int i = 0; i < 30; ++i) limit = modifier(limit, second.jobs(1, 1, limit));
  CHECK(limit >= 2);
  CHECK(limit <= 8);
}

TEST_CASE("hill_climb stays between its bounds whatever happens") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    coworker::random_source random(seed);
    hill_climb modifier{.min = 2, .max = 50, .p99_limit = 4s};
    metrics_script script;
    int limit = 1;
    for (int i = 0; i < 5000; ++i) {
      limit = modifier(limit, script.jobs(random.below(4U), 0.01 + 5 * random.fraction() * random.fraction(),
                                          1 + 50 * random.fraction()));
      REQUIRE(limit >= 2);
      REQUIRE(limit <= 50);
    }
  }
}
