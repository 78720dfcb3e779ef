#include <doctest/doctest.h>
#include <coworker/exec/random.hpp>
#include <coworker/scale/vegas.hpp>

#include "support/metrics_script.hpp"

namespace {

using coworker::vegas;
using coworker::testing::metrics_script;

// Returns a modifier that has seen jobs of one second in an unloaded machine.
vegas vegas_that_knows_a_second(metrics_script& script, int limit) {
  vegas modifier;
  modifier(limit, script.jobs(10, 1, limit));
  return modifier;
}

}  // namespace

TEST_CASE("vegas adds six while jobs take no longer than in an unloaded machine") {
  metrics_script script;
  vegas modifier;
  CHECK(modifier(10, script.jobs(9, 1, 10)) == 10);
  CHECK(modifier(10, script.jobs(1, 1, 10)) == 16);
}

TEST_CASE("vegas goes up, holds, or goes down, depending on how many jobs wait") {
  metrics_script script;
  const vegas knows = vegas_that_knows_a_second(script, 10);
  const auto next = [&](double seconds) {
    vegas modifier = knows;
    metrics_script then = script;
    return modifier(10, then.jobs(10, seconds, 10));
  };
  CHECK(next(1.1) == 16);  // ceil(10 (1 - 1/1.1)) = 1 waits
  CHECK(next(1.2) == 11);  // 2
  CHECK(next(1.4) == 10);  // 3
  CHECK(next(2.4) == 10);  // 6
  CHECK(next(3.0) == 9);   // 7
}

TEST_CASE("vegas steps by the logarithm of the limit") {
  metrics_script script;
  const vegas knows = vegas_that_knows_a_second(script, 100);
  vegas modifier = knows;
  metrics_script then = script;
  CHECK(modifier(100, then.jobs(10, 1.02, 100)) == 112);  // 2 wait: up by 6 times 2
  modifier = knows;
  then = script;
  CHECK(modifier(100, then.jobs(10, 2, 100)) == 98);
  modifier = knows;
  then = script;
  CHECK(modifier(100, then.jobs(10, 1, 100, 1)) == 98);  // a job failed
}

TEST_CASE("vegas holds while less than half of the limit is in use") {
  metrics_script script;
  vegas modifier;
  CHECK(modifier(10, script.jobs(10, 1, 4)) == 10);
}

TEST_CASE("vegas measures the unloaded time again after thirty jobs per slot") {
  metrics_script script;
  vegas modifier = vegas_that_knows_a_second(script, 1);
  for (int i = 0; i < 3; ++i) CHECK(modifier(1, script.jobs(10, 3, 1)) == 7);
  CHECK(modifier.unloaded_seconds == doctest::Approx(1));
  modifier(1, script.jobs(10, 3, 1));
  CHECK(modifier.unloaded_seconds == doctest::Approx(3));
}

TEST_CASE("vegas stays between its bounds whatever happens") {
  coworker::random_source random(5);
  vegas modifier{.min = 2, .max = 30};
  metrics_script script;
  int limit = 1;
  for (int i = 0; i < 2000; ++i) {
    limit = modifier(limit,
                     script.jobs(random.below(30U), 0.1 + 8 * random.fraction(), 1 + 40 * random.fraction()));
    REQUIRE(limit >= 2);
    REQUIRE(limit <= 30);
  }
}
