#include <doctest/doctest.h>
#include <chrono>
#include <coro/foreign.hpp>
#include <coroutine>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/event_loop.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/exec/thread_pool.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/worker.hpp>
#include <coworker/worker/watchdog.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/counted_memory.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::job;
using coworker::task;

// Runs the jobs a, b, c, ... side by side under a watchdog, and returns the log.
template <class Handler>
void run_watched(Handler handler, int jobs, coworker::testing::captured_log& output) {
  coworker::worker_options options;
  options.log = &output.log;
  options.loop_block_limit = 50ms;  // longer than a busy machine suspends a thread
  std::vector<coworker::job_envelope> envelopes(static_cast<std::size_t>(jobs));
  for (std::size_t i = 0; i < envelopes.size(); ++i)
    envelopes[i].id = std::string(1, static_cast<char>('a' + i));
  coworker::local_file queue(std::move(envelopes), output.log);
  coworker::worker watched(std::move(handler), coworker::fixed_concurrency{jobs}, options);
  watched.run(queue);
}

constexpr std::string_view watchdog_line = "It has blocked the event loop";

// Blocks the thread until the watchdog has logged it, or for ten seconds, by when it must have.
void block_until_named(const coworker::testing::captured_log& output, std::size_t lines) {
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (output.count(watchdog_line) < lines && std::chrono::steady_clock::now() < give_up)
    std::this_thread::yield();
}

// Runs one job's coroutine on a loop as a worker with a watchdog does.
template <class Handler>
void run_under(coworker::detail::watchdog& dog, coworker::event_loop& loop, Handler& handler) {
  coworker::job_record record({"a", {}});
  const auto first_turn = [&]() -> task<void> {
    coworker::detail::watched_executor* const watched = dog.add(record);
    coworker::context own(coworker::executor_ref(*watched), record.stop.get_token(), &record);
    co_await handler().in(own);
    dog.remove(watched);
  };
  coworker::sync_wait(loop, first_turn());
}

}  // namespace

TEST_CASE("a coroutine that blocks the loop is named while it does so, whether it has waited before or not") {
  for (const bool waits_first : {false, true}) {
    coworker::testing::captured_log output;
    run_watched(
        [&](job<> work) -> task<void> {
          if (waits_first || work.id != "b") co_await coworker::sleep_for(1ms);
          if (work.id == "b") block_until_named(output, 1);
          co_await coworker::sleep_for(1ms);
        },
        3, output);
    CHECK(output.count("b | " + std::string(watchdog_line)) == 1);
    CHECK(output.count(watchdog_line) == 1);
  }
}

TEST_CASE("a job that blocks the loop again is not named again, another one is") {
  coworker::testing::captured_log output;
  run_watched(
      [&](job<> work) -> task<void> {
        if (work.id == "a") {
          block_until_named(output, 1);
          co_await coworker::sleep_for(1ms);
          const auto until = std::chrono::steady_clock::now() + 120ms;
          while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
        } else {
          co_await coworker::sleep_for(1ms);
          block_until_named(output, 2);
        }
      },
      2, output);
  CHECK(output.count("a | " + std::string(watchdog_line)) == 1);
  CHECK(output.count("b | " + std::string(watchdog_line)) == 1);
}

TEST_CASE("a job is not named for a coroutine that reuses the memory of one of its own") {
  coworker::testing::captured_log output;
  const auto helper = [](bool blocks, const coworker::testing::captured_log& seen) -> task<void> {
    co_await coworker::sleep_for(1ms);
    if (blocks) block_until_named(seen, 1);
  };
  int through = 0;
  run_watched(
      [&](job<> work) -> task<void> {
        while (work.id == "b" && through == 0) co_await coworker::sleep_for(1ms);
        auto helping = helper(work.id == "b", output);
        co_await std::move(helping);
        ++through;
        while (through < 2) co_await coworker::sleep_for(1ms);
      },
      2, output);
  CHECK(output.count("b | " + std::string(watchdog_line)) == 1);
  CHECK(output.count(watchdog_line) == 1);
}

TEST_CASE("a job that blocks on a pool is not named, nor one that only waits") {
  coworker::testing::captured_log output;
  coworker::thread_pool pool(1);
  run_watched(
      [&](job<>) -> task<void> {
        const auto home = co_await coworker::this_coro::executor();
        co_await coworker::sleep_for(5ms);
        co_await coworker::resume_on(pool);
        std::this_thread::sleep_for(150ms);
        co_await coworker::resume_on(home);
      },
      1, output);
  CHECK(output.count(watchdog_line) == 0);
}

TEST_CASE("a watchdog notes the coroutines that wait, and keeps nothing of those that were resumed") {
  coworker::testing::captured_log output;
  coworker::event_loop loop;
  coworker::detail::watchdog dog(loop, 60s, output.log);
  const auto child = []() -> task<void> { co_await coworker::sleep_for(1ms); };
  std::size_t most_at_once = 0;
  std::size_t most_in_turn = 0;
  std::int64_t held = 0;
  const auto handler = [&]() -> task<void> {
    coworker::scope side_by_side(co_await coworker::this_coro::context());
    for (int i = 0; i < 1'000; ++i) side_by_side.spawn(child());
    co_await coworker::resume_on(co_await coworker::this_coro::executor());
    most_at_once = dog.notes();
    co_await side_by_side.join();
    const coworker::testing::counted_memory counted;
    for (int i = 0; i < 20'000; ++i) {
      coworker::scope one(co_await coworker::this_coro::context());
      one.spawn([]() -> task<void> { co_return; }());
      co_await one.join();
      if (dog.notes() > most_in_turn) most_in_turn = dog.notes();
    }
    held = counted.peak();
  };
  run_under(dog, loop, handler);
  CHECK(most_at_once == 1'000);
  CHECK(most_in_turn == 0);
  CHECK(held < 50'000);
  CHECK(dog.notes() == 0);
}

TEST_CASE("a coroutine of another library that a job has posted may be resumed after the job has ended") {
  coworker::testing::captured_log output;
  coworker::event_loop loop;
  coworker::detail::watchdog dog(loop, 60s, output.log);
  int resumed = 0;
  const auto counts = [](int& times) -> foreign::eager_task {
    for (;;) {
      co_await std::suspend_always();
      ++times;
    }
  };
  const foreign::eager_task other = counts(resumed);
  const auto handler = [&]() -> task<void> {
    const auto here = co_await coworker::this_coro::executor();
    here.post(other.handle());
  };
  run_under(dog, loop, handler);
  CHECK(dog.notes() == 0);
  const auto later = []() -> task<void> { co_await coworker::sleep_for(1ms); };
  coworker::sync_wait(loop, later());
  CHECK(resumed == 1);
}
