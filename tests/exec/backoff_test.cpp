#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/backoff.hpp>
#include <cstdint>
#include <set>

namespace coworker::testing {

using namespace std::chrono_literals;

TEST_CASE("each wait lies in the upper half of a bound that doubles up to the longest") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    backoff waits({200ms, 3s}, random_source(seed));
    for (const duration bound : {duration(200ms), duration(400ms), duration(800ms), duration(1600ms),
                                 duration(3s), duration(3s), duration(3s)}) {
      const duration wait = waits.next();
      CHECK(wait >= bound / 2);
      CHECK(wait <= bound);
    }
  }
}

TEST_CASE("workers with different seeds do not retry in step, and one seed always gives the same waits") {
  std::set<duration> firsts;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    firsts.insert(backoff({1s, 30s}, random_source(seed)).next());
    CHECK(backoff({1s, 30s}, random_source(seed)).next() == backoff({1s, 30s}, random_source(seed)).next());
  }
  CHECK(firsts.size() > 95);
}

TEST_CASE("after a success the waits start again at the shortest") {
  backoff waits({100ms, 10s}, random_source(1));
  for (int i = 0; i < 5; ++i) waits.next();
  CHECK(waits.next() > 1s);
  waits.reset();
  CHECK(waits.next() <= 100ms);
}

TEST_CASE(
    "the longest wait is never exceeded, whether it equals the first or is very long, however often "
    "attempts fail") {
  backoff unvaried({50ms, 50ms}, random_source(1));
  backoff endless({1s, duration::max() / 4}, random_source(1));
  for (int i = 0; i < 200; ++i) {
    CHECK(unvaried.next() <= 50ms);
    CHECK(endless.next() > 0s);
  }
}

}  // namespace coworker::testing
