// concurrencpp in the coroutine benchmark. Empty if its headers are not found.

#if __has_include(<concurrencpp/concurrencpp.h>)

#include "coro_bench.hpp"

#include <concurrencpp/concurrencpp.h>

#include <limits>
#include <memory>
#include <thread>
#include <utility>

namespace coworker::bench {
namespace {

// Its documentation recommends lazy results where the result is consumed at once.
template <class T>
using concurrencpp_task = concurrencpp::lazy_result<T>;

const auto concurrencpp_drive = [](auto task) { return task.run().get(); };

constexpr std::size_t concurrencpp_all = std::numeric_limits<std::size_t>::max();

concurrencpp::result<void> concurrencpp_end(concurrencpp::executor_tag, concurrencpp::manual_executor*,
                                            std::size_t& ended) {
  ++ended;
  co_return;
}

concurrencpp::result<void> concurrencpp_spawn_all(std::shared_ptr<concurrencpp::manual_executor> loop,
                                                  std::size_t at_once, std::size_t& ended) {
  std::vector<concurrencpp::result<void>> results;
  results.reserve(at_once);
  for (std::size_t i = 0; i != at_once; ++i) results.push_back(concurrencpp_end({}, loop.get(), ended));
  for (concurrencpp::result<void>& result : results) co_await result;
}

nanoseconds concurrencpp_spawn(std::size_t rounds, std::size_t at_once) {
  concurrencpp::runtime runtime;
  const auto loop = runtime.make_manual_executor();
  std::size_t ended = 0;
  const stopwatch watch;
  for (std::size_t round = 0; round != rounds; ++round) {
    auto all = concurrencpp_spawn_all(loop, at_once, ended);
    loop->loop(concurrencpp_all);
    all.get();
  }
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "concurrencpp: not all tasks ended");
  return elapsed;
}

nanoseconds concurrencpp_hop(std::size_t trips, std::size_t at_once) {
  concurrencpp::runtime runtime;
  const auto loop = runtime.make_manual_executor();
  const auto pool = runtime.make_worker_thread_executor();
  hop_counts done;
  const auto to_pool = [&pool] { return concurrencpp::resume_on(pool); };
  const auto to_loop = [&loop] { return concurrencpp::resume_on(loop); };
  const stopwatch watch;
  std::vector<concurrencpp::result<void>> results;
  for (std::size_t i = 0; i != at_once; ++i) {
    results.push_back(hop_repeatedly<concurrencpp::lazy_result<void>>(trips, to_pool, to_loop, done).run());
  }
  while (done.ended != at_once) {
    loop->wait_for_task();
    loop->loop(concurrencpp_all);
  }
  const nanoseconds elapsed = watch.elapsed();
  require(done.on_wrong_thread == 0, "concurrencpp: a coroutine ran on the wrong thread");
  return elapsed;
}

concurrencpp::lazy_result<void> concurrencpp_sleep(std::shared_ptr<concurrencpp::timer_queue> timers,
                                                   std::shared_ptr<concurrencpp::manual_executor> loop,
                                                   clock::time_point until, std::size_t& woken) {
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
  co_await timers->make_delay_object(delay, loop);
  ++woken;
}

// Its timers run on a thread of their own, which may wake coroutines before this thread starts to wait.
timer_times concurrencpp_fire(std::size_t count) {
  concurrencpp::runtime runtime;
  const auto loop = runtime.make_manual_executor();
  std::size_t woken = 0;
  std::vector<concurrencpp::result<void>> results;
  results.reserve(count);
  const deadlines due(soon(count));
  const stopwatch arming;
  for (std::size_t i = 0; i != count; ++i) {
    results.push_back(concurrencpp_sleep(runtime.timer_queue(), loop, due[i], woken).run());
  }
  timer_times times{.arming = arming.elapsed(), .ending = {}};
  std::this_thread::sleep_until(due.last());
  const stopwatch ending;
  while (woken != count) {
    loop->wait_for_task();
    loop->loop(concurrencpp_all);
  }
  times.ending = ending.elapsed();
  return times;
}

// No cancel: a sleep cannot end early.
const bool concurrencpp_added = add({
    .name = "concurrencpp",
    .leaf = [](std::uint64_t count) { return time_leaves<concurrencpp_task>(count, concurrencpp_drive); },
    .visible_leaf =
        [](std::uint64_t count) { return time_visible_leaves<concurrencpp_task>(count, concurrencpp_drive); },
    .fibonacci = [](int n) { return time_fibonacci<concurrencpp_task>(n, concurrencpp_drive); },
    .spawn = concurrencpp_spawn,
    .hop = concurrencpp_hop,
    .fire = concurrencpp_fire,
});

}  // namespace
}  // namespace coworker::bench

#endif
