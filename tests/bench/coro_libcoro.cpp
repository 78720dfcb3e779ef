// libcoro in the coroutine benchmark. Empty if its headers are not found.

#if __has_include(<coro/task.hpp>)

// Its build defines these for its users if it has a scheduler.
#ifndef LIBCORO_FEATURE_NETWORKING
#define LIBCORO_FEATURE_NETWORKING
#endif

#include "coro_bench.hpp"

#include <coro/scheduler.hpp>
#include <coro/sync_wait.hpp>
#include <coro/task.hpp>
#include <coro/task_group.hpp>
#include <coro/thread_pool.hpp>

#include <memory>
#include <thread>
#include <utility>

namespace coworker::bench {
namespace {

using namespace std::chrono_literals;

template <class T>
using libcoro_task = coro::task<T>;

const auto libcoro_drive = [](auto task) { return coro::sync_wait(std::move(task)); };

/// Its event loop on the calling thread, set up as its documentation describes.
std::unique_ptr<coro::scheduler> libcoro_loop() {
  return coro::scheduler::make_unique(coro::scheduler::options{
      .thread_strategy = coro::scheduler::thread_strategy_t::manual,
      .execution_strategy = coro::scheduler::execution_strategy_t::process_tasks_inline});
}

coro::task<void> libcoro_spawn_all(coro::scheduler& loop, std::size_t rounds, std::size_t at_once,
                                   std::size_t& ended) {
  for (std::size_t round = 0; round != rounds; ++round) {
    coro::task_group<coro::scheduler> group(&loop);
    for (std::size_t i = 0; i != at_once; ++i) {
      const bool started = group.start(end_at_once<coro::task<void>>(ended));
      require(started, "libcoro: a task did not start");
    }
    co_await group;
  }
}

nanoseconds libcoro_spawn(std::size_t rounds, std::size_t at_once) {
  const auto loop = libcoro_loop();
  std::size_t ended = 0;
  loop->spawn_detached(libcoro_spawn_all(*loop, rounds, at_once, ended));
  const stopwatch watch;
  while (loop->process_events(1s) != 0) continue;
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "libcoro: not all tasks ended");
  return elapsed;
}

nanoseconds libcoro_hop(std::size_t trips, std::size_t at_once) {
  const auto loop = libcoro_loop();
  const auto pool = coro::thread_pool::make_unique(coro::thread_pool::options{.thread_count = 1});
  hop_counts done;
  const auto to_pool = [&pool] { return pool->schedule(); };
  const auto to_loop = [&loop] { return loop->schedule(); };
  for (std::size_t i = 0; i != at_once; ++i) {
    loop->spawn_detached(hop_repeatedly<coro::task<void>>(trips, to_pool, to_loop, done));
  }
  const stopwatch watch;
  while (done.ended != at_once) loop->process_events(1s);
  const nanoseconds elapsed = watch.elapsed();
  require(done.on_wrong_thread == 0, "libcoro: a coroutine ran on the wrong thread");
  return elapsed;
}

coro::task<void> libcoro_sleep(coro::scheduler& loop, clock::time_point until, std::size_t& asleep,
                               std::size_t& woken) {
  ++asleep;
  co_await loop.schedule_after(until - clock::now());
  ++woken;
}

timer_times libcoro_fire(std::size_t count) {
  const auto loop = libcoro_loop();
  std::size_t asleep = 0;
  std::size_t woken = 0;
  const deadlines due(soon(count));
  const stopwatch arming;
  for (std::size_t i = 0; i != count; ++i) {
    loop->spawn_detached(libcoro_sleep(*loop, due[i], asleep, woken));
  }
  while (asleep != count) loop->process_events(0ms);
  timer_times times{.arming = arming.elapsed(), .ending = {}};
  require(woken == 0, "libcoro: a timer was due before all were armed");
  std::this_thread::sleep_until(due.last());
  const stopwatch ending;
  while (woken != count) loop->process_events(1s);
  times.ending = ending.elapsed();
  return times;
}

// No cancel: a sleep cannot end early.
const bool libcoro_added = add({
    .name = "libcoro",
    .leaf = [](std::uint64_t count) { return time_leaves<libcoro_task>(count, libcoro_drive); },
    .visible_leaf =
        [](std::uint64_t count) { return time_visible_leaves<libcoro_task>(count, libcoro_drive); },
    .fibonacci = [](int n) { return time_fibonacci<libcoro_task>(n, libcoro_drive); },
    .spawn = libcoro_spawn,
    .hop = libcoro_hop,
    .fire = libcoro_fire,
});

}  // namespace
}  // namespace coworker::bench

#endif
