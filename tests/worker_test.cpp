#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::metrics;
using coworker::outcome;
using coworker::simulated_loop;
using coworker::task;
using coworker::worker;
using coworker::worker_options;
using coworker::worker_summary;
using coworker::testing::simulation;
using coworker::testing::take_note;

task<json> sleep_for_ms(job<> work) {
  co_await coworker::sleep_for(std::chrono::milliseconds(work.input.value("ms", 1000)));
  co_return "slept";
}

json ms(int count) { return json{{"ms", count}}; }

// Adds jobs a0, a1, ... that all arrive at that time.
void add_jobs(simulation& world, duration at, int count, int length_ms) {
  for (int i = 0; i < count; ++i) world.queue.add(at, "a" + std::to_string(i), ms(length_ms));
}

// Returns a limit for each span of virtual time, and records when it was asked.
class timetable {
 public:
  using entry = std::pair<duration, int>;

  timetable(simulated_loop& loop, std::vector<entry> limits) : loop_(&loop), limits_(std::move(limits)) {}

  int operator()(int current) {
    if (asked_ != nullptr) asked_->push_back(loop_->elapsed());
    for (const auto& [from, limit] : limits_) {
      if (loop_->elapsed() >= from) current = limit;
    }
    return current;
  }

  void note_in(std::vector<duration>& asked) { asked_ = &asked; }

 private:
  simulated_loop* loop_;
  std::vector<entry> limits_;
  std::vector<duration>* asked_ = nullptr;
};

}  // namespace

// --- capacity
// --------------------------------------------------------------------------------------------------

TEST_CASE("jobs run side by side up to the limit and never above it") {
  simulation world;
  add_jobs(world, 0s, 10, 100);
  int running = 0, most = 0;
  const auto handle = [&](job<> work) -> task<json> {
    most = std::max(most, ++running);
    json answer = co_await sleep_for_ms(std::move(work));
    --running;
    co_return answer;
  };
  worker w(handle, fixed_concurrency{4}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(most == 4);
  CHECK(done.highest_in_progress == 4);
  CHECK(done.elapsed == 300ms);
  CHECK(done.jobs == 10);
  CHECK(done.failed == 0);
  CHECK(done.undelivered == 0);
  CHECK(world.queue.results.size() == 10);
}

TEST_CASE("a take asks for as many jobs as there are free slots, and says how many are in progress") {
  simulation world;
  world.queue.ends = false;
  world.queue.add(0s, "a", ms(3000));
  world.queue.add(0s, "b", ms(3000));
  worker w(sleep_for_ms, fixed_concurrency{5}, world.options);
  world.serve_and_stop(w, 1s);
  REQUIRE(world.queue.takes.size() == 2);
  CHECK(world.queue.takes[0].capacity == 5);
  CHECK(world.queue.takes[0].in_progress == 0);
  CHECK(world.queue.takes[1].capacity == 3);
  CHECK(world.queue.takes[1].in_progress == 2);
}

TEST_CASE("the next take is sent the moment a slot is free") {
  simulation world;
  world.queue.add(0s, "a", ms(100));
  world.queue.add(0s, "b", ms(250));
  world.queue.add(0s, "c", ms(100));
  world.queue.add(0s, "d", ms(100));
  worker w(sleep_for_ms, fixed_concurrency{2}, world.options);
  CHECK(world.serve(w).elapsed == 300ms);
  REQUIRE(world.queue.takes.size() == 3);
  CHECK(world.queue.takes[1].sent == 100ms);
  CHECK(world.queue.takes[1].capacity == 1);
  CHECK(world.queue.takes[2].sent == 200ms);
}

TEST_CASE("a slot is free once the queue has the outcome, and not before") {
  simulation world;
  world.queue.delivery_time = 40ms;
  world.queue.add(0s, "a", ms(100));
  world.queue.add(0s, "b", ms(100));
  worker w(sleep_for_ms, fixed_concurrency{1}, world.options);
  CHECK(world.serve(w).elapsed == 280ms);
  CHECK(world.queue.takes[1].sent == 140ms);
}

TEST_CASE("with overlapping delivery a slot is free when the handler has ended") {
  simulation world;
  world.options.overlap_delivery = true;
  world.queue.delivery_time = 40ms;
  world.queue.add(0s, "a", ms(100));
  world.queue.add(0s, "b", ms(100));
  worker w(sleep_for_ms, fixed_concurrency{1}, world.options);
  CHECK(world.serve(w).elapsed == 240ms);
  CHECK(world.queue.takes[1].sent == 100ms);
}

TEST_CASE("while an idle long poll waits, free slots send one more take, and no third") {
  simulation world;
  world.queue.ends = false;
  world.queue.add(0s, "a", ms(100));
  world.queue.add(0s, "b", ms(200));
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  world.serve_and_stop(w, 10s);
  REQUIRE(world.queue.takes.size() == 3);
  CHECK(world.queue.takes[1].sent == 0s);
  CHECK(world.queue.takes[1].capacity == 1);
  CHECK(world.queue.takes[2].sent == 100ms);
  CHECK(world.queue.takes[2].capacity == 1);
  CHECK(world.queue.most_takes_at_once == 2);
}

TEST_CASE("the engine states how many takes may run at once") {
  simulation world;
  world.queue.stated.takes = 1;
  world.queue.ends = false;
  world.queue.add(0s, "a", ms(100));
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  world.serve_and_stop(w, 10s);
  CHECK(world.queue.takes.size() == 2);
  CHECK(world.queue.most_takes_at_once == 1);
}

TEST_CASE("an idle worker waits in one long poll, and sends the next when it has returned nothing") {
  simulation world;
  world.queue.ends = false;
  world.queue.hold = 25s;
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  world.serve_and_stop(w, 60s);
  REQUIRE(world.queue.takes.size() == 3);
  CHECK(world.queue.takes[1].sent == 25s);
  CHECK(world.queue.takes[2].sent == 50s);
  CHECK(world.queue.takes[2].capacity == 3);
}

TEST_CASE("an idle worker wakes up for its poll only") {
  simulation world;
  world.queue.ends = false;
  world.queue.hold = 24h;
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  world.serve_and_stop(w, 23h);
  CHECK(world.loop.steps() < 30);
}

TEST_CASE("jobs that a queue hands over beyond the capacity wait for a slot, in order") {
  simulation world;
  struct generous_queue {
    coworker::testing::simulated_queue& inner;
    task<coworker::take_result> take(coworker::take_request request) {
      request.capacity += 3;
      return inner.take(request);
    }
    task<coworker::delivery> complete(coworker::job_result result) {
      return inner.complete(std::move(result));
    }
  };
  generous_queue queue{world.queue};
  add_jobs(world, 0s, 4, 100);
  worker w(sleep_for_ms, fixed_concurrency{1}, world.options);
  const worker_summary done = coworker::sync_wait(world.loop, w.serve(queue));
  CHECK(done.jobs == 4);
  CHECK(done.highest_in_progress == 1);
  CHECK(done.elapsed == 400ms);
  for (std::size_t i = 0; i < 4; ++i) CHECK(world.queue.results.at(i).id == "a" + std::to_string(i));
}

TEST_CASE("with prefetch a worker has one extra job per slot, which then starts without a take") {
  simulation world;
  world.options.prefetch = true;
  add_jobs(world, 0s, 4, 100);
  worker w(sleep_for_ms, fixed_concurrency{2}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.highest_in_progress == 2);
  CHECK(done.elapsed == 200ms);
  CHECK(world.queue.takes.at(0).capacity == 4);
  CHECK(world.queue.takes.size() == 1);
}

TEST_CASE("a queue that is closed without a job ends the worker") {
  simulation world;
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.jobs == 0);
  CHECK(done.elapsed == 0s);
}

TEST_CASE("a worker can serve again, and counts from 0") {
  simulation world;
  add_jobs(world, 0s, 3, 100);
  worker w(sleep_for_ms, fixed_concurrency{3}, world.options);
  CHECK(world.serve(w).jobs == 3);
  world.queue.add(0s, "again", ms(50));
  const worker_summary second = world.serve(w);
  CHECK(second.jobs == 1);
  CHECK(second.highest_in_progress == 1);
  CHECK(second.elapsed == 50ms);
}

TEST_CASE("options out of range are refused, and the message names them") {
  const auto refusal = [](auto change) -> std::string {
    worker_options wrong;
    change(wrong);
    try {
      const worker w(sleep_for_ms, fixed_concurrency{1}, wrong);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK(refusal([](worker_options& wrong) { wrong.modifier_interval = 0s; }) ==
        "options::modifier_interval must be above 0, such as 1 s");
  CHECK(refusal([](worker_options& wrong) { wrong.grace_period = -1s; }) ==
        "options::grace_period is negative; it must be 0 or more");
  CHECK(refusal([](worker_options& wrong) { wrong.output_limit = 999; }) ==
        "options::output_limit is below 1000 bytes, which an error must fit into; 0 means the queue's own "
        "limit");
}

// --- the limit changes
// --------------------------------------------------------------------------------------

TEST_CASE("a modifier is asked before each take, and at the interval while all slots are full") {
  simulation world;
  world.queue.add(0s, "a", ms(3500));
  world.queue.add(0s, "b", ms(500));
  std::vector<duration> asked;
  timetable modifier(world.loop, {});
  modifier.note_in(asked);
  worker w(sleep_for_ms, modifier, world.options);
  world.serve(w);
  CHECK(asked == std::vector<duration>{0s, 1s, 2s, 3s, 3500ms});
}

TEST_CASE("how often a modifier is asked is an option, and may be never") {
  for (const duration interval : {duration(500ms), duration::max()}) {
    simulation world;
    world.options.modifier_interval = interval;
    world.queue.add(0s, "a", ms(1200));
    world.queue.add(0s, "b", ms(100));
    std::vector<duration> asked;
    timetable modifier(world.loop, {});
    modifier.note_in(asked);
    worker w(sleep_for_ms, modifier, world.options);
    world.serve(w);
    const std::vector<duration> often{0s, 500ms, 1s, 1200ms}, rarely{0s, 1200ms};
    CHECK(asked == (interval == 500ms ? often : rarely));
  }
}

TEST_CASE(
    "a higher limit sends a take for the new slots at once, while jobs run and an idle long poll waits") {
  simulation world;
  world.queue.ends = false;
  world.queue.add(0s, "a", ms(10'000));
  worker w(sleep_for_ms, timetable(world.loop, {{0s, 2}, {3s, 5}}), world.options);
  world.serve_and_stop(w, 8s);
  REQUIRE(world.queue.takes.size() == 3);
  CHECK(world.queue.takes[1].sent == 0s);
  CHECK(world.queue.takes[1].capacity == 1);
  CHECK(world.queue.takes[2].sent == 3s);
  CHECK(world.queue.takes[2].capacity == 3);
}

TEST_CASE("a higher limit sends a take at once when all slots are full") {
  simulation world;
  add_jobs(world, 0s, 30, 10'000);
  worker w(sleep_for_ms, timetable(world.loop, {{0s, 10}, {3s, 20}}), world.options);
  world.serve(w);
  REQUIRE(world.queue.takes.size() >= 2);
  CHECK(world.queue.takes[1].sent == 3s);
  CHECK(world.queue.takes[1].capacity == 10);
}

TEST_CASE("a lower limit lets jobs end, and takes none until there are fewer than the new limit") {
  simulation world;
  world.options.modifier_interval = 500ms;
  for (const int length : {1000, 2000, 3000, 4000}) world.queue.add(0s, std::to_string(length), ms(length));
  world.queue.add(0s, "next", ms(100));
  worker w(sleep_for_ms, timetable(world.loop, {{0s, 4}, {500ms, 2}}), world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.stopped == 0);
  CHECK(done.jobs == 5);
  REQUIRE(world.queue.takes.size() == 2);
  CHECK(world.queue.takes[1].sent == 3s);
  CHECK(world.queue.takes[1].capacity == 1);
}

TEST_CASE("a modifier that returns 0 or less leaves one slot, and that is logged once") {
  simulation world;
  add_jobs(world, 0s, 3, 2500);
  const auto modifier = [calls = 0](int) mutable { return -(calls++); };
  worker w(sleep_for_ms, modifier, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.highest_in_progress == 1);
  CHECK(done.elapsed == 7500ms);
  CHECK(world.output.count("the concurrency modifier returned") == 1);
}

TEST_CASE("a modifier that throws leaves the limit as it was, and that is logged once, whatever it throws") {
  simulation world;
  add_jobs(world, 0s, 6, 2500);
  const auto modifier = [calls = 0](int) mutable {
    if (++calls == 1) return 3;
    if (calls % 2 == 0) throw std::runtime_error("call " + std::to_string(calls));
    return 3;
  };
  worker w(sleep_for_ms, modifier, world.options);
  const worker_summary done = world.serve(w);
  CHECK(done.highest_in_progress == 3);
  CHECK(done.elapsed == 5s);
  CHECK(world.output.count("the concurrency modifier threw") == 1);
  CHECK(world.output.count(
            "WARN   | the concurrency modifier threw std::runtime_error (call 2); the limit stays at 3") ==
        1);
}

TEST_CASE("a huge limit takes all jobs") {
  simulation world;
  add_jobs(world, 0s, 50, 100);
  for (const bool prefetch : {false, true}) {
    world.options.prefetch = prefetch;
    worker w(
        sleep_for_ms, [](int) { return std::numeric_limits<std::int64_t>::max(); }, world.options);
    const worker_summary done = world.serve(w);
    CHECK(done.jobs == (prefetch ? 0 : 50));
  }
  CHECK(world.queue.takes.at(0).capacity == static_cast<std::size_t>(std::numeric_limits<int>::max()));
}

TEST_CASE("a limit that jumps between huge and small causes no overflow") {
  simulation world;
  world.options.modifier_interval = 10ms;
  world.queue.ends = false;
  add_jobs(world, 0s, 50, 500);
  const auto modifier = [calls = 0](int) mutable {
    return ++calls % 2 == 0 ? 1 : std::numeric_limits<int>::max();
  };
  worker w(sleep_for_ms, modifier, world.options);
  CHECK(world.serve_and_stop(w, 2s).jobs == 50);
}

TEST_CASE(
    "a limit that falls from the largest to one asks for nothing, also while outcomes are being delivered") {
  simulation world;
  world.queue.ends = false;
  world.queue.delivery_time = 2s;
  world.options.overlap_delivery = true;
  world.queue.stated.takes = 3;
  add_jobs(world, 100ms, 20, 1000);
  world.queue.add(1200ms, "more", ms(3000));
  const auto modifier = [&world](int) {
    return world.loop.elapsed() < 1500ms ? std::numeric_limits<int>::max() : 1;
  };
  worker w(sleep_for_ms, modifier, world.options);
  world.serve_and_stop(w, 2900ms);
  REQUIRE(!world.queue.takes.empty());
  for (const take_note& take : world.queue.takes) CHECK(take.sent <= 1500ms);
}

TEST_CASE("a modifier sees what the worker measures") {
  simulation world;
  world.queue.ends = false;
  add_jobs(world, 0s, 4, 1500);
  world.queue.add(2s, "fails", json{{"ms", "no number"}});
  std::vector<metrics> seen;
  worker w(
      sleep_for_ms,
      [&seen](int, const metrics& measured) {
        seen.push_back(measured);
        return 2;
      },
      world.options);
  world.serve_and_stop(w, 4s);
  REQUIRE(seen.size() >= 4);
  CHECK(seen[0].limit == 1);
  CHECK(seen[0].jobs_taken == 0);
  const metrics& full = seen[1];  // at 1 s
  CHECK(full.limit == 2);
  CHECK(full.in_progress == 2);
  CHECK(full.jobs_taken == 2);
  CHECK(full.jobs_succeeded == 0);
  const metrics& last = seen.back();
  CHECK(last.jobs_taken == 5);
  CHECK(last.jobs_failed == 1);
}

TEST_CASE("a modifier sees how long jobs run, wait for their delivery, and how long takes wait") {
  simulation world;
  world.queue.delivery_time = 500ms;
  add_jobs(world, 3s, 4, 2000);
  metrics seen;
  auto modifier = [&seen](int, const metrics& measured) {
    seen = measured;
    return 2;
  };
  worker w(sleep_for_ms, modifier, world.options);
  world.serve(w);
  CHECK(seen.takes == 1);
  CHECK(seen.takes_full == 1);
  CHECK(seen.take_wait_seconds == doctest::Approx(3.0));
  CHECK(seen.handler.count == 2);
  CHECK(seen.handler.minimum_seconds == doctest::Approx(2.0));
  CHECK(seen.handler.p99_seconds == doctest::Approx(2.0).epsilon(1.0 / 16));
  CHECK(seen.delivery.mean_seconds == doctest::Approx(0.5));
  CHECK(seen.job_seconds == doctest::Approx(2 * 2.5));
  CHECK(seen.in_progress_seconds >= 2 * 2.5);
  CHECK(seen.most_in_progress == 2);
  CHECK(w.measured().jobs_taken == 4);
  CHECK(w.measured().limit == 2);
}

TEST_CASE("a modifier sees the process's memory and the user's GPU if the worker has a reader") {
  simulation world;
  const auto probe = []() noexcept { return coworker::gpu_reading{0.75, 3, 4}; };
  coworker::resource_reader resources({.gpu_probe = probe});
  world.options.resources = &resources;
  add_jobs(world, 0s, 1, 100);
  metrics seen;
  auto modifier = [&seen](int current, const metrics& measured) {
    seen = measured;
    return current;
  };
  worker w(sleep_for_ms, modifier, world.options);
  world.serve(w);
  CHECK(seen.gpu_load == 0.75);
  CHECK(seen.gpu_memory_used_bytes == 3);
  CHECK(seen.gpu_memory_limit_bytes == 4);
#ifdef __linux__
  CHECK(seen.resident_bytes > 0);
  CHECK(seen.memory_limit_bytes >= seen.resident_bytes);
#endif
}

TEST_CASE("the measured lag shows a loop that handlers block, also if jobs end all the time") {
  simulation world;
  add_jobs(world, 0s, 60, 10);
  const auto computes = [&world](job<> work) -> task<json> {
    json answer = co_await sleep_for_ms(std::move(work));
    world.loop.jump(170ms);
    co_return answer;
  };
  double longest = 0;
  const auto modifier = [&longest](int, const metrics& measured) {
    longest = std::max(longest, measured.loop_lag_seconds);
    return 1;
  };
  worker w(computes, modifier, world.options);
  world.serve(w);
  CHECK(longest > 0.01);
  CHECK(longest <= 0.17);
}

TEST_CASE("the metrics stay up to date when the worker is idle, leaves, and has left") {
  simulation world;
  world.queue.ends = false;
  world.queue.add(0s, "a", ms(1000));
  world.queue.add(0s, "b", ms(1500));
  world.queue.add(20s, "c", ms(1500));
  world.queue.add(20s, "d", ms(4500));
  worker w(sleep_for_ms, fixed_concurrency{10}, world.options);
  metrics idle, leaving;
  const auto look = [&]() -> task<void> {
    co_await coworker::sleep_until(coworker::time_point(10s));
    idle = w.measured();
    co_await coworker::sleep_until(coworker::time_point(24s));
    leaving = w.measured();
  };
  const auto serve = [&]() -> task<void> {
    const coworker::context here = co_await coworker::this_coro::context();
    coworker::scope beside(here);
    beside.spawn(look);
    beside.spawn([&w]() -> task<void> {
      co_await coworker::sleep_until(coworker::time_point(21s));
      w.stop();
    });
    co_await w.serve(world.queue);
    co_await beside.join();
  };
  coworker::sync_wait(world.loop, serve());
  CHECK(idle.jobs_succeeded == 2);
  CHECK(idle.in_progress == 0);
  CHECK(idle.completions_per_second == 0);
  CHECK(leaving.jobs_succeeded == 3);
  CHECK(leaving.in_progress == 1);
  CHECK(leaving.now > coworker::time_point(22s));
  CHECK(w.measured().jobs_succeeded == 4);
  CHECK(w.measured().in_progress == 0);
}

TEST_CASE("the rates that a modifier sees start from 0 when a worker serves again, on whatever clock") {
  std::vector<double> rates;
  const auto modifier = [&rates](int, const metrics& measured) {
    rates.push_back(measured.arrivals_per_second);
    return 100;
  };
  simulation first;
  first.queue.ends = false;
  add_jobs(first, 100s, 20, 10);
  worker w(sleep_for_ms, modifier, first.options);
  first.serve_and_stop(w, 101s);
  rates.clear();
  simulation second;
  add_jobs(second, 0s, 3, 10);
  second.serve(w);
  CHECK(rates.at(0) == 0);
}

// --- what is logged -------------------------------------------------------------------------------

TEST_CASE("the steps of a job are logged under its id, with its batch") {
  simulation world;
  world.queue.add(0s, "job-1", ms(10), json{{"batchId", "b7"}});
  worker w(sleep_for_ms, fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.output.lines() ==
        std::vector<std::string>{"INFO   | job-1 | [batchId=b7] Started.",
                                 "DEBUG  | job-1 | [batchId=b7] Handler output: \"slept\""});
}

TEST_CASE("payloads are not logged at INFO") {
  simulation world;
  world.output.log.set_level(coworker::log_level::info);
  world.queue.add(0s, "job-1", ms(10));
  worker w(sleep_for_ms, fixed_concurrency{1}, world.options);
  world.serve(w);
  CHECK(world.output.lines() == std::vector<std::string>{"INFO   | job-1 | Started."});
}
