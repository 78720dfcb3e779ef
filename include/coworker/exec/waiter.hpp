#pragma once
// waiter: what an event loop blocks on while nothing is ready. The loop's own waiter is a condition variable;
// one that watches descriptors (net/poller.hpp) and one that drives libcurl (curl_client) replace it.
// Must not know the event loop.

#include <coworker/coro/executor.hpp>
#include <coworker/exec/futex.hpp>
#include <coworker/exec/thread.hpp>
#include <cstdint>
#include <mutex>
#include <stdexcept>

namespace coworker::inline v0_1 {

/// What an event loop calls when it has nothing to resume, and briefly after each round of work.
class waiter {
 public:
  /// Blocks until `deadline`, until wake(), or until something that it watches has happened, which it passes
  /// to the loop by posting. With time_point::min() it only polls and returns at once; time_point::max()
  /// means no deadline. May return early.
  /// Thread safety: called on the loop's thread only.
  virtual void wait(time_point deadline) = 0;

  /// Makes the current wait() return at once, or else the next one.
  /// Thread safety: may be called on any thread.
  virtual void wake() noexcept = 0;

  /// Optional: watches a descriptor as watching_executor describes; wait() then posts the coroutines whose
  /// descriptors are ready.
  /// Thread safety: called on the loop's thread only, as is unwatch().
  virtual void watch(descriptor_watch&) {
    throw std::logic_error(
        "waiter::watch: the waiter that this event loop was made with watches no descriptors; override "
        "watch() and unwatch() in it, or make the loop without a waiter");
  }
  virtual void unwatch(descriptor_watch&) noexcept {}

  virtual ~waiter() = default;

 protected:
  waiter() = default;
  waiter(const waiter&) = default;
  waiter& operator=(const waiter&) = default;
};

#if defined(__linux__) && defined(__LP64__)

/// The waiter of a loop that watches no descriptors: a word on which the thread sleeps. A condition variable
/// costs one more system call for each wait, because its mutex always looks as if others waited for it.
class condition_waiter final : public waiter {
 public:
  void wait(time_point deadline) override {
    if (deadline == (time_point::min)()) return;
    if (state_.exchange(asleep, std::memory_order_acquire) != woken)
      detail::futex_wait(state_, asleep, deadline);
    state_.exchange(awake, std::memory_order_acquire);
  }

  void wake() noexcept override {
    if (state_.exchange(woken, std::memory_order_release) == asleep) detail::futex_wake_one(state_);
  }

 private:
  // `awake` to `asleep` by wait(), which returns at once if the state was `woken`; any to `woken` by wake(), so
  // that a thread which is about to sleep does not, and one that sleeps is woken; back to `awake` by wait(),
  // which has then consumed every wake() before. What a thread wrote before wake() is visible after wait().
  static constexpr std::uint32_t awake = 0;
  static constexpr std::uint32_t asleep = 1;
  static constexpr std::uint32_t woken = 2;
  detail::futex_word state_{awake};
};

#else

/// The waiter of a loop that watches no descriptors: a condition variable.
class condition_waiter final : public waiter {
 public:
  void wait(time_point deadline) override {
    if (deadline == (time_point::min)()) return;
    std::unique_lock lock(mutex_);
    if (!woken_ && deadline == (time_point::max)()) {
      condition_.wait(lock);
    } else if (!woken_) {
      condition_.wait_until(lock, deadline);
    }
    woken_ = false;
  }

  void wake() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    // After unlocking, because the woken thread would otherwise have to wait for the lock.
    condition_.notify_one();
  }

 private:
  std::mutex mutex_;
  detail::condition condition_;
  bool woken_ = false;
};

#endif

}  // namespace coworker::inline v0_1
