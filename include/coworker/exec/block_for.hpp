#pragma once
// Waiting in ordinary code, on a thread that may block, until a stop cuts the wait short. What sleep_for is
// to a coroutine, this is to a plain handler on the pool.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/thread.hpp>
#include <mutex>

namespace coworker::inline v0_1 {

namespace detail {

// Lives on the waiting thread's stack.
class interruptible_wait {
 public:
  void interrupt() noexcept {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    condition_.notify_one();  // under the lock: the waiter, once awake, takes this object away
  }

  void until(time_point due) {
    std::unique_lock lock(mutex_);
    while (!interrupted_ && clock_type::now() < due) condition_.wait_until(lock, due);
  }

 private:
  std::mutex mutex_;
  condition condition_;
  bool interrupted_ = false;
};

}  // namespace detail

/// Blocks the calling thread for `span`, never shorter, in real time; durations as for sleep_for. Not for
/// coroutines on a loop: it would stand still.
/// Cancellation: throws `cancelled` as soon as a stop is requested of `stop`, at once if one was.
template <class Rep, class Period>
void block_for(std::chrono::duration<Rep, Period> span, stop_token stop) {
  detail::interruptible_wait wait;
  {
    const stop_callback on_stop(stop, [&wait]() noexcept { wait.interrupt(); });
    wait.until(detail::after(clock_type::now(), detail::clock_span(span)));
  }
  stop.throw_if_stopped();
}

}  // namespace coworker
