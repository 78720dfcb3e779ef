// Stops a job at every point at which its handler can be suspended: it ends as stopped, at that time, and
// nothing of it is leaked.

#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/when_all.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/timeout.hpp>
#include <coworker/worker.hpp>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "support/simulated_queue.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::async_generator;
using coworker::duration;
using coworker::executor_ref;
using coworker::job;
using coworker::json;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::time_point;
using coworker::timer;
using coworker::worker;
using coworker::testing::result_note;
using coworker::testing::simulation;

// An executor to which a job can switch, in virtual time. Switching takes a second.
class stop_points_pool {
 public:
  explicit stop_points_pool(coworker::simulated_loop& loop) : loop_(loop) {}
  void post(std::coroutine_handle<> handle) { loop_.arm(hops_.emplace_back(loop_.now() + 1s, handle)); }
  void arm(timer& alarm) { loop_.arm(alarm); }
  void cancel(timer& alarm) { loop_.cancel(alarm); }
  time_point now() const { return loop_.now(); }

 private:
  coworker::simulated_loop& loop_;
  std::deque<timer> hops_;
};

// Counts the living locals of a handler, and records the points that it has reached.
struct stop_points_trace {
  int alive = 0;
  std::vector<std::string> reached = {};
};

// A local variable of a handler.
class stop_points_local {
 public:
  stop_points_local(stop_points_trace& trace, const char* point) : trace_(trace) {
    ++trace_.alive;
    trace_.reached.emplace_back(point);
  }
  stop_points_local(const stop_points_local&) = delete;
  stop_points_local& operator=(const stop_points_local&) = delete;
  ~stop_points_local() { --trace_.alive; }

 private:
  stop_points_trace& trace_;
};

struct stop_points_world : simulation {
  coworker::semaphore permits{1};
  stop_points_pool pool{loop};
  stop_points_trace trace;
};

task<void> stop_points_sleep(stop_points_trace& trace) {
  const stop_points_local local(trace, "child");
  co_await coworker::sleep_for(10s);
}

// Spends ten seconds at each of five points.
task<json> stop_points_five(stop_points_world& world) {
  stop_points_trace& trace = world.trace;
  const stop_points_local whole(trace, "sleep_for");
  co_await coworker::sleep_for(10s);
  {
    const stop_points_local local(trace, "when_all");
    co_await coworker::when_all(stop_points_sleep(trace), stop_points_sleep(trace));
  }
  {
    const stop_points_local local(trace, "semaphore");
    const coworker::semaphore::permit held = co_await world.permits.acquire();
  }
  {
    const stop_points_local local(trace, "timeout");
    co_await coworker::timeout(1h, stop_points_sleep(trace));
  }
  const stop_points_local local(trace, "run_on");
  co_await coworker::run_on(world.pool, stop_points_sleep(trace));
  co_return "came through";
}

// Holds the permit until the 30th second.
task<json> stop_points_holder(stop_points_world& world) {
  const coworker::semaphore::permit held = co_await world.permits.acquire();
  co_await coworker::sleep_until(time_point(30s));
  co_return "gave it back";
}

async_generator<json> stop_points_stream(stop_points_world& world) {
  const stop_points_local local(world.trace, "stream");
  for (int i = 0; i < 5; ++i) {
    co_await coworker::sleep_for(10s);
    co_yield json(i);
  }
}

template <class Worker>
task<void> stop_points_stop_at(Worker& w, duration at, std::string id) {
  co_await coworker::sleep_until(time_point(at));
  w.stop_job(std::move(id));
}

template <class Worker>
task<void> stop_points_serve(Worker& w, stop_points_world& world, duration at) {
  coworker::scope beside(co_await coworker::this_coro::context());
  beside.spawn(stop_points_stop_at(w, at, "points"));
  co_await w.serve(world.queue);
  beside.request_stop();
  co_await beside.join();
}

// Serves the job "points" beside "holder", and stops "points" at that time.
template <class Handler>
result_note stop_points_stopped_at(stop_points_world& world, Handler handler, duration at) {
  world.queue.add(0s, "holder");
  world.queue.add(0s, "points");
  worker w(std::move(handler), coworker::fixed_concurrency{2}, world.options);
  coworker::sync_wait(world.loop, stop_points_serve(w, world, at));
  CHECK(world.queue.results.size() == 2);
  CHECK(world.queue.result_of("holder").status == outcome_status::succeeded);
  CHECK(world.trace.alive == 0);
  return world.queue.result_of("points");
}

result_note stop_points_of_five(stop_points_world& world, duration at) {
  const auto handle = [&world](job<> work) {
    return work.id == "holder" ? stop_points_holder(world) : stop_points_five(world);
  };
  return stop_points_stopped_at(world, handle, at);
}

}  // namespace

TEST_CASE("a job that is not stopped reaches all five points") {
  stop_points_world world;
  const result_note result = stop_points_of_five(world, 1h);
  CHECK(result.body == json{{"output", "came through"}});
  CHECK(result.at == 51s);
  CHECK(world.trace.reached == std::vector<std::string>{"sleep_for", "when_all", "child", "child",
                                                        "semaphore", "timeout", "child", "run_on", "child"});
}

TEST_CASE("a job stopped at any point at which it waits ends as stopped, at once, and leaks nothing") {
  struct stop_point {
    duration stopped;
    duration ended;
    const char* reached;
  };
  // A job cannot be stopped while it switches to another executor; it sees the stop when it gets there.
  const stop_point points[] = {{5s, 5s, "sleep_for"}, {15s, 15s, "child"},     {25s, 25s, "semaphore"},
                               {35s, 35s, "child"},   {40500ms, 41s, "child"}, {45s, 45s, "child"}};
  for (const stop_point& point : points) {
    CAPTURE(point.stopped.count());
    stop_points_world world;
    const result_note result = stop_points_of_five(world, point.stopped);
    CHECK(result.status == outcome_status::stopped);
    CHECK(result.body == json{{"error", "stopped: a stop was requested"}});
    CHECK(result.at == point.ended);
    REQUIRE(!world.trace.reached.empty());
    CHECK(world.trace.reached.back() == point.reached);
  }
}

TEST_CASE("a permit awaited by a stopped job goes to the next one, and a permit that it held is returned") {
  stop_points_world world;
  const auto handle = [&world](job<> work) -> task<json> {
    if (work.id == "holder") co_await coworker::sleep_for(1s);
    const coworker::semaphore::permit held = co_await world.permits.acquire();
    co_await coworker::sleep_for(work.id == "holder" ? 1s : 1h);
    co_return json(work.id);
  };
  CHECK(stop_points_stopped_at(world, handle, 7s).status == outcome_status::stopped);
  CHECK(world.queue.result_of("holder").at == 8s);
}

TEST_CASE("a streaming job stopped between two chunks ends as stopped, and keeps the chunks sent") {
  stop_points_world world;
  const auto handle = [&world](job<> work) -> async_generator<json> {
    if (work.id == "points") return stop_points_stream(world);
    return [](job<>) -> async_generator<json> { co_yield json("one"); }(std::move(work));
  };
  const result_note result = stop_points_stopped_at(world, handle, 25s);
  CHECK(result.status == outcome_status::stopped);
  CHECK(result.at == 25s);
  CHECK(world.queue.chunks == std::vector<std::pair<std::string, std::string>>{
                                  {"holder", "\"one\""}, {"points", "0"}, {"points", "1"}});
}
