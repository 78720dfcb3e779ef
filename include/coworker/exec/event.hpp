#pragma once
// event: a flag that many coroutines can wait for, such as "the model is loaded".
// Must not know what the event is for, nor any concrete executor.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/late_wake.hpp>
#include <coworker/exec/short_mutex.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/wait_list.hpp>
#include <mutex>
#include <optional>

namespace coworker::inline v0_1 {

/// A flag that any number of coroutines wait for. Once set, it stays set until reset(), and every wait
/// returns at once. Must outlive the waits and every call of set().
/// Thread safety: all operations may be called on any thread.
/// Example:
///
///     event loaded;
///     co_await loaded.wait();  // in each of them
///     loaded.set();            // on any thread
class event {
 public:
  /// `set`: whether the event is set from the start.
  explicit event(bool set = false) noexcept : set_(set) {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  /// Resumes all waiting coroutines, each on its own executor, in the order in which they began to wait.
  /// Throws: std::logic_error on another thread if coroutines wait, or last waited, on a simulated_loop;
  /// std::bad_alloc or what else an executor throws when it has no memory. The event is then not set, and
  /// those not resumed yet still wait.
  void set() {
    const detail::late_wake woken_unlocked;
    const std::lock_guard lock(mutex_);
    simulated_.refuse_foreign_thread("event::set");
    while (!waiting_.empty()) {
      timed_waiter& first = waiting_.front();
      first.executor.cancel(first.alarm);
      first.unlink();
    }
    set_ = true;
  }

  /// Makes later waits wait again. Does not affect coroutines that set() has resumed.
  void reset() noexcept {
    const std::lock_guard lock(mutex_);
    set_ = false;
  }

  /// Returns whether the event is set now.
  bool is_set() const noexcept {
    const std::lock_guard lock(mutex_);
    return set_;
  }

  class wait_awaiter;

  /// Waits, when awaited, until the event is set or the executor's clock reaches `due`.
  /// Returns true if the event is set, false if `due` came first.
  /// Throws: std::logic_error if the awaiting coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested; at once if it was before.
  wait_awaiter wait_until(time_point due) noexcept;
  /// The same without a deadline.
  wait_awaiter wait() noexcept;

 private:
  struct timed_waiter : detail::wait_link {
    timer alarm;  // cancelling it resumes the coroutine on its executor
    executor_ref executor;
  };

  // Out of line, because the lock must not be in the frame of a coroutine that already runs elsewhere (LLVM
  // 56301). Returns false if the event is set. Arms the timer before it lists the waiter, because only arming
  // can throw.
  COWORKER_NOINLINE bool enlist(timed_waiter& waiter) {
    const std::lock_guard lock(mutex_);
    simulated_.note(waiter.executor);
    if (set_) return false;
    waiter.executor.arm(waiter.alarm);
    waiting_.push_back(waiter);
    return true;
  }

  // Returns true if set() has resumed the waiter, or if the event was set before.
  bool leave(timed_waiter& waiter) noexcept {
    const std::lock_guard lock(mutex_);
    if (!waiter.listed()) return true;
    waiter.unlink();
    return false;
  }

  mutable detail::short_mutex mutex_;  // guards all members below, and the waiters
  detail::wait_list<timed_waiter> waiting_;
  detail::simulated_waiters simulated_;
  bool set_;
};

class event::wait_awaiter {
 public:
  wait_awaiter(event& awaited, time_point due) noexcept : event_(awaited) { waiter_.alarm.due = due; }
  wait_awaiter(const wait_awaiter&) = delete;
  wait_awaiter& operator=(const wait_awaiter&) = delete;
  ~wait_awaiter() = default;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "event");
    if (here.stop.stop_requested()) throw cancelled();
    waiter_.executor = here.executor;
    waiter_.alarm.handle = awaiting;
    // If a stop comes between these two lines, it finds the timer idle, and arm() then posts the handle at
    // once.
    on_stop_.emplace(here.stop, detail::cancel_timer(here.executor, waiter_.alarm));
    return event_.enlist(waiter_);
  }

  bool await_resume() {
    on_stop_.reset();
    if (event_.leave(waiter_)) return true;
    if (waiter_.alarm.status == timer::state::cancelled) throw cancelled();
    return false;
  }

 private:
  event& event_;
  timed_waiter waiter_;
  std::optional<stop_callback<detail::cancel_timer>> on_stop_;
};

inline event::wait_awaiter event::wait_until(time_point due) noexcept { return wait_awaiter(*this, due); }
inline event::wait_awaiter event::wait() noexcept { return wait_awaiter(*this, (time_point::max)()); }

}  // namespace coworker::inline v0_1
