#pragma once
// What a promise and its future share: the outcome, and the coroutine that waits for it.
// Must not know the awaiter; that is in promise.hpp.

#include <atomic>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/wait_list.hpp>
#include <mutex>
#include <optional>

namespace coworker::inline v0_1::detail {

template <class T>
class promise_core : public shared_state {
 public:
  std::atomic<bool> has_future{false};
  std::atomic<bool> abandoned{false};

  std::mutex& mutex() noexcept { return mutex_; }

  // `fill` stores the outcome in a result<T>. Returns false if there is an outcome already. Throws: what
  // `fill` throws; std::logic_error on a thread outside the simulation; what the executor of the waiting
  // coroutine throws. Nothing was then set.
  template <class Fill>
  bool set(const char* call, Fill fill) {
    std::unique_lock lock(mutex_);
    if (outcome_) return false;
    simulated_.refuse_foreign_thread(call);
    try {
      fill(outcome_.emplace());
    } catch (...) {
      outcome_.reset();
      throw;
    }
    if (!waiting_.empty()) wake(waiting_.pop_front(), lock);
    return true;
  }

  bool ready() const {
    const std::lock_guard lock(mutex_);
    return outcome_.has_value();
  }

  // Returns true if the waiter is in the list; it may already have continued. Returns false if there is an
  // outcome, or a stop was requested.
  COWORKER_NOINLINE bool wait(waiting& one) {
    const std::lock_guard lock(mutex_);
    if (outcome_ || one.stopped) return false;
    simulated_.note(one.executor);
    waiting_.push_back(one);
    return true;
  }

  // Only once, and only when there is an outcome.
  T take() { return outcome_->take(); }

 private:
  // Wakes after unlocking, because the coroutine would otherwise wake up only to wait for the lock.
  void wake(waiting& one, std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    try {
      one.wake();
    } catch (...) {
      lock.lock();
      outcome_.reset();
      waiting_.push_back(one);
      throw;
    }
  }

  mutable std::mutex mutex_;  // guards all members below
  std::optional<result<T>> outcome_;
  wait_list<waiting> waiting_;  // one at most
  simulated_waiters simulated_;
};

}  // namespace coworker::detail
