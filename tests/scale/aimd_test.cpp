#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/random.hpp>
#include <coworker/scale/aimd.hpp>

#include "support/metrics_script.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::aimd;
using coworker::testing::metrics_script;

}  // namespace

TEST_CASE("aimd adds one after a window of jobs that went well") {
  aimd modifier;
  metrics_script script;
  CHECK(modifier(5, script.jobs(9, 1, 5)) == 5);
  CHECK(modifier(5, script.jobs(1, 1, 5)) == 6);
  CHECK(modifier(6, script.jobs(9, 1, 6)) == 6);
}

TEST_CASE("aimd lowers the limit by a tenth if a job failed or jobs take too long") {
  aimd modifier{.too_slow = 2s};
  metrics_script script;
  CHECK(modifier(50, script.jobs(10, 1, 50, 1)) == 45);
  CHECK(modifier(45, script.jobs(10, 3, 45)) == 40);
  CHECK(modifier(40, script.jobs(10, 2, 40)) == 41);
}

TEST_CASE("aimd does not grow while less than half of the limit is in use") {
  aimd modifier;
  metrics_script script;
  CHECK(modifier(10, script.jobs(20, 1, 4.9)) == 10);
  CHECK(modifier(10, script.jobs(20, 1, 5.1)) == 11);
}

TEST_CASE("aimd stays between its bounds whatever happens") {
  coworker::random_source random(3);
  aimd modifier{.min = 2, .max = 7};
  metrics_script script;
  int limit = 1;
  for (int i = 0; i < 2000; ++i) {
    const auto count = random.below(15U);
    limit = modifier(limit, script.jobs(count, 0.1 + 8 * random.fraction(), 1 + 9 * random.fraction(),
                                        count > 0 ? random.below(2U) : 0));
    REQUIRE(limit >= 2);
    REQUIRE(limit <= 7);
  }
  CHECK(modifier(limit, coworker::metrics()) >= 2);  // another run of the worker
}
