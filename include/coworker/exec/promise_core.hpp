#pragma once
// What a promise and its future share: the outcome, and who waits for it. Knows no awaiters; those are in
// promise.hpp.

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

  // `fill` puts the outcome into a result<T>. False: there is an outcome already. Throws: what `fill` throws;
  // std::logic_error on a thread foreign to a simulation; what the executor of the waiting coroutine throws.
  // Nothing is set then.
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

  // True: it is in the list, and may have gone on by now. False: there is an outcome, or a stop.
  COWORKER_NOINLINE bool wait(waiting& one) {
    const std::lock_guard lock(mutex_);
    if (outcome_ || one.stopped) return false;
    simulated_.note(one.executor);
    waiting_.push_back(one);
    return true;
  }

  // Once, when there is an outcome.
  T take() { return outcome_->take(); }

 private:
  // After the unlock, or the coroutine would go on only to wait for the lock.
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

  mutable std::mutex mutex_;  // guards all below
  std::optional<result<T>> outcome_;
  wait_list<waiting> waiting_;  // one at most
  simulated_waiters simulated_;
};

}  // namespace coworker::detail
