// async_simple in the coroutine benchmark. Empty if its headers are not found.

#if __has_include(<async_simple/coro/Lazy.h>)

// g++ 12 wrongly warns that a function object of its executor is uninitialised.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "coro_bench.hpp"

#include <async_simple/coro/Collect.h>
#include <async_simple/coro/Dispatch.h>
#include <async_simple/coro/Lazy.h>
#include <async_simple/coro/SyncAwait.h>
#include <async_simple/executors/SimpleExecutor.h>

#include <utility>

namespace coworker::bench {
namespace {

using async_simple::executors::SimpleExecutor;

template <class T>
using async_simple_task = async_simple::coro::Lazy<T>;

const auto async_simple_drive = [](auto task) { return async_simple::coro::syncAwait(std::move(task)); };

async_simple::coro::Lazy<void> async_simple_spawn_all(std::size_t rounds, std::size_t at_once,
                                                      std::size_t& ended) {
  for (std::size_t round = 0; round != rounds; ++round) {
    std::vector<async_simple::coro::Lazy<void>> tasks;
    tasks.reserve(at_once);
    for (std::size_t i = 0; i != at_once; ++i) {
      tasks.push_back(end_at_once<async_simple::coro::Lazy<void>>(ended));
    }
    co_await async_simple::coro::collectAllPara(std::move(tasks));
  }
}

nanoseconds async_simple_spawn(std::size_t rounds, std::size_t at_once) {
  SimpleExecutor loop{1};
  std::size_t ended = 0;
  const stopwatch watch;
  async_simple::coro::syncAwait(async_simple_spawn_all(rounds, at_once, ended).via(&loop));
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "async_simple: not all tasks ended");
  return elapsed;
}

template <class ToPool, class ToLoop>
async_simple::coro::Lazy<void> async_simple_hop_all(std::size_t trips, std::size_t at_once, ToPool to_pool,
                                                    ToLoop to_loop, hop_counts& done) {
  std::vector<async_simple::coro::Lazy<void>> tasks;
  for (std::size_t i = 0; i != at_once; ++i) {
    tasks.push_back(hop_repeatedly<async_simple::coro::Lazy<void>>(trips, to_pool, to_loop, done));
  }
  co_await async_simple::coro::collectAllPara(std::move(tasks));
}

nanoseconds async_simple_hop(std::size_t trips, std::size_t at_once) {
  SimpleExecutor loop{1};
  SimpleExecutor pool{1};
  hop_counts done;
  const auto to_pool = [&pool] { return async_simple::coro::dispatch(&pool); };
  const auto to_loop = [&loop] { return async_simple::coro::dispatch(&loop); };
  const stopwatch watch;
  async_simple::coro::syncAwait(async_simple_hop_all(trips, at_once, to_pool, to_loop, done).via(&loop));
  const nanoseconds elapsed = watch.elapsed();
  require(done.ended == at_once && done.on_wrong_thread == 0,
          "async_simple: a coroutine ran on the wrong thread");
  return elapsed;
}

// No timers: its executor starts a thread for each sleep, and expects users to write a better executor.
const bool async_simple_added = add({
    .name = "async_simple",
    .leaf = [](std::uint64_t count) { return time_leaves<async_simple_task>(count, async_simple_drive); },
    .visible_leaf =
        [](std::uint64_t count) { return time_visible_leaves<async_simple_task>(count, async_simple_drive); },
    .fibonacci = [](int n) { return time_fibonacci<async_simple_task>(n, async_simple_drive); },
    .spawn = async_simple_spawn,
    .hop = async_simple_hop,
});

}  // namespace
}  // namespace coworker::bench

#endif
