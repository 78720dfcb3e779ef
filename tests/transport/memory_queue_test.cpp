#include <coworker/transport/memory_queue.hpp>

#include <doctest/doctest.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <coworker/coro/async_generator.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/counted_memory.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::job_envelope;
using coworker::json;
using coworker::memory_job;
using coworker::memory_queue;
using coworker::outcome;
using coworker::outcome_status;
using coworker::scope;
using coworker::simulated_loop;
using coworker::task;
using coworker::worker;
using coworker::worker_summary;
using coworker::testing::captured_log;

task<json> sleep_so_many_ms(job<int> work) {
  co_await coworker::sleep_for(std::chrono::milliseconds(work.input));
  co_return work.input;
}

coworker::async_generator<json> count_to(job<int> work) {
  for (int i = 1; i <= work.input; ++i) {
    work.progress(i);
    co_await coworker::sleep_for(1s);
    co_yield i;
  }
}

// Stores what a task of a test finds, because a scope's tasks return nothing.
template <class T>
task<void> keep(task<T> work, std::optional<T>& found) {
  found = co_await std::move(work);
}

template <class Worker>
task<void> serve(Worker& runner, memory_queue& queue, std::optional<worker_summary>& summary) {
  summary = co_await runner.serve(queue);
}

template <class Work>
void simulate(Work work) {
  simulated_loop loop;
  coworker::sync_wait(loop, work());
}

std::string said(const outcome& made) { return std::string(made.message()); }

TEST_CASE("a job that was pushed is run, and its result can be awaited by several coroutines") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(sleep_so_many_ms, fixed_concurrency{2}, {.log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    const memory_job early = queue.push(1000);
    CHECK(queue.backlog() == 1);
    CHECK_FALSE(early.ended());
    beside.spawn(serve(runner, queue, summary));
    std::optional<outcome> first, second;
    beside.spawn(keep(early.result(), first));
    beside.spawn(keep(early.result(), second));
    const outcome late = co_await queue.push(2000, "late").result();
    CHECK(late.output == json(2000));
    CHECK(early.ended());
    const outcome again = co_await early.result();
    CHECK(again.output == json(1000));
    queue.close();
    co_await beside.join();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->output == json(1000));
    CHECK(second->output == json(1000));
    REQUIRE(summary);
    CHECK(summary->jobs == 2);
    CHECK(summary->undelivered == 0);
    CHECK(summary->elapsed == 2s);
    CHECK(queue.backlog() == 0);
  });
}

TEST_CASE("chunks come in order, whether they are awaited while the job runs or read afterwards") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(count_to, fixed_concurrency{2}, {.log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    const memory_job read = queue.push(3);
    const memory_job unread = queue.push(4);
    int next = 0;
    for (auto one = co_await read.next_chunk(); one; one = co_await read.next_chunk())
      CHECK(*one == json(++next));
    CHECK(next == 3);
    const outcome ended = co_await unread.result();
    CHECK(ended.succeeded());
    next = 0;
    for (auto one = co_await unread.next_chunk(); one; one = co_await unread.next_chunk())
      CHECK(*one == json(++next));
    CHECK(next == 4);
    queue.close();
    co_await beside.join();
  });
}

TEST_CASE("progress can be read and awaited") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(count_to, fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    const memory_job counting = queue.push(3);
    CHECK_FALSE(counting.progress());
    std::vector<json> seen;
    for (auto one = co_await counting.next_progress(); one; one = co_await counting.next_progress())
      seen.push_back(*one);
    REQUIRE(seen.size() == 3);
    CHECK(seen[0] == json(1));
    CHECK(seen[2] == json(3));
    CHECK(counting.ended());
    CHECK(counting.progress() == json(3));
    queue.close();
    co_await beside.join();
  });
}

TEST_CASE("a job can be stopped while it waits, while it runs, and when it has ended") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(sleep_so_many_ms, fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    const memory_job running = queue.push(60'000);
    const memory_job waiting = queue.push(60'000);
    const memory_job other = queue.push(1);
    beside.spawn(serve(runner, queue, summary));
    co_await coworker::sleep_for(1s);
    CHECK(queue.backlog() == 2);
    waiting.stop();
    CHECK(queue.backlog() == 1);
    const outcome first = co_await waiting.result();
    CHECK(first.status == outcome_status::stopped);
    CHECK(said(first) == "stopped before a worker took it");
    running.stop();
    const outcome second = co_await running.result();
    CHECK(second.status == outcome_status::stopped);
    CHECK(said(second) == "stopped: a stop was requested");
    const outcome third = co_await other.result();
    CHECK(third.succeeded());
    other.stop();
    waiting.stop();
    CHECK(other.ended());
    queue.close();
    co_await beside.join();
    REQUIRE(summary);
    CHECK(summary->jobs == 2);
    CHECK(summary->elapsed == 1001ms);
  });
}

TEST_CASE("ids are made unique, and may be used again once their job has ended") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(sleep_so_many_ms, fixed_concurrency{9}, {.log = &output.log});
    memory_queue queue;
    std::vector<memory_job> jobs;
    for (const char* const id : {"a", "a", "", "job-1", "job-2", "a-1", "", "b"})
      jobs.push_back(queue.push(1, id));
    std::set<std::string> ids;
    for (const memory_job& one : jobs) ids.insert(one.id());
    CHECK(ids.size() == jobs.size());
    CHECK(ids.count("a") == 1);
    CHECK(ids.count("b") == 1);
    CHECK(ids.count("") == 0);
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    for (const memory_job& one : jobs) {
      const outcome ended = co_await one.result();
      CHECK(ended.succeeded());
    }
    CHECK(queue.push(1, "a").id() == "a");
    queue.close();
    co_await beside.join();
    REQUIRE(summary);
    CHECK(summary->jobs == jobs.size() + 1);
    CHECK(output.count("already in progress here") == 0);
  });
}

TEST_CASE("an envelope is handed over with all its members") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner([](job<> work) -> task<json> { co_return json(work.details["tenant"]); },
                  fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue;
    job_envelope envelope;
    envelope.id = "whole";
    envelope.details = json{{"tenant", "t1"}};
    const memory_job whole = queue.push(envelope);
    envelope.problem = "it cannot be run";
    const memory_job broken = queue.push(std::move(envelope));
    CHECK(whole.id() == "whole");
    CHECK(broken.id() != "whole");
    queue.close();
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    const outcome first = co_await whole.result();
    CHECK(first.output == json("t1"));
    const outcome second = co_await broken.result();
    CHECK(said(second) == "it cannot be run");
    co_await beside.join();
  });
}

TEST_CASE("a job that is pushed into a closed or a full queue ends at once with an error that says so") {
  memory_queue queue({.most_waiting = 2});
  const memory_job first = queue.push(1);
  const memory_job second = queue.push(2);
  const memory_job third = queue.push(3);
  CHECK_FALSE(first.ended());
  REQUIRE(third.ended());
  CHECK(
      said(third.blocking_result()) ==
      "the queue is full: 2 jobs wait, and most_waiting allows no more; push it again once some have ended");
  second.stop();
  CHECK_FALSE(queue.push(4).ended());
  queue.close();
  const memory_job fifth = queue.push(5);
  REQUIRE(fifth.ended());
  CHECK(fifth.blocking_result().status == outcome_status::failed);
  CHECK(said(fifth.blocking_result()) == "the queue is closed: it takes no more jobs");
  CHECK_FALSE(fifth.blocking_next_chunk());
  CHECK_FALSE(fifth.blocking_next_progress());
  CHECK(queue.backlog() == 2);
}

TEST_CASE("a push for which there is no memory adds nothing") {
  if (!coworker::testing::memory_is_counted()) return;
  bool pushed = false;
  for (std::int64_t allocations = 0; !pushed; ++allocations) {
    CAPTURE(allocations);
    REQUIRE(allocations < 100);
    memory_queue queue;
    try {
      const coworker::testing::scarce_memory scarce(allocations);
      queue.push(json(1), "a");
      pushed = true;
    } catch (const std::bad_alloc&) {
    }
    CHECK(queue.backlog() == (pushed ? 1 : 0));
    const memory_job next = queue.push(json(2), "a");
    CHECK((next.id() == "a") == !pushed);
    CHECK(queue.backlog() == (pushed ? 2 : 1));
  }
}

TEST_CASE("a job that waits when the queue is destroyed gets an outcome, and handles outlive it") {
  std::optional<memory_queue> queue(std::in_place);
  const memory_job waiting = queue->push(1);
  queue.reset();
  REQUIRE(waiting.ended());
  CHECK(said(waiting.blocking_result()) == "stopped: the queue was destroyed before a worker took the job");
  waiting.stop();
  CHECK(waiting.id() == "job-1");
}

TEST_CASE(
    "a job that waits when the worker leaves gets an outcome at once, and the next worker serves again") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(sleep_so_many_ms, fixed_concurrency{1}, {.grace_period = 60s, .log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    const memory_job running = queue.push(20'000);
    const memory_job waiting = queue.push(1);
    beside.spawn(serve(runner, queue, summary));
    co_await coworker::sleep_for(1s);
    runner.stop();
    const coworker::executor_ref place = co_await coworker::this_coro::executor();
    const outcome left = co_await waiting.result();
    CHECK(left.status == outcome_status::stopped);
    CHECK(said(left) == "stopped: the worker left before it took the job");
    CHECK(place.now().time_since_epoch() == 1s);
    const memory_job late = queue.push(1);
    REQUIRE(late.ended());
    const outcome refused = co_await late.result();
    CHECK(said(refused) == "stopped: the worker has left, and nobody takes jobs any more");
    const outcome drained = co_await running.result();
    CHECK(drained.succeeded());
    co_await beside.join();
    REQUIRE(summary);
    CHECK(summary->jobs == 1);
    scope again(co_await coworker::this_coro::context());
    again.spawn(serve(runner, queue, summary));
    co_await coworker::sleep_for(1s);
    const outcome served = co_await queue.push(1).result();
    CHECK(served.succeeded());
    queue.close();
    co_await again.join();
  });
}

TEST_CASE("a queue with two workers is served until the last of them has left") {
  simulate([]() -> task<void> {
    captured_log output;
    worker one(sleep_so_many_ms, fixed_concurrency{1}, {.log = &output.log});
    worker two(sleep_so_many_ms, fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue;
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> first, second;
    beside.spawn(serve(one, queue, first));
    beside.spawn(serve(two, queue, second));
    std::vector<memory_job> jobs;
    for (int i = 0; i < 6; ++i) jobs.push_back(queue.push(1000));
    co_await coworker::sleep_for(500ms);
    CHECK(queue.backlog() == 4);
    one.stop();
    jobs[1].stop();
    for (const memory_job& job : jobs) co_await job.result();
    two.stop();
    co_await beside.join();
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->jobs == 1);
    CHECK(second->jobs == 5);
    CHECK(first->stopped + second->stopped == 1);
    CHECK(queue.push(1).ended());
  });
}

TEST_CASE("a wait that is stopped ends, and the job goes on") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(sleep_so_many_ms, fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue;
    const memory_job pushed = queue.push(1000);
    std::optional<outcome> found;
    std::optional<std::optional<json>> chunk;
    scope waits(co_await coworker::this_coro::context());
    waits.spawn(keep(pushed.result(), found));
    waits.spawn(keep(pushed.next_chunk(), chunk));
    waits.request_stop();
    co_await waits.join();
    CHECK_FALSE(found);
    CHECK_FALSE(chunk);
    queue.close();
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    const outcome ended = co_await pushed.result();
    CHECK(ended.succeeded());
    co_await beside.join();
  });
}

TEST_CASE("the aggregate of a stream becomes the output if the queue accepts no chunks") {
  simulate([]() -> task<void> {
    captured_log output;
    worker runner(count_to, fixed_concurrency{1}, {.log = &output.log});
    memory_queue queue({.limits = {.chunks = false}});
    const memory_job pushed = queue.push(2);
    queue.close();
    scope beside(co_await coworker::this_coro::context());
    std::optional<worker_summary> summary;
    beside.spawn(serve(runner, queue, summary));
    const auto chunk = co_await pushed.next_chunk();
    CHECK_FALSE(chunk);
    const outcome ended = co_await pushed.result();
    CHECK(ended.output == json{1, 2});
    co_await beside.join();
  });
}

// --- real threads -------------------------------------------------------------------------------------------

task<json> yield_a_little(job<int> work) {
  const coworker::executor_ref here = co_await coworker::this_coro::executor();
  for (int i = 0; i < work.input % 3; ++i) co_await coworker::resume_on(here);
  work.progress(work.input);
  co_return work.input;
}

TEST_CASE("threads push, block and stop while a worker serves, and every job has one outcome") {
  captured_log output(coworker::log_level::warn);
  worker runner(yield_a_little, fixed_concurrency{8}, {.log = &output.log});
  memory_queue queue;
  worker_summary summary;
  std::thread serving([&] { summary = runner.run(queue); });
  constexpr int threads = 4, each = 300;
  std::atomic<int> succeeded{0}, stopped{0}, other{0};
  std::vector<std::thread> pushing;
  for (int t = 0; t < threads; ++t) {
    pushing.emplace_back([&, t] {
      std::vector<std::pair<memory_job, int>> jobs;
      for (int i = 0; i < each; ++i) {
        jobs.emplace_back(queue.push(t * each + i), t * each + i);
        if (i % 7 == 0) jobs.back().first.stop();
        if (i % 10 == 0) jobs.back().first.blocking_result();
      }
      for (const auto& [pushed, input] : jobs) {
        while (pushed.blocking_next_progress()) {
        }
        const outcome ended = pushed.blocking_result();
        if (ended.status == outcome_status::stopped) {
          ++stopped;
        } else if (ended.succeeded() && ended.output == json(input)) {
          ++succeeded;
        } else {
          ++other;
        }
      }
    });
  }
  for (std::thread& one : pushing) one.join();
  queue.close();
  serving.join();
  CHECK(other == 0);
  CHECK(succeeded + stopped == threads * each);
  CHECK(succeeded >= threads * each * 6 / 7 - threads);
  CHECK(summary.undelivered == 0);
}

TEST_CASE("nothing is lost when the worker is stopped while threads push") {
  captured_log output(coworker::log_level::error);
  worker runner(yield_a_little, fixed_concurrency{4}, {.log = &output.log});
  memory_queue queue;
  worker_summary summary;
  std::thread serving([&] { summary = runner.run(queue); });
  constexpr int threads = 3, each = 400;
  std::atomic<std::size_t> run{0}, not_run{0};
  std::vector<std::thread> pushing;
  for (int t = 0; t < threads; ++t) {
    pushing.emplace_back([&, t] {
      std::vector<memory_job> jobs;
      for (int i = 0; i < each; ++i) {
        jobs.push_back(queue.push(i));
        if (t == 0 && i == each / 2) {
          jobs.front().blocking_result();  // so that the worker has started
          runner.stop();
        }
      }
      for (const memory_job& pushed : jobs) {
        if (pushed.blocking_result().succeeded()) {
          ++run;
        } else {
          ++not_run;
        }
      }
    });
  }
  for (std::thread& one : pushing) one.join();
  serving.join();
  CHECK(run + not_run == threads * each);
  CHECK(run == summary.jobs);
  CHECK(not_run > 0);
  CHECK(summary.undelivered == 0);
  CHECK(queue.backlog() == 0);
}

task<json> await_elsewhere(memory_queue& queue, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    const outcome ended = co_await queue.push(i).result();
    sum += ended.output.get<int>();
  }
  co_return sum;
}

TEST_CASE("results are awaited on event loops of other threads") {
  captured_log output(coworker::log_level::warn);
  worker runner(yield_a_little, fixed_concurrency{4}, {.log = &output.log});
  memory_queue queue;
  std::thread serving([&] { runner.run(queue); });
  std::vector<std::thread> others;
  std::atomic<int> sum{0};
  for (int t = 0; t < 3; ++t) {
    others.emplace_back([&] {
      coworker::event_loop loop;
      sum += coworker::sync_wait(loop, await_elsewhere(queue, 100)).get<int>();
    });
  }
  for (std::thread& one : others) one.join();
  queue.close();
  serving.join();
  CHECK(sum == 3 * 4950);
}

TEST_CASE("a thread that waits for a running job gets its outcome after a stop") {
  captured_log output(coworker::log_level::warn);
  worker runner(sleep_so_many_ms, fixed_concurrency{1}, {.log = &output.log});
  memory_queue queue;
  std::thread serving([&] { runner.run(queue); });
  queue.push(0).blocking_result();  // the worker has started
  const memory_job endless = queue.push(1'000'000'000);
  const memory_job waiting = queue.push(0);
  std::thread stopping([&] { endless.stop(); });
  CHECK(endless.blocking_result().status == outcome_status::stopped);
  CHECK(waiting.blocking_result().succeeded());
  stopping.join();
  queue.close();
  serving.join();
}

TEST_CASE("blocking the worker's own thread for a job is refused") {
  captured_log output(coworker::log_level::warn);
  memory_queue queue;
  worker runner(
      [&queue](job<int> work) -> task<json> {
        if (work.input == 0) co_return queue.push(1).blocking_result().output;
        co_return work.input;
      },
      fixed_concurrency{1}, {.log = &output.log});
  std::thread serving([&] { runner.run(queue); });
  const outcome refused = queue.push(0).blocking_result();
  queue.close();
  serving.join();
  CHECK(said(refused).find("this thread runs an event loop, which must not block") != std::string::npos);
}

}  // namespace
