// asio in the coroutine benchmark. Empty if its headers are not found or do not support the compiler's
// coroutines (asio 1.22 with clang).

#if __has_include(<asio.hpp>)
#include <asio.hpp>
#endif

#if defined(ASIO_HAS_CO_AWAIT)

#include "coro_bench.hpp"

#include <exception>
#include <thread>
#include <utility>

namespace coworker::bench {
namespace {

// Uses the executor's concrete type, and operations without a coroutine frame if this version has them. Both
// make asio faster.
using asio_executor = asio::io_context::executor_type;
using asio_timer = asio::steady_timer::rebind_executor<asio_executor>::other;
#if ASIO_VERSION >= 102400
constexpr asio::deferred_t asio_token;
#else
constexpr asio::use_awaitable_t<asio_executor> asio_token;
#endif

template <class T>
using asio_task = asio::awaitable<T, asio_executor>;

const auto asio_drive = [](auto task) {
  asio::io_context loop{1};
  std::uint64_t result = 0;
  asio::co_spawn(loop, std::move(task),
                 [&result](std::exception_ptr, std::uint64_t value) { result = value; });
  loop.run();
  return result;
};

asio_task<void> asio_spawn_all(std::size_t count, std::size_t& ended) {
  const auto loop = co_await asio::this_coro::executor;
  for (std::size_t i = 0; i != count; ++i) {
    asio::co_spawn(loop, end_at_once<asio_task<void>>(ended), asio::detached);
  }
}

// The loop waits for all of them: its run() returns when no work is left.
nanoseconds asio_spawn(std::size_t rounds, std::size_t at_once) {
  asio::io_context loop{1};
  std::size_t ended = 0;
  const stopwatch watch;
  for (std::size_t round = 0; round != rounds; ++round) {
    asio::co_spawn(loop, asio_spawn_all(at_once, ended), asio::detached);
    loop.run();
    loop.restart();
  }
  const nanoseconds elapsed = watch.elapsed();
  require(ended == rounds * at_once, "asio: not all tasks ended");
  return elapsed;
}

nanoseconds asio_hop(std::size_t trips, std::size_t at_once) {
  asio::io_context loop{1};
  asio::thread_pool pool{1};
  hop_counts done;
  const auto to_pool = [&pool] { return asio::post(asio::bind_executor(pool, asio_token)); };
  const auto to_loop = [&loop] { return asio::post(asio::bind_executor(loop, asio_token)); };
  for (std::size_t i = 0; i != at_once; ++i) {
    asio::co_spawn(loop, hop_repeatedly<asio_task<void>>(trips, to_pool, to_loop, done), asio::detached);
  }
  const stopwatch watch;
  loop.run();
  const nanoseconds elapsed = watch.elapsed();
  require(done.ended == at_once && done.on_wrong_thread == 0, "asio: a coroutine ran on the wrong thread");
  return elapsed;
}

asio_task<void> asio_sleep(clock::time_point until, asio_timer*& place, std::size_t& woken) {
  asio_timer timer(co_await asio::this_coro::executor, until);
  place = &timer;
  asio::error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(asio_token, cancelled));
  ++woken;
}

timer_times asio_time_timers(std::size_t count, nanoseconds delay, bool cancel) {
  asio::io_context loop{1};
  std::vector<asio_timer*> timers(count);
  std::size_t woken = 0;
  const deadlines due(delay);
  const stopwatch arming;
  for (std::size_t i = 0; i != count; ++i) {
    asio::co_spawn(loop, asio_sleep(due[i], timers[i], woken), asio::detached);
  }
  loop.poll();
  timer_times times{.arming = arming.elapsed(), .ending = {}};
  require(woken == 0, "asio: a timer was due before all were armed");
  if (!cancel) std::this_thread::sleep_until(due.last());
  const stopwatch ending;
  if (cancel) {
    for (asio_timer* timer : timers) timer->cancel();
  }
  loop.run();
  times.ending = ending.elapsed();
  require(woken == count, "asio: not all sleepers woke");
  return times;
}

const bool asio_added = add({
    .name = "asio",
    .leaf = [](std::uint64_t count) { return time_leaves<asio_task>(count, asio_drive); },
    .visible_leaf = [](std::uint64_t count) { return time_visible_leaves<asio_task>(count, asio_drive); },
    .fibonacci = [](int n) { return time_fibonacci<asio_task>(n, asio_drive); },
    .spawn = asio_spawn,
    .hop = asio_hop,
    .fire = [](std::size_t count) { return asio_time_timers(count, soon(count), false); },
    .cancel = [](std::size_t count) { return asio_time_timers(count, far_ahead, true); },
});

}  // namespace
}  // namespace coworker::bench

#endif
