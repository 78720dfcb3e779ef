#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/transport/endpoint/arrival_meter.hpp>
#include <random>
#include <thread>

using namespace std::chrono_literals;
using coworker::time_point;
using coworker::detail::arrival_meter;

TEST_CASE("an arrival_meter counts as a rate_meter does, at any moments") {
  std::mt19937 random(5);
  arrival_meter meter;
  coworker::rate_meter model;
  time_point now{1h};
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::milliseconds(random() % 40);
    if (random() % 500 == 0) now += std::chrono::milliseconds(random() % 5000);
    for (unsigned more = random() % 4; more != 0; --more) {
      meter.add(now);
      model.add(now);
    }
    if (random() % 3 == 0) CHECK(meter.per_second(now) == model.per_second(now));
  }
}

TEST_CASE("an arrival_meter that has counted nothing, or nothing for a second, returns 0") {
  arrival_meter meter;
  CHECK(meter.per_second(time_point{}) == 0);
  CHECK(meter.per_second(time_point{3h}) == 0);
  meter.add(time_point{3h});
  CHECK(meter.per_second(time_point{3h} + 900ms) == 1);
  CHECK(meter.per_second(time_point{3h} + 1s) == 0);
}

TEST_CASE("what another thread has counted in a slice that the reader's time has not reached is not lost") {
  arrival_meter meter;
  meter.add(time_point{3h} + 100ms);
  CHECK(meter.per_second(time_point{3h} + 99ms) == 1);
}

TEST_CASE("an arrival_meter is read while another thread counts") {
  arrival_meter meter;
  std::atomic<bool> ends{false};
  bool fell = false;
  std::thread reader([&] {
    double last = 0;
    while (!ends) {
      const double now = meter.per_second(time_point{1h});
      fell = fell || now < last;
      last = now;
    }
  });
  for (int i = 0; i < 50'000; ++i) meter.add(time_point{1h});
  ends = true;
  reader.join();
  CHECK_FALSE(fell);
  CHECK(meter.per_second(time_point{1h}) == 50'000);
}
