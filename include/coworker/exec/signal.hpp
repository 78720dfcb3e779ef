#pragma once
// signal: how one coroutine sleeps until others have something for it to look at, or until a moment has come.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <mutex>

namespace coworker {

/// Set by anyone, waited for by one coroutine at a time. It stays set until a wait takes it; setting it twice
/// counts once. Thread-safe. Must outlive the wait and every call of set().
class signal {
 public:
  signal() noexcept {}
  signal(const signal&) = delete;
  signal& operator=(const signal&) = delete;

  void set() {
    const std::lock_guard lock(mutex_);
    if (waiting_ == nullptr) {
      set_ = true;
      return;
    }
    timer& alarm = *waiting_;
    waiting_ = nullptr;
    executor_.cancel(alarm);
  }

  class wait_awaiter {
   public:
    wait_awaiter(signal& awaited, time_point due) noexcept : signal_(awaited) { alarm_.due = due; }
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
      const executor_ref executor = detail::require_context(awaiting, "signal").executor;
      const std::lock_guard lock(signal_.mutex_);
      if (signal_.set_) return false;
      alarm_.handle = awaiting;
      signal_.waiting_ = &alarm_;
      signal_.executor_ = executor;
      executor.arm(alarm_);
      return true;
    }

    // set() takes its note of the waiter away; where that still stands, time has run out.
    bool await_resume() noexcept {
      const std::lock_guard lock(signal_.mutex_);
      const bool was_set = signal_.waiting_ != &alarm_;
      signal_.waiting_ = nullptr;
      signal_.set_ = false;
      return was_set;
    }

   private:
    signal& signal_;
    timer alarm_;
  };

  /// Awaited, it returns true once the signal is set, or false when `due` has come first. A stop does not end
  /// it: whoever waits here is who winds things down.
  wait_awaiter wait_until(time_point due) noexcept { return wait_awaiter(*this, due); }
  wait_awaiter wait() noexcept { return wait_awaiter(*this, time_point::max()); }

 private:
  std::mutex mutex_;  // guards all below
  timer* waiting_ = nullptr;
  executor_ref executor_;
  bool set_ = false;
};

}  // namespace coworker
