#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/clock.hpp>

using namespace std::chrono_literals;

TEST_CASE("detail::after() stays within the range of the clock") {
  using coworker::duration;
  using coworker::time_point;
  using coworker::detail::after;
  const time_point start(10s);
  CHECK(after(start, 5s) == time_point(15s));
  CHECK(after(start, -15s) == time_point(-5s));
  CHECK(after(start, 0s) == start);
  CHECK(after(start, duration::max()) == time_point::max());
  CHECK(after(time_point::max(), 1ns) == time_point::max());
  CHECK(after(time_point(0s), duration::max()) == time_point::max());
  CHECK(after(time_point(-5s), duration::max()) == time_point(duration::max() - 5s));
}
