#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <coworker/exec/sleep.hpp>
#include <coworker/worker.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

// Whether a modifier that follows the demand follows the load, over a queue that does not report how many
// jobs it has.

namespace {

using namespace std::chrono_literals;
using coworker::demand_level;
using coworker::duration;
using coworker::follow_demand;
using coworker::job;
using coworker::json;
using coworker::metrics;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::simulation;

task<json> sleeping(job<> work) {
  co_await coworker::sleep_for(std::chrono::milliseconds(work.input.value("ms", 300)));
  co_return json();
}

// As in examples/concurrent_handler.cpp; also records each limit with its time.
struct noted_modifier {
  std::vector<std::pair<duration, int>>* limits;

  int operator()(int current, const metrics& measured) const {
    int limit = current;
    if (measured.demand == demand_level::high) limit = std::min(current + 1, 10);
    if (measured.demand == demand_level::low) limit = std::max(current - 1, 1);
    limits->emplace_back(measured.now.time_since_epoch(), limit);
    return limit;
  }
};

struct demand_world : simulation {
  std::vector<std::pair<duration, int>> limits;
  int next = 0;

  void add(duration at, int count, int length = 300) {
    for (int i = 0; i < count; ++i) queue.add(at, "j" + std::to_string(next++), json{{"ms", length}});
  }

  worker_summary run() {
    worker w(sleeping, noted_modifier{&limits}, options);
    return serve(w);
  }
  worker_summary run_until(duration end) {
    queue.ends = false;
    worker w(sleeping, noted_modifier{&limits}, options);
    return serve_and_stop(w, end);
  }

  int highest() const {
    int most = 0;
    for (const auto& [at, limit] : limits) most = std::max(most, limit);
    return most;
  }
  int limit_at(duration when) const {
    int limit = 1;
    for (const auto& [at, to] : limits) {
      if (at <= when) limit = to;
    }
    return limit;
  }
};

}  // namespace

TEST_CASE("forty waiting jobs of 0.3 s run at least eight at once and take at most 3 s") {
  demand_world world;
  world.add(0s, 40);
  const worker_summary done = world.run();
  CHECK(done.jobs == 40);
  CHECK(done.highest_in_progress >= 8);
  CHECK(done.highest_in_progress <= 10);
  CHECK(done.elapsed <= 3s);
}

TEST_CASE("after a burst the limit is back at 1 within seconds, and then the worker no longer wakes up") {
  demand_world world;
  world.add(0s, 40);
  world.run_until(1h);
  CHECK(world.highest() == 10);
  CHECK(world.limit_at(12s) == 1);
  // Later it is asked only before each long poll.
  CHECK(std::none_of(world.limits.begin(), world.limits.end(),
                     [](const auto& one) { return one.first > 15s && one.first < 85s; }));
}

TEST_CASE("a burst after an idle hour is handled like one at the start") {
  demand_world world;
  world.add(0s, 40);
  world.add(1h, 40);
  const worker_summary done = world.run();
  CHECK(done.elapsed <= 1h + 3s);
  CHECK(world.limit_at(59min) == 1);
}

TEST_CASE("jobs that a pending take brings beyond a lowered limit wait, and the modifier is asked at once") {
  demand_world world;
  world.add(0s, 40);
  world.add(60s, 10);
  const worker_summary done = world.run();
  CHECK(world.limit_at(59s) == 1);
  // The take that was sent at the limit of 10 is still in flight, and brings all of them.
  CHECK(std::count_if(world.queue.takes.begin(), world.queue.takes.end(),
                      [](const auto& take) { return take.returned == 60s && take.jobs > 1; }) > 0);
  CHECK(world.limit_at(60s) > 1);
  CHECK(done.elapsed <= 60s + 1500ms);
}

TEST_CASE("under a light load jobs run one at a time") {
  demand_world world;
  for (int i = 0; i < 60; ++i) world.add(i * 1s, 1);
  const worker_summary done = world.run();
  CHECK(done.highest_in_progress == 1);
  // The first job already waits when the worker starts, which counts once.
  CHECK(world.highest() <= 2);
  for (duration at = 2s; at < 60s; at += 100ms) CHECK(world.limit_at(at) == 1);
}

TEST_CASE("under a steady load of five slots the limit stays near five") {
  demand_world world;
  for (int i = 0; i < 600; ++i) world.add(i * 60ms, 1);
  world.run();
  for (duration at = 10s; at < 35s; at += 1s) {
    CAPTURE(at / 1ms);
    CHECK(world.limit_at(at) >= 5);
    CHECK(world.limit_at(at) <= 8);
  }
}

TEST_CASE("with long jobs too, the limit rises each interval while jobs wait") {
  demand_world world;
  world.add(0s, 20, 600'000);
  world.run();
  CHECK(world.limit_at(12s) == 10);
}

TEST_CASE("follow_demand does the same within its bounds") {
  demand_world world;
  world.add(0s, 40);
  worker w(sleeping, follow_demand{.min = 2, .max = 4}, world.options);
  CHECK(world.serve(w).highest_in_progress == 4);
}

TEST_CASE("changes of the limit are logged at INFO, one line a second at most") {
  demand_world world;
  world.output.log.set_level(coworker::log_level::info);
  world.add(0s, 40);
  world.run_until(60s);
  std::vector<std::string> lines;
  for (const std::string& line : world.output.lines()) {
    if (line.find("Concurrency limit") != std::string::npos) lines.push_back(line);
  }
  REQUIRE(lines.size() >= 3);
  CHECK(lines.size() <= 13);
  CHECK(lines.front() == "INFO   | Concurrency limit 1 -> 2.");
  CHECK(lines.back().find("-> 1.") != std::string::npos);
}
