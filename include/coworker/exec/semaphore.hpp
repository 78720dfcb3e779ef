#pragma once
// semaphore: limits how many coroutines are in a section of code at once, and admits them in order.
// Must not know what it protects, nor any concrete executor.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>
#include <mutex>
#include <utility>

namespace coworker::inline v0_1 {

/// A number of permits that coroutines hold for a while. Must outlive its permits and all waiting coroutines.
/// Thread safety: thread-safe.
/// Example:
///
///     const semaphore::permit held = co_await at_most_two.acquire();
class semaphore {
 public:
  /// `permits`: how many may be held at once; with 0 nobody ever gets one.
  explicit semaphore(std::size_t permits) noexcept : free_(permits) {}
  semaphore(const semaphore&) = delete;
  semaphore& operator=(const semaphore&) = delete;

  /// A permit that is held. The destructor releases it, on any thread.
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

  /// Waits, when awaited, until a permit is free and all who asked before have theirs.
  /// Returns the permit.
  /// Throws: std::logic_error if the awaiting coroutine runs on no executor.
  /// Cancellation: throws `cancelled` as soon as a stop is requested, unless it has a permit by then.
  acquire_awaiter acquire() noexcept;

 private:
  struct waiter : detail::waiting {
    bool granted = false;
  };

  // Out of line, because the lock must not be in the frame of a coroutine that already runs elsewhere (LLVM
  // 56301). Returns false if a permit was free after all, or if a stop was requested.
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

  // Takes the lock because whoever woke the waiter may still hold it.
  bool was_granted(const waiter& one) {
    const std::lock_guard lock(mutex_);
    return one.granted;
  }

  std::mutex mutex_;  // guards all members below, and the waiters
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

}  // namespace coworker::inline v0_1
