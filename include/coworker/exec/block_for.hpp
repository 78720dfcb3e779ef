#pragma once
// block_for: blocks a thread for a while, until a stop ends the wait early. It is sleep_for for plain
// handlers on the pool.
// Must not know coroutines or executors.

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
    condition_.notify_one();  // under the lock, because the waiter destroys this object once it is awake
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

/// Blocks the calling thread for `span` of real time, never less; durations as for sleep_for. Not for
/// coroutines on a loop, because it would block the whole loop.
/// Cancellation: throws `cancelled` as soon as `stop` requests a stop; at once if it did before.
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
