#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/job_watch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::task;
using coworker::worker;
using coworker::testing::result_note;
using coworker::testing::simulation;

task<std::string> watched_sleep(job<> work) {
  co_await coworker::sleep_for(std::chrono::milliseconds(work.input.value("ms", 1000)));
  co_return "slept";
}

// Goes on for a while after it was asked to stop.
task<std::string> watched_deaf(job<> work) {
  const auto until = (co_await coworker::this_coro::executor()).now() + 60s;
  try {
    co_await coworker::sleep_for(1h);
  } catch (const coworker::cancelled&) {
  }
  coworker::auto_reset_event never;
  co_await never.wait_until(until);
  co_return work.id + " had its way";
}

std::string error_of(const simulation& world, std::string_view id) {
  return world.queue.result_of(id).body.value("error", "");
}

json watched_ms(int count) { return {{"ms", count}}; }

json policy(json limit) { return {{"policy", {{"executionTimeout", limit}}}}; }

}  // namespace

TEST_CASE("a job that runs longer than job_timeout is stopped then, and fails with an error that says so") {
  simulation world;
  world.options.job_timeout = 2s;
  world.queue.add(0s, "long", watched_ms(60'000));
  world.queue.add(0s, "short", watched_ms(1'900));
  worker sleeper(watched_sleep, fixed_concurrency{2}, world.options);
  const auto summary = world.serve(sleeper);
  CHECK(summary.failed == 1);
  CHECK(summary.stopped == 0);
  CHECK(world.queue.result_of("long").at == 2s);
  CHECK(error_of(world, "long") == "timed out: it ran longer than the 2 s that it may");
  CHECK(world.queue.result_of("short").ended == outcome::status::succeeded);
  CHECK(world.output.count("long | It has run for 2 s, which is all that it may: stop requested.") == 1);
}

TEST_CASE("a job's own policy says how long it may run, and comes before job_timeout") {
  simulation world;
  world.options.job_timeout = 2s;
  world.queue.add(0s, "less", watched_ms(60'000), policy(250));
  world.queue.add(0s, "more", watched_ms(60'000), policy(5'000));
  for (const char* const nonsense : {"0", "-1", "true", "\"9\"", "{}", "null"})
    world.queue.add(0s, nonsense, watched_ms(60'000), policy(json::parse(nonsense)));
  world.queue.add(0s, "huge", watched_ms(60'000), policy(1e300));
  worker sleeper(watched_sleep, fixed_concurrency{10}, world.options);
  world.serve(sleeper);
  CHECK(world.queue.result_of("less").at == 250ms);
  CHECK(error_of(world, "less") == "timed out: it ran longer than the 0.25 s that it may");
  CHECK(world.queue.result_of("more").at == 5s);
  for (const char* const nonsense : {"0", "-1", "true", "\"9\"", "{}", "null"})
    CHECK(world.queue.result_of(nonsense).at == 2s);
  CHECK(world.queue.result_of("huge").ended == outcome::status::succeeded);
}

TEST_CASE("the time of a job counts from its start, not while it waits for a slot") {
  simulation world;
  world.options.job_timeout = 2s;
  world.options.prefetch = true;
  for (const char* const id : {"a", "b", "c"}) world.queue.add(0s, id, watched_ms(1'500));
  worker sleeper(watched_sleep, fixed_concurrency{1}, world.options);
  CHECK(world.serve(sleeper).failed == 0);
}

TEST_CASE("thousands of jobs with deadlines of their own are each stopped at theirs, to the millisecond") {
  simulation world;
  for (int i = 0; i < 2'000; ++i) {
    world.queue.add(0s, std::to_string(i), watched_ms(60'000), policy(100.0 + i * 0.25));
  }
  worker sleeper(watched_sleep, fixed_concurrency{2'000}, world.options);
  CHECK(world.serve(sleeper).failed == 2'000);
  for (const result_note& result : world.queue.results) {
    const auto due = 100ms + std::stoi(result.id) * 250us;
    CHECK(result.at >= due);
    CHECK(result.at <= due + 1ms);
  }
}

TEST_CASE("a job that goes on after its stop is named once, keeps its slot, and has the last word") {
  simulation world;
  world.options.job_timeout = 2s;
  world.options.stop_patience = 3s;
  world.queue.add(0s, "deaf");
  world.queue.add(0s, "next");
  worker stubborn(watched_deaf, fixed_concurrency{1}, world.options);
  const auto summary = world.serve(stubborn);
  CHECK(summary.highest_in_progress == 1);
  CHECK(world.output.count("deaf | It was asked to stop 3 s ago and still runs; it keeps its slot") == 1);
  CHECK(world.queue.result_of("deaf").at == 60s);
  CHECK(world.queue.result_of("deaf").body == json{{"output", "deaf had its way"}});
  CHECK(world.queue.result_of("next").at == 120s);
}

TEST_CASE("why a job was stopped is in its outcome, decided by whoever asked first") {
  simulation world;
  world.options.grace_period = 5s;
  world.queue.ends = false;
  world.queue.add(0s, "leaving", watched_ms(60'000));
  world.queue.add(0s, "overdue", watched_ms(60'000), policy(1'000));
  worker sleeper(watched_sleep, fixed_concurrency{3}, world.options);
  const auto summary = world.serve_and_stop(sleeper, 10s);
  CHECK(summary.stopped == 1);
  CHECK(summary.failed == 1);
  CHECK(error_of(world, "leaving") == "stopped: the worker leaves, and its grace period is over");
  CHECK(error_of(world, "overdue") == "timed out: it ran longer than the 1 s that it may");
}

TEST_CASE("a stop that comes in the very moment in which its job is started is not lost") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    simulation world(seed);
    world.queue.add(0s, "a", watched_ms(60'000));
    worker sleeper(watched_sleep, fixed_concurrency{1}, world.options);
    const auto stop_once_taken = [&world, &sleeper]() -> task<void> {
      while (world.queue.takes.empty() || world.queue.takes[0].jobs == 0)
        co_await coworker::resume_on(world.loop);
      sleeper.stop_job("a");
    };
    const auto both = [&]() -> task<void> {
      coworker::scope beside(co_await coworker::this_coro::context());
      beside.spawn(stop_once_taken());
      co_await sleeper.serve(world.queue);
      co_await beside.join();
    };
    coworker::sync_wait(world.loop, both());
    CHECK(world.queue.result_of("a").ended == outcome::status::stopped);
  }
}
