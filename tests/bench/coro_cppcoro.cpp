// cppcoro in the coroutine benchmark. Empty if its headers are not found.

#if __has_include(<cppcoro/task.hpp>)

#include "coro_bench.hpp"

#include <cppcoro/async_scope.hpp>
#include <cppcoro/io_service.hpp>
#include <cppcoro/static_thread_pool.hpp>
#include <cppcoro/sync_wait.hpp>
#include <cppcoro/task.hpp>
#include <cppcoro/when_all.hpp>

#include <utility>

namespace coworker::bench {
namespace {

template <class T>
using cppcoro_task = cppcoro::task<T>;

const auto cppcoro_drive = [](auto task) { return cppcoro::sync_wait(std::move(task)); };

cppcoro::task<void> cppcoro_end_on(cppcoro::static_thread_pool& pool, std::size_t& ended) {
  co_await pool.schedule();
  ++ended;
}

cppcoro::task<void> cppcoro_spawn_all(cppcoro::static_thread_pool& pool, std::size_t rounds,
                                      std::size_t at_once, std::size_t& ended) {
  co_await pool.schedule();
  for (std::size_t round = 0; round != rounds; ++round) {
    cppcoro::async_scope scope;
    for (std::size_t i = 0; i != at_once; ++i) scope.spawn(cppcoro_end_on(pool, ended));
    co_await scope.join();
  }
}

// Uses its thread pool with one thread: on Linux, its io_service sends each resumption through a pipe, which
// is slower.
nanoseconds cppcoro_spawn(std::size_t rounds, std::size_t at_once) {
  cppcoro::static_thread_pool pool{1};
  std::size_t ended = 0;
  const stopwatch watch;
  cppcoro::sync_wait(cppcoro_spawn_all(pool, rounds, at_once, ended));
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "cppcoro: not all tasks ended");
  return elapsed;
}

template <class ToPool, class ToLoop>
cppcoro::task<void> cppcoro_hop_all(std::size_t trips, std::size_t at_once, ToPool to_pool, ToLoop to_loop,
                                    cppcoro::io_service& loop, hop_counts& done) {
  co_await loop.schedule();
  cppcoro::async_scope scope;
  for (std::size_t i = 0; i != at_once; ++i) {
    scope.spawn(hop_repeatedly<cppcoro::task<void>>(trips, to_pool, to_loop, done));
  }
  co_await scope.join();
  loop.stop();
}

cppcoro::task<void> cppcoro_run(cppcoro::io_service& loop) {
  loop.process_events();
  co_return;
}

nanoseconds cppcoro_hop(std::size_t trips, std::size_t at_once) {
  cppcoro::io_service loop{1};
  cppcoro::static_thread_pool pool{1};
  hop_counts done;
  const auto to_pool = [&pool] { return pool.schedule(); };
  const auto to_loop = [&loop] { return loop.schedule(); };
  const stopwatch watch;
  cppcoro::sync_wait(
      cppcoro::when_all(cppcoro_hop_all(trips, at_once, to_pool, to_loop, loop, done), cppcoro_run(loop)));
  const nanoseconds elapsed = watch.elapsed();
  require(done.ended == at_once && done.on_wrong_thread == 0, "cppcoro: a coroutine ran on the wrong thread");
  return elapsed;
}

const bool cppcoro_added = add({
    .name = "cppcoro",
    .leaf = [](std::uint64_t count) { return time_leaves<cppcoro_task>(count, cppcoro_drive); },
    .visible_leaf =
        [](std::uint64_t count) { return time_visible_leaves<cppcoro_task>(count, cppcoro_drive); },
    .fibonacci = [](int n) { return time_fibonacci<cppcoro_task>(n, cppcoro_drive); },
    .spawn = cppcoro_spawn,
    .hop = cppcoro_hop,
});

}  // namespace
}  // namespace coworker::bench

#endif
