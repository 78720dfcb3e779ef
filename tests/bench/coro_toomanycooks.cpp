// TooManyCooks in the coroutine benchmark. Empty if its headers are not found.

#if __has_include(<tmc/task.hpp>)

// The options that its own benchmarks use. The library is header-only; the one file that sets TMC_IMPL
// defines its variables.
#define TMC_IMPL
#define TMC_PRIORITY_COUNT 1
#define TMC_TRIVIAL_TASK

#include "coro_bench.hpp"

#include <tmc/all_headers.hpp>

#include <utility>

namespace coworker::bench {
namespace {

template <class T>
using tmc_task = tmc::task<T>;

/// Its executor with one thread and no work stealing. Lives until the program ends.
tmc::ex_cpu_st& tmc_loop() {
  static tmc::ex_cpu_st loop;
  loop.init();
  return loop;
}

tmc::ex_cpu_st& tmc_pool() {
  static tmc::ex_cpu_st pool;
  pool.init();
  return pool;
}

const auto tmc_drive = [](auto task) { return tmc::post_waitable(tmc_loop(), std::move(task)).get(); };

tmc::task<void> tmc_spawn_all(std::size_t rounds, std::size_t at_once, std::size_t& ended) {
  for (std::size_t round = 0; round != rounds; ++round) {
    auto tasks = tmc::iter_adapter(0, [&ended](int) { return end_at_once<tmc::task<void>>(ended); });
    co_await tmc::spawn_many(tasks, at_once);
  }
}

nanoseconds tmc_spawn(std::size_t rounds, std::size_t at_once) {
  std::size_t ended = 0;
  tmc_loop();
  const stopwatch watch;
  tmc::post_waitable(tmc_loop(), tmc_spawn_all(rounds, at_once, ended)).get();
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "TooManyCooks: not all tasks ended");
  return elapsed;
}

template <class ToPool, class ToLoop>
tmc::task<void> tmc_hop_all(std::size_t trips, std::size_t at_once, ToPool to_pool, ToLoop to_loop,
                            hop_counts& done) {
  auto tasks = tmc::iter_adapter(
      0, [&](int) { return hop_repeatedly<tmc::task<void>>(trips, to_pool, to_loop, done); });
  co_await tmc::spawn_many(tasks, at_once);
}

nanoseconds tmc_hop(std::size_t trips, std::size_t at_once) {
  tmc_loop();
  tmc_pool();
  hop_counts done;
  const auto to_pool = [] { return tmc::resume_on(tmc_pool()); };
  const auto to_loop = [] { return tmc::resume_on(tmc_loop()); };
  const stopwatch watch;
  tmc::post_waitable(tmc_loop(), tmc_hop_all(trips, at_once, to_pool, to_loop, done)).get();
  const nanoseconds elapsed = watch.elapsed();
  require(done.ended == at_once && done.on_wrong_thread == 0,
          "TooManyCooks: a coroutine ran on the wrong thread");
  return elapsed;
}

// No timers of its own: it uses asio's.
const bool tmc_added = add({
    .name = "TooManyCooks",
    .leaf = [](std::uint64_t count) { return time_leaves<tmc_task>(count, tmc_drive); },
    .visible_leaf = [](std::uint64_t count) { return time_visible_leaves<tmc_task>(count, tmc_drive); },
    .fibonacci = [](int n) { return time_fibonacci<tmc_task>(n, tmc_drive); },
    .spawn = tmc_spawn,
    .hop = tmc_hop,
});

}  // namespace
}  // namespace coworker::bench

#endif
