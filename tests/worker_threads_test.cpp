#include <doctest/doctest.h>
#include <atomic>
#include <chrono>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <functional>
#include <latch>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"

// The worker on real threads. Nothing here depends on how long anything takes: if a guarantee were broken, a
// test would hang.

namespace {

using namespace std::chrono_literals;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::local_file;
using coworker::outcome;
using coworker::outcome_status;
using coworker::task;
using coworker::worker;
using coworker::worker_options;
using coworker::worker_summary;
using coworker::testing::captured_log;

std::vector<coworker::job_envelope> numbered_jobs(int count) {
  std::vector<coworker::job_envelope> jobs;
  for (int i = 0; i < count; ++i) {
    coworker::job_envelope envelope;
    envelope.id = std::to_string(i);
    envelope.input = json{{"n", i}};
    jobs.push_back(std::move(envelope));
  }
  return jobs;
}

// A queue that never hands over a job, and signals when it was asked for one.
struct empty_queue {
  std::latch asked{1};

  task<coworker::take_result> take(coworker::take_request) {
    asked.count_down();
    co_await coworker::sleep_for(24h);
    co_return coworker::take_result();
  }
  task<coworker::delivery> complete(coworker::job_result) { co_return coworker::delivery::accepted; }
};

struct thread_fixture {
  captured_log output{coworker::log_level::warn};
  worker_options options;

  thread_fixture() { options.log = &output.log; }
};

}  // namespace

TEST_CASE("four blocking jobs at a concurrency of four all run at once") {
  thread_fixture world;
  local_file queue(numbered_jobs(4), world.output.log);
  std::latch all_inside(4);
  const auto handle = [&all_inside](job<> work) {
    all_inside.arrive_and_wait();
    return work.input;
  };
  worker w(handle, fixed_concurrency{4}, world.options);
  CHECK(w.run(queue).highest_in_progress == 4);
  for (int i = 0; i < 4; ++i) CHECK(queue.outcomes().at(static_cast<std::size_t>(i)).output.at("n") == i);
}

TEST_CASE("with coroutines_on_pool plain functions still have a thread each") {
  thread_fixture world;
  world.options.coroutines_on_pool = true;
  const int jobs = static_cast<int>(std::thread::hardware_concurrency()) + 1;
  local_file queue(numbered_jobs(jobs), world.output.log);
  std::latch all_inside(jobs);
  worker w([&all_inside](job<>) { all_inside.arrive_and_wait(); }, fixed_concurrency{jobs}, world.options);
  CHECK(w.run(queue).highest_in_progress == jobs);
}

TEST_CASE("a blocking job delays neither coroutines nor the worker") {
  thread_fixture world;
  local_file queue(numbered_jobs(40), world.output.log);
  std::latch others_done(39);
  const auto handle = [&others_done](job<> work) {
    if (work.input.at("n") == 0) {
      others_done.wait();
    } else {
      others_done.count_down();
    }
  };
  worker w(handle, fixed_concurrency{2}, world.options);
  CHECK(w.run(queue).jobs == 40);
}

TEST_CASE("many plain jobs each run once and each outcome is delivered") {
  thread_fixture world;
  local_file queue(numbered_jobs(300), world.output.log);
  std::mutex mutex;
  std::multiset<int> seen;
  const auto handle = [&](job<> work) {
    const int n = work.input.at("n").get<int>();
    const std::lock_guard lock(mutex);
    seen.insert(n);
    return n * n;
  };
  worker w(handle, fixed_concurrency{8}, world.options);
  const worker_summary done = w.run(queue);
  CHECK(done.jobs == 300);
  CHECK(done.highest_in_progress <= 8);
  CHECK(seen.size() == 300);
  for (int i = 0; i < 300; ++i) {
    CHECK(seen.count(i) == 1);
    CHECK(queue.outcomes().at(static_cast<std::size_t>(i)).output == i * i);
  }
}

TEST_CASE("handlers may resume on other executors and need not return") {
  thread_fixture world;
  coworker::thread_pool elsewhere(3);
  local_file queue(numbered_jobs(200), world.output.log);
  const auto handle = [&elsewhere](job<> work) -> task<json> {
    co_await coworker::resume_on(elsewhere);
    co_await coworker::sleep_for(1us);
    const int n = work.input.at("n").get<int>();
    if (n % 10 == 0) throw std::runtime_error("far away");
    co_return n;
  };
  worker w(handle, fixed_concurrency{16}, world.options);
  const worker_summary done = w.run(queue);
  CHECK(done.jobs == 200);
  CHECK(done.failed == 20);
}

TEST_CASE("plain handlers run on the pool that the options name") {
  thread_fixture world;
  coworker::thread_pool pool(1);
  world.options.pool = pool;
  local_file queue(numbered_jobs(10), world.output.log);
  std::set<std::thread::id> threads;
  worker w([&threads](job<>) { threads.insert(std::this_thread::get_id()); }, fixed_concurrency{4},
           world.options);
  w.run(queue);
  CHECK(threads.size() == 1);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("stop() on another thread ends the long poll of an idle worker") {
  thread_fixture world;
  empty_queue queue;
  worker w([](job<>) {}, fixed_concurrency{4}, world.options);
  std::thread stopper([&] {
    queue.asked.wait();
    w.stop();
  });
  CHECK(w.run(queue).jobs == 0);
  stopper.join();
}

TEST_CASE("a plain handler that asks its stop token learns that the grace period is over") {
  thread_fixture world;
  world.options.grace_period = 0s;
  local_file queue(numbered_jobs(3), world.output.log);
  std::function<void()> stop_worker;
  std::latch all_inside(3);
  const auto handle = [&](job<> work) {
    all_inside.arrive_and_wait();
    stop_worker();
    while (!work.stop_token().stop_requested()) std::this_thread::yield();
    work.stop_token().throw_if_stopped();
  };
  worker w(handle, fixed_concurrency{3}, world.options);
  stop_worker = [&w] { w.stop(); };
  CHECK(w.run(queue).stopped == 3);
  for (const outcome& ended : queue.outcomes()) CHECK(ended.status == outcome_status::stopped);
}

TEST_CASE("a coroutine that sleeps on a real loop is woken by the end of the grace period") {
  thread_fixture world;
  world.options.grace_period = 0s;
  local_file queue(numbered_jobs(2), world.output.log);
  std::function<void()> stop_worker;
  const auto handle = [&stop_worker](job<>) -> task<void> {
    stop_worker();
    co_await coworker::sleep_for(24h);
  };
  worker w(handle, fixed_concurrency{2}, world.options);
  stop_worker = [&w] { w.stop(); };
  CHECK(w.run(queue).stopped == 2);
}

TEST_CASE_FIXTURE(thread_fixture,
                  "a job whose plain function does not return gets a result, and its slot stays in use") {
  // Hands over one job, and records the result, which lets the function return.
  struct one_job {
    std::latch& answered;
    std::string message = {};

    task<coworker::take_result> take(coworker::take_request) {
      coworker::take_result taken;
      taken.jobs = numbered_jobs(1);
      taken.jobs[0].time_limit = 1ms;
      taken.closed = true;
      co_return taken;
    }
    task<coworker::delivery> complete(coworker::job_result result) {
      message = result.outcome.message();
      answered.count_down();
      co_return coworker::delivery::accepted;
    }
  };
  std::latch answered{1};
  one_job queue{answered};
  options.stop_patience = 1ms;
  const auto hangs = [&answered](job<>) {
    answered.wait();
    return "nobody hears this";
  };
  worker w(hangs, fixed_concurrency{1}, options);
  const worker_summary done = w.run(queue);
  CHECK(queue.message == "timed out: it ran longer than its limit of 0.001 s");
  CHECK(done.failed == 1);
  CHECK(done.jobs == 1);
}

TEST_CASE("a worker can be run repeatedly, with the same pool") {
  thread_fixture world;
  std::atomic<int> calls{0};
  worker w([&calls](job<>) { ++calls; }, fixed_concurrency{4}, world.options);
  for (int i = 0; i < 20; ++i) {
    local_file queue(numbered_jobs(5), world.output.log);
    CHECK(w.run(queue).jobs == 5);
  }
  CHECK(calls == 100);
}
