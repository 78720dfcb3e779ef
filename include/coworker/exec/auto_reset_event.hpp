#pragma once
// auto_reset_event: wakes one waiting coroutine, and can give its wait a deadline.
// Must not know what the event is for, nor any concrete executor.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/exec/late_wake.hpp>
#include <coworker/exec/short_mutex.hpp>
#include <coworker/exec/this_thread.hpp>
#include <mutex>
#include <stdexcept>

namespace coworker::inline v0_1 {

/// Lets one coroutine wait until others set the event. It stays set until a wait consumes it; setting it
/// twice counts once. For several waiters, or a wait that a stop must end, use `event`. Must outlive the wait
/// and every call of set().
/// Thread safety: all operations may be called on any thread.
class auto_reset_event {
 public:
  auto_reset_event() noexcept {}
  auto_reset_event(const auto_reset_event&) = delete;
  auto_reset_event& operator=(const auto_reset_event&) = delete;

  /// Resumes the waiting coroutine on its executor, or makes the next wait return at once.
  /// Throws: std::logic_error on another thread if the coroutine waits, or last waited, on a simulated_loop;
  /// std::bad_alloc or what else the executor throws when it has no memory. Nothing was then set.
  void set() {
    const detail::late_wake woken_unlocked;
    const std::lock_guard lock(mutex_);
    simulated_.refuse_foreign_thread("auto_reset_event::set");
    if (waiting_ == nullptr) {
      set_ = true;
      return;
    }
    executor_.cancel(*waiting_);
    waiting_ = nullptr;
  }

  class wait_awaiter {
   public:
    wait_awaiter(auto_reset_event& awaited, time_point due) noexcept : event_(awaited) { alarm_.due = due; }
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
      alarm_.handle = awaiting;
      return event_.begin_wait(alarm_, detail::require_context(awaiting, "auto_reset_event").executor);
    }

    bool await_resume() noexcept { return event_.end_wait(alarm_); }

   private:
    auto_reset_event& event_;
    timer alarm_;
  };

  /// Waits, when awaited, until the event is set or the executor's clock reaches `due`.
  /// Returns true if the event was set, false if `due` came first.
  /// Throws: std::logic_error if another coroutine is waiting, or if the awaiting one runs on no executor.
  /// Cancellation: a stop does not end the wait, so code that shuts things down can wait here.
  wait_awaiter wait_until(time_point due) noexcept { return wait_awaiter(*this, due); }
  /// The same without a deadline.
  wait_awaiter wait() noexcept { return wait_awaiter(*this, (time_point::max)()); }

 private:
  // Out of line, because the lock must not be in the frame of a coroutine that already runs elsewhere (LLVM
  // 56301). Returns false if the event is set. Arms the timer before it registers the waiter, because only
  // arming can throw.
  COWORKER_NOINLINE bool begin_wait(timer& alarm, executor_ref executor) {
    const std::lock_guard lock(mutex_);
    if (waiting_ != nullptr) {
      throw std::logic_error(
          "auto_reset_event: another coroutine is waiting for this event already, and only one can; use an "
          "event for several waiters, or give each waiter an auto_reset_event of its own");
    }
    simulated_.note(executor);
    if (set_) return false;
    executor.arm(alarm);
    waiting_ = &alarm;
    executor_ = executor;
    return true;
  }

  // set() removes the registered waiter. If this waiter is still registered, its time ran out. After set(),
  // the registration may already be that of the next waiter.
  bool end_wait(timer& alarm) noexcept {
    const std::lock_guard lock(mutex_);
    set_ = false;
    if (waiting_ != &alarm) return true;
    waiting_ = nullptr;
    return false;
  }

  detail::short_mutex mutex_;  // guards all members below
  timer* waiting_ = nullptr;
  executor_ref executor_;
  detail::simulated_waiters simulated_;
  bool set_ = false;
};

}  // namespace coworker::inline v0_1
