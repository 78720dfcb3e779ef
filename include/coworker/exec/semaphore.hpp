#pragma once
// semaphore: lets so many coroutines at once into a stretch of code, in the order in which they came.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/sleep.hpp>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>

namespace coworker {

/// A number of permits that coroutines hold for a while:
///
///     const semaphore::permit held = co_await at_most_two.acquire();
///
/// Thread-safe. Must outlive its permits and whoever waits for one.
class semaphore {
 public:
  /// `permits` may be held at once; with 0 nobody ever gets one.
  explicit semaphore(std::size_t permits) noexcept : free_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  /// Given back when it is destroyed, on any thread.
  class permit {
   public:
    permit(permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
    permit& operator=(permit&&) = delete;
    ~permit() {
      if (from_ != nullptr) from_->release();
    }

   private:
    friend class semaphore;
    explicit permit(semaphore& from) noexcept : from_(&from) {}
    semaphore* from_;
  };

  class acquire_awaiter;

  /// Awaited, it gives a permit once one is free and all who came before have theirs. Cancellation: throws
  /// `cancelled` as soon as a stop is requested, unless it has a permit by then. Errors: std::logic_error
  /// when the awaiting coroutine runs on no executor.
  acquire_awaiter acquire() noexcept;

 private:
  struct waiter {
    timer alarm;  // never due: cancelling it is what wakes the waiter, wherever that runs
    executor_ref executor;
    waiter* previous = nullptr;
    waiter* next = nullptr;
    bool waits = false;
  };

  // Out of line, for the lock must not lie in the frame of a coroutine that already runs elsewhere (LLVM
  // 56301). False: there was a permit after all. Armed before it is listed, for only arming can throw.
  [[gnu::noinline]] bool enqueue(waiter& waiting) {
    const std::lock_guard lock(mutex_);
    if (free_ > 0) {
      --free_;
      return false;
    }
    waiting.executor.arm(waiting.alarm);
    push_back(waiting);
    return true;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr) {
      ++free_;
      return;
    }
    waiter& served = *first_;
    remove(served);
    served.executor.cancel(served.alarm);
  }

  void push_back(waiter& last) noexcept {
    last.previous = last_;
    (last_ != nullptr ? last_->next : first_) = &last;
    last_ = &last;
    last.waits = true;
  }

  void remove(waiter& leaving) noexcept {
    (leaving.previous != nullptr ? leaving.previous->next : first_) = leaving.next;
    (leaving.next != nullptr ? leaving.next->previous : last_) = leaving.previous;
    leaving.waits = false;
  }

  std::mutex mutex_;  // guards all below, and the waiters
  std::size_t free_;
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

class semaphore::acquire_awaiter {
 public:
  explicit acquire_awaiter(semaphore& from) noexcept : from_(from) {}
  acquire_awaiter(const acquire_awaiter&) = delete;
  acquire_awaiter& operator=(const acquire_awaiter&) = delete;
  ~acquire_awaiter() = default;

  bool await_ready() noexcept {
    const std::lock_guard lock(from_.mutex_);
    if (from_.free_ == 0) return false;
    --from_.free_;
    return true;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "semaphore");
    waiting_.executor = here.executor;
    waiting_.alarm.handle = awaiting;
    waiting_.alarm.due = time_point::max();
    on_stop_.emplace(here.stop, detail::cancel_timer(here.executor, waiting_.alarm));
    return from_.enqueue(waiting_);
  }

  permit await_resume() {
    if (!on_stop_) return permit(from_);  // there was one at once
    on_stop_.reset();
    {
      const std::lock_guard lock(from_.mutex_);
      if (waiting_.waits) {
        from_.remove(waiting_);
        throw cancelled();
      }
    }
    return permit(from_);
  }

 private:
  semaphore& from_;
  waiter waiting_;
  std::optional<stop_callback<detail::cancel_timer>> on_stop_;
};

inline semaphore::acquire_awaiter semaphore::acquire() noexcept { return acquire_awaiter(*this); }

}  // namespace coworker
