#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/worker.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::simulation;

// Sleeps for as many seconds as the job says.
task<json> sleep_as_input_says(job<> work) {
  co_await coworker::sleep_for(std::chrono::duration<double>(work.input.value("seconds", 1.0)));
  co_return "slept";
}

// The same, but ignores a stop.
task<json> sleep_stubbornly(job<> work) {
  const coworker::time_point due = (co_await coworker::this_coro::executor()).now() +
                                   std::chrono::seconds(work.input.at("seconds").get<int>());
  coworker::auto_reset_event never_set;
  co_await never_set.wait_until(due);
  co_return "finished anyway";
}

json seconds(double count) { return json{{"seconds", count}}; }

}  // namespace

TEST_CASE("an idle worker that is stopped ends its long poll and returns at once") {
  simulation world;
  world.queue.ends = false;
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(done.elapsed == 5s);
  CHECK(done.jobs == 0);
  REQUIRE(world.queue.takes.size() == 1);
  CHECK(world.queue.takes[0].returned == 5s);
}

TEST_CASE("a stopped take may throw or return nothing") {
  simulation world;
  world.queue.ends = false;
  world.queue.throws_when_stopped = false;
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  CHECK(world.serve_and_stop(w, 5s).elapsed == 5s);
  CHECK(world.queue.takes.size() == 1);
}

TEST_CASE("a job that arrives in a take which is being stopped still runs, and its outcome is delivered") {
  simulation world;
  world.queue.ends = false;
  world.queue.jobs_when_stopped.push_back({"late", seconds(2), json::object()});
  world.queue.time_when_stopped = 1s;
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(done.jobs == 1);
  CHECK(done.elapsed == 8s);
  CHECK(world.queue.result_of("late").status == outcome_status::succeeded);
  CHECK(world.queue.takes.size() == 1);
}

TEST_CASE("jobs that end within the grace period are not disturbed, and no more jobs are taken") {
  simulation world;
  world.options.grace_period = 30s;
  world.queue.ends = false;
  world.queue.add(0s, "running", seconds(20));
  world.queue.add(6s, "never taken", seconds(1));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(done.jobs == 1);
  CHECK(done.stopped == 0);
  CHECK(done.elapsed == 20s);
  CHECK(world.queue.result_of("running").body == json{{"output", "slept"}});
}

TEST_CASE("jobs that outlast the grace period are asked to stop, and their outcomes are still delivered") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.ends = false;
  world.queue.delivery_time = 3s;
  world.queue.add(0s, "short", seconds(12));
  world.queue.add(0s, "long", seconds(60));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(done.jobs == 2);
  CHECK(done.stopped == 1);
  CHECK(done.failed == 0);
  CHECK(done.elapsed == 18s);
  CHECK(world.queue.result_of("short").status == outcome_status::succeeded);
  CHECK(world.queue.result_of("long").status == outcome_status::stopped);
  CHECK(world.queue.result_of("long").body ==
        json{{"error", "stopped: the worker leaves, and its grace period is over"}});
  CHECK(world.output.count("The grace period is over: 1 running job is asked to stop.") == 1);
}

TEST_CASE("a job that ignores the stop soon gets its result, and the worker waits for its handler") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.ends = false;
  world.queue.add(0s, "stubborn", seconds(60));
  worker w(sleep_stubbornly, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(done.elapsed == 60s);
  CHECK(world.queue.result_of("stubborn").status == outcome_status::stopped);
  CHECK(world.queue.result_of("stubborn").at == 16s);
}

TEST_CASE("a grace period of 0 stops jobs at once") {
  simulation world;
  world.options.grace_period = 0s;
  world.queue.ends = false;
  world.queue.add(0s, "running", seconds(20));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  CHECK(world.serve_and_stop(w, 5s).elapsed == 5s);
  CHECK(world.queue.result_of("running").status == outcome_status::stopped);
}

TEST_CASE("an endless grace period lets every job finish") {
  simulation world;
  world.options.grace_period = duration::max();
  world.queue.ends = false;
  world.queue.add(0s, "running", seconds(200'000));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  CHECK(world.serve_and_stop(w, 5s).elapsed == 200'000s);
  CHECK(world.queue.result_of("running").status == outcome_status::succeeded);
}

TEST_CASE("the grace period counts from the stop also if the queue was closed long before") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.add(0s, "running", seconds(60));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  CHECK(world.serve_and_stop(w, 40s).elapsed == 50s);
  CHECK(world.queue.result_of("running").status == outcome_status::stopped);
}

TEST_CASE("a take that is slow to end does not lengthen the grace period of the jobs") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.ends = false;
  world.queue.time_when_stopped = 30s;
  world.queue.jobs_when_stopped.push_back({"late", seconds(5), json::object()});
  world.queue.add(0s, "running", seconds(60));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = world.serve_and_stop(w, 5s);
  CHECK(world.queue.result_of("running").at == 15s);
  CHECK(world.queue.result_of("late").at == 35s);
  CHECK(world.queue.result_of("late").status == outcome_status::stopped);
  CHECK(done.stopped == 2);
}

TEST_CASE("a stop of the awaiting coroutine stops the worker") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.ends = false;
  world.queue.add(0s, "running", seconds(60));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  const worker_summary done = sync_wait(world.loop, coworker::timeout(5s, w.serve(world.queue)));
  CHECK(done.elapsed == 15s);
  CHECK(done.stopped == 1);
}

TEST_CASE("a worker that was stopped before it began takes nothing, and then can be used again") {
  simulation world;
  world.queue.add(0s, "a", seconds(1));
  worker w(sleep_as_input_says, fixed_concurrency{3}, world.options);
  w.stop();
  CHECK(world.serve(w).jobs == 0);
  CHECK(world.queue.takes.empty());
  CHECK(world.serve(w).jobs == 1);
}

TEST_CASE("a second stop changes nothing") {
  simulation world;
  world.options.grace_period = 10s;
  world.queue.ends = false;
  world.queue.add(0s, "running", seconds(60));
  std::function<void()> stop_worker;
  const auto handle = [&stop_worker](job<> work) -> task<json> {
    stop_worker();
    stop_worker();
    co_return co_await sleep_as_input_says(std::move(work));
  };
  worker w(handle, fixed_concurrency{3}, world.options);
  stop_worker = [&w] { w.stop(); };
  CHECK(world.serve(w).elapsed == 10s);
}

TEST_CASE("a job stopped while it sleeps ends as stopped, however it reacts to the stop") {
  simulation world;
  world.options.grace_period = 0s;
  world.queue.ends = false;
  for (const char* way : {"let it go on", "answer", "complain"}) world.queue.add(0s, way);
  const auto handle = [](job<> work) -> task<json> {
    bool stopped = false;
    try {
      co_await coworker::sleep_for(60s);
    } catch (const coworker::cancelled&) {
      if (work.id == "let it go on") throw;
      stopped = true;
    }
    if (work.id == "complain") throw std::runtime_error("half way through");
    co_return stopped ? "what was done so far" : "all";
  };
  worker w(handle, fixed_concurrency{3}, world.options);
  world.serve_and_stop(w, 5s);
  CHECK(world.queue.result_of("let it go on").status == outcome_status::stopped);
  CHECK(world.queue.result_of("answer").body == json{{"output", "what was done so far"}});
  CHECK(world.queue.result_of("complain").status == outcome_status::failed);
}
