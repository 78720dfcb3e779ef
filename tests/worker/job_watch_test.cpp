#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/job_watch.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "support/captured_log.hpp"
#include "support/counted_memory.hpp"
#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
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

std::size_t look(coworker::detail::job_watch& watch, coworker::time_point now) {
  return watch.look(now, [](coworker::job_record&) {});
}

coworker::job_envelope limited(std::string id, std::int64_t milliseconds) {
  coworker::job_envelope made;
  made.id = std::move(id);
  made.time_limit = std::chrono::milliseconds(milliseconds);
  return made;
}

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
  CHECK(error_of(world, "long") == "timed out: it ran longer than its limit of 2 s");
  CHECK(world.queue.result_of("short").status == outcome_status::succeeded);
  CHECK(world.output.count("long | It has run for 2 s, its time limit: stop requested.") == 1);
}

TEST_CASE("a job may have a time limit of its own; the smaller of that and job_timeout counts") {
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
  CHECK(error_of(world, "less") == "timed out: it ran longer than its limit of 0.25 s");
  CHECK(world.queue.result_of("more").at == 2s);
  for (const char* const nonsense : {"0", "-1", "true", "\"9\"", "{}", "null"})
    CHECK(world.queue.result_of(nonsense).at == 2s);
  CHECK(world.queue.result_of("huge").at == 2s);
}

TEST_CASE("the time of a job counts from its start, not while it waits for a slot") {
  simulation world;
  world.options.job_timeout = 2s;
  world.options.prefetch = true;
  for (const char* const id : {"a", "b", "c"}) world.queue.add(0s, id, watched_ms(1'500));
  worker sleeper(watched_sleep, fixed_concurrency{1}, world.options);
  CHECK(world.serve(sleeper).failed == 0);
}

TEST_CASE("thousands of jobs with deadlines of their own are each stopped at their own, to the millisecond") {
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

TEST_CASE(
    "a handler that goes on after its stop is given up: its job gets a result, and its slot stays in use") {
  simulation world;
  world.options.job_timeout = 2s;
  world.options.stop_patience = 3s;
  world.queue.add(0s, "deaf");
  world.queue.add(0s, "next");
  worker stubborn(watched_deaf, fixed_concurrency{1}, world.options);
  const auto summary = world.serve(stubborn);
  CHECK(summary.highest_in_progress == 1);
  CHECK(summary.failed == 2);
  CHECK(world.output.count("deaf | It was asked to stop and still runs: it is given up.") == 1);
  CHECK(world.output.count("deaf | Its handler has returned, after it was given up") == 1);
  CHECK(world.queue.results.size() == 2);
  CHECK(world.queue.result_of("deaf").at == 5s);
  CHECK(error_of(world, "deaf") == "timed out: it ran longer than its limit of 2 s");
  CHECK(world.queue.result_of("next").at == 65s);
  CHECK(summary.elapsed == 120s);
}

TEST_CASE("a handler that is given up while the worker leaves has at most a second") {
  simulation world;
  world.options.grace_period = 5s;
  world.options.stop_patience = 1min;
  world.queue.ends = false;
  world.queue.add(0s, "deaf");
  worker stubborn(watched_deaf, fixed_concurrency{1}, world.options);
  const auto summary = world.serve_and_stop(stubborn, 10s);
  CHECK(world.queue.result_of("deaf").at == 16s);
  CHECK(error_of(world, "deaf") == "stopped: the worker leaves, and its grace period is over");
  CHECK(summary.stopped == 1);
  CHECK(summary.elapsed == 60s);  // it waits for the handler
}

TEST_CASE("what a handler still sends after it was given up is ignored") {
  simulation world;
  world.options.job_timeout = 1s;
  world.options.stop_patience = 1s;
  world.queue.add(0s, "a");
  const auto goes_on = [](job<> work) -> coworker::async_generator<int> {
    coworker::auto_reset_event never_set;
    const coworker::executor_ref here = co_await coworker::this_coro::executor();
    for (int i = 0; i < 4; ++i) {
      co_await never_set.wait_until(here.now() + 600ms);
      work.progress(i);
      co_yield i;
    }
    throw std::runtime_error("nobody hears this");
  };
  worker stubborn(goes_on, fixed_concurrency{1}, world.options);
  world.serve(stubborn);
  CHECK(world.queue.results.size() == 1);
  CHECK(world.queue.result_of("a").at == 2s);
  CHECK(world.queue.chunks.size() <= 3);
  for (const auto& moment : world.queue.chunk_moments) CHECK(moment < 2s);
  for (const auto& report : world.queue.reports) CHECK(report.at <= 2s);
  CHECK(world.output.count("nobody hears this") == 0);
}

TEST_CASE("a job's outcome says why it was stopped; the first reason counts") {
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
  CHECK(error_of(world, "overdue") == "timed out: it ran longer than its limit of 1 s");
}

TEST_CASE("a stop at the time at which its job is started is not lost") {
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
    CHECK(world.queue.result_of("a").status == outcome_status::stopped);
  }
}

TEST_CASE("a job costs the loop the same few turns, however many others are stopped or have deadlines") {
  const auto turns_a_job = [](int count, bool stopped_by_id) {
    simulation world;
    for (int i = 0; i < count; ++i) {
      const json details = stopped_by_id ? json::object() : policy(100.0 + i % 1'000);
      world.queue.add(0s, std::to_string(i), watched_ms(3'600'000), details);
    }
    worker sleeper(watched_sleep, fixed_concurrency{count}, world.options);
    const auto stop_all = [&]() -> task<void> {
      co_await coworker::sleep_for(50ms);
      for (int i = 0; stopped_by_id && i < 2 * count; ++i)
        sleeper.stop_job(std::to_string(2 * count - 1 - i));
    };
    const auto both = [&]() -> task<void> {
      coworker::scope beside(co_await coworker::this_coro::context());
      beside.spawn(stop_all());
      co_await sleeper.serve(world.queue);
      co_await beside.join();
    };
    coworker::sync_wait(world.loop, both());
    CHECK(world.queue.results.size() == static_cast<std::size_t>(count));
    CHECK(world.loop.elapsed() < 2s);
    return static_cast<double>(world.loop.steps()) / count;
  };
  CHECK(turns_a_job(4'000, true) < 1.05 * turns_a_job(1'000, true));
  CHECK(turns_a_job(4'000, false) < 1.05 * turns_a_job(1'000, false));
}

TEST_CASE("a look visits only the jobs that are due, however many run") {
  for (const std::size_t count : {1'000u, 20'000u}) {
    coworker::testing::captured_log output(coworker::log_level::error);
    const coworker::worker_options options;
    coworker::detail::job_watch watch(options, output.log);
    std::deque<coworker::job_record> records;
    for (std::size_t i = 0; i < count; ++i) {
      const auto milliseconds = static_cast<std::int64_t>(1 + i % 1'000);
      records.emplace_back(limited(std::to_string(i), milliseconds));
      watch.add(records.back(), coworker::time_point());
    }
    std::size_t looked_at = 0;
    std::size_t late = 0;
    for (int moment = 0; moment <= 1'000; ++moment) {
      const coworker::time_point now{std::chrono::milliseconds(moment)};
      if (watch.next_look() > now) continue;
      looked_at += look(watch, now);
      for (std::size_t i = 0; i < count; i += 97) {
        const bool due = static_cast<int>(1 + i % 1'000) <= moment;
        if (records[i].stop.stop_requested() != due) ++late;
      }
    }
    CHECK(late == 0);
    CHECK(looked_at == count);
    for (coworker::job_record& record : records) watch.remove(record);
    CHECK(look(watch, coworker::time_point(1h)) == 0);
    CHECK(watch.next_look() == coworker::time_point::max());
  }
}

TEST_CASE("a job without a deadline costs no memory, and one that ends early leaves no alarm behind") {
  coworker::testing::captured_log output(coworker::log_level::error);
  coworker::worker_options options;
  coworker::detail::job_watch watch(options, output.log);
  coworker::job_record plain({"plain", {}});
  coworker::job_record hasty(limited("hasty", 5));
  coworker::job_record slow(limited("slow", 50));
  const coworker::testing::counted_memory counted;
  watch.add(plain, coworker::time_point());
  CHECK(counted.allocations() == 0);
  CHECK(watch.next_look() == coworker::time_point::max());
  watch.add(hasty, coworker::time_point());
  watch.add(slow, coworker::time_point());
  CHECK(watch.next_look() == coworker::time_point(5ms));
  watch.remove(hasty);
  CHECK(look(watch, coworker::time_point(5ms)) == 0);
  CHECK(watch.next_look() == coworker::time_point(50ms));
  CHECK(look(watch, coworker::time_point(50ms)) == 1);
  CHECK(slow.stop.stop_requested());
  CHECK_FALSE(plain.stop.stop_requested());
}

TEST_CASE("a stopped job has a short time to end before it is given up, also with a patience of 0") {
  coworker::testing::captured_log output;
  coworker::worker_options options;
  options.stop_patience = coworker::duration::zero();
  coworker::detail::job_watch watch(options, output.log);
  coworker::job_record record(limited("a", 5));
  watch.add(record, coworker::time_point());
  int given_up = 0;
  const auto give_up = [&given_up](coworker::job_record&) { ++given_up; };
  CHECK(watch.look(coworker::time_point(5ms), give_up) == 1);
  CHECK(given_up == 0);
  CHECK(watch.look(coworker::time_point(6ms), give_up) == 1);
  CHECK(given_up == 1);
  CHECK(watch.next_look() == coworker::time_point::max());
}

TEST_CASE("jobs are stopped also without memory, on request and when their time is over") {
  if (!coworker::testing::memory_is_counted()) return;
  coworker::testing::captured_log output;
  const coworker::worker_options options;
  coworker::detail::job_watch watch(options, output.log);
  coworker::job_record refused(limited("refused", 5));
  coworker::job_record asked({"asked", {}});
  coworker::job_record overdue(limited("overdue", 5));
  outcome ended = outcome::stop("stopped: a stop was requested");
  watch.add(asked, coworker::time_point());
  bool thrown = false;
  {
    const coworker::testing::scarce_memory none(0);
    try {
      watch.add(refused, coworker::time_point());
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    watch.stop(asked, std::move(ended), coworker::time_point());
  }
  CHECK(thrown);
  CHECK(watch.find("refused") == nullptr);
  CHECK(asked.stop.stop_requested());
  watch.add(overdue, coworker::time_point());
  std::size_t looked_at = 0;
  {
    const coworker::testing::scarce_memory none(0);
    looked_at = look(watch, coworker::time_point(5ms));
  }
  CHECK(looked_at == 0);
  CHECK_FALSE(overdue.stop.stop_requested());
  CHECK(watch.next_look() == coworker::time_point(6ms));
  CHECK(look(watch, coworker::time_point(6ms)) == 2);  // the other is given up
  CHECK(overdue.stop.stop_requested());
}
