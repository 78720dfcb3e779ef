#pragma once
// late_wake: lets a thread that posts under a lock wake the sleeping loop once it has unlocked. Must not know
// the loop.
//
// A thread that is woken runs at once, often on the processor of the thread that woke it. If that one still
// holds the lock of the event for which the woken one waited, the woken one sleeps again, and needs a second
// wake: four system calls and two context switches instead of one of each.

#include <atomic>
#include <coworker/coro/quirks.hpp>
#include <coworker/exec/waiter.hpp>

namespace coworker::inline v0_1::detail {

// Declared before the lock. While it exists, the first loop that this thread would wake is woken when it ends.
// Loops beyond the first are woken at once. May be nested; the outermost counts.
class late_wake {
 public:
  late_wake() noexcept : is_outermost_(current() == nullptr) {
    if (is_outermost_) current() = this;
  }
  late_wake(const late_wake&) = delete;
  late_wake& operator=(const late_wake&) = delete;
  ~late_wake() {
    if (!is_outermost_) return;
    current() = nullptr;
    if (sleeper_ == nullptr) return;
    sleeper_->wake();
    wakers_->fetch_sub(1, std::memory_order_release);
  }

  // Returns whether `sleeper` will be woken, so that the caller must not do so. `wakers` counts this wake, and
  // is decremented after it; until then the loop, and with it the waiter, is not destroyed.
  static bool take_over(waiter& sleeper, std::atomic<int>& wakers) noexcept {
    late_wake* const later = current();
    if (later == nullptr || (later->sleeper_ != nullptr && later->sleeper_ != &sleeper)) return false;
    // The loop may have woken by itself since, slept again, and been posted to again: one wake is enough.
    if (later->sleeper_ == &sleeper) wakers.fetch_sub(1, std::memory_order_release);
    later->sleeper_ = &sleeper;
    later->wakers_ = &wakers;
    return true;
  }

 private:
  COWORKER_NOINLINE_BEFORE_CLANG_19 static late_wake*& current() noexcept {
    static constinit thread_local late_wake* outermost = nullptr;
    return outermost;
  }

  const bool is_outermost_;
  waiter* sleeper_ = nullptr;
  std::atomic<int>* wakers_ = nullptr;
};

}  // namespace coworker::inline v0_1::detail
