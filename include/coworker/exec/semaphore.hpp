#pragma once
// semaphore: lets so many coroutines at once into a stretch of code, in the order in which they came.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>
#include <mutex>
#include <utility>

namespace coworker::inline v0_1 {

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
  struct waiter : detail::waiting {
    bool granted = false;
  };

  // Out of line, because the lock must not lie in the frame of a coroutine that already runs elsewhere (LLVM
  // 56301). False: there was a permit after all, or a stop.
  COWORKER_NOINLINE bool enqueue(waiter& one) {
    const std::lock_guard lock(mutex_);
    if (free_ > 0) {
      --free_;
      one.granted = true;
    } else if (!one.stopped) {
      waiting_.push_back(one);
    }
    return one.listed();
  }

  void release() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      ++free_;
    } else {
      detail::wake_first(waiting_).granted = true;
    }
  }

  // Whoever woke the waiter may still hold the lock.
  bool was_granted(const waiter& one) {
    const std::lock_guard lock(mutex_);
    return one.granted;
  }

  std::mutex mutex_;  // guards all below, and the waiters
  std::size_t free_;
  detail::wait_list<waiter> waiting_;
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
    one_.granted = true;
    return true;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "semaphore");
    one_.handle = awaiting;
    one_.executor = here.executor;
    on_stop_.emplace(here.stop, detail::leave_on_stop(from_.mutex_, one_));
    return from_.enqueue(one_);
  }

  permit await_resume() {
    on_stop_.reset();
    if (!from_.was_granted(one_)) throw cancelled();
    return permit(from_);
  }

 private:
  semaphore& from_;
  waiter one_;
  detail::stop_of_wait on_stop_;
};

inline semaphore::acquire_awaiter semaphore::acquire() noexcept { return acquire_awaiter(*this); }

}  // namespace coworker
