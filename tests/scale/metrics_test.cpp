#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/metrics.hpp>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::rate_meter;
using coworker::time_point;

time_point moment(duration since_start) { return time_point(since_start); }

}  // namespace

TEST_CASE("a rate is the number of events in the last second") {
  rate_meter meter;
  CHECK(meter.per_second(moment(0s)) == 0);
  meter.add(moment(5s));
  meter.add(moment(5s + 400ms), 3);
  CHECK(meter.per_second(moment(5s + 500ms)) == 4);
  CHECK(meter.per_second(moment(5s + 999ms)) == 4);
  CHECK(meter.per_second(moment(6s)) == 3);
  CHECK(meter.per_second(moment(6s + 399ms)) == 3);
  CHECK(meter.per_second(moment(6s + 400ms)) == 0);
}

TEST_CASE("after a long pause the rate is zero") {
  rate_meter meter;
  meter.add(moment(1s), 1000);
  CHECK(meter.per_second(moment(1000h)) == 0);
  meter.add(moment(1000h));
  CHECK(meter.per_second(moment(1000h)) == 1);
}

TEST_CASE("a steady stream is measured to within one slice of a tenth") {
  rate_meter meter;
  for (int i = 0; i < 500; ++i) {
    const time_point now = moment(3s + i * 10ms);
    meter.add(now);
    if (i < 100) continue;
    REQUIRE(meter.per_second(now) >= 90);
    REQUIRE(meter.per_second(now) <= 100);
  }
}

TEST_CASE("the meter agrees with counting by hand, slice by slice") {
  rate_meter meter;
  std::vector<std::int64_t> slices;
  std::uint32_t random = 1;
  std::int64_t now_ms = 0;
  for (int i = 0; i < 2000; ++i) {
    random = random * 1664525 + 1013904223;
    now_ms += (random >> 24) % 64 == 0 ? 3000 : (random >> 16) % 150;
    meter.add(moment(now_ms * 1ms));
    slices.push_back(now_ms / 100);
    int expected = 0;
    for (const std::int64_t slice : slices) expected += slice > now_ms / 100 - 10 ? 1 : 0;
    REQUIRE(meter.per_second(moment(now_ms * 1ms)) == expected);
  }
}
