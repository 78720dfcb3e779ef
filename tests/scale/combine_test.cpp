#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/combine.hpp>
#include <coworker/scale/hill_climb.hpp>
#include <coworker/scale/resource_guard.hpp>
#include <cstdint>
#include <limits>

#include "support/captured_log.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::clamped;
using coworker::concurrency_modifier;
using coworker::every;
using coworker::fixed_concurrency;
using coworker::follow_demand;
using coworker::hill_climb;
using coworker::logged;
using coworker::metrics;
using coworker::resource_guard;
using coworker::smallest_of;

static_assert(concurrency_modifier<clamped<hill_climb>>);
static_assert(concurrency_modifier<logged<every<smallest_of<clamped<hill_climb>, resource_guard>>>>);
static_assert(concurrency_modifier<smallest_of<std::uint64_t (*)(int)>>);

struct plus_one {
  int operator()(int current) const { return current + 1; }
};

metrics combine_moment(coworker::duration since_start) {
  metrics measured;
  measured.now = coworker::time_point(since_start);
  return measured;
}

}  // namespace

TEST_CASE("clamped keeps a modifier's result between two bounds") {
  clamped modifier{2, 4, [](int current) { return current; }};
  CHECK(modifier(1, metrics()) == 2);
  CHECK(modifier(3, metrics()) == 3);
  CHECK(modifier(9, metrics()) == 4);
  clamped<fixed_concurrency> unbounded;
  CHECK(unbounded(5, metrics()) == 1);
  clamped wide{1, 8, [](int) { return std::numeric_limits<std::uint64_t>::max(); }};
  CHECK(wide(1, metrics()) == 8);
  clamped negative{1, 8, [](int) { return std::numeric_limits<std::int64_t>::min(); }};
  CHECK(negative(1, metrics()) == 1);
}

TEST_CASE("smallest_of calls all modifiers and returns the smallest result") {
  int asked = 0;
  const auto five = [&asked](int) { return ++asked, 5; };
  const auto three = [&asked](int, const metrics&) { return ++asked, 3; };
  smallest_of both(five, three);
  CHECK(both(1, metrics()) == 3);
  smallest_of turned(three, five, five);
  CHECK(turned(1, metrics()) == 3);
  CHECK(asked == 5);
  smallest_of<fixed_concurrency, follow_demand> made_without_arguments;
  CHECK(made_without_arguments(1, metrics()) == 1);
}

TEST_CASE("every calls a modifier once per interval, and keeps the limit in between") {
  every modifier(10s, plus_one());
  CHECK(modifier(3, combine_moment(0s)) == 4);
  CHECK(modifier(4, combine_moment(9999ms)) == 4);
  CHECK(modifier(4, combine_moment(10s)) == 5);
  CHECK(modifier(5, combine_moment(15s)) == 5);
  CHECK(modifier(5, combine_moment(1s)) == 6);  // another run, with a clock of its own
}

TEST_CASE("logged writes a line for each change, and none where nothing changes") {
  coworker::testing::captured_log output;
  logged modifier(output.log, clamped{1, 3, plus_one()});
  metrics measured;
  measured.in_progress = 1;
  measured.jobs_succeeded = 12;
  measured.handler.p99_seconds = 0.25;
  CHECK(modifier(1, measured) == 2);
  CHECK(modifier(3, measured) == 3);
  REQUIRE(output.lines().size() == 1);
  CHECK(output.lines()[0] ==
        "INFO   | Concurrency limit 1 -> 2: 1 in progress, 12 ended, 99 % within 250 ms.");
  logged<plus_one> silent;
  CHECK(silent(1, measured) == 2);
}

TEST_CASE("an exception of an inner modifier passes through the outer ones") {
  clamped<smallest_of<int (*)(int)>> modifier{1, 8, smallest_of<int (*)(int)>([](int) -> int { throw 42; })};
  CHECK_THROWS_AS(modifier(1, metrics()), int);
  CHECK(coworker::decide_limit(modifier, metrics()).limit == 1);
}
