#pragma once
// What the two sides of a channel share: the values, the waiting receivers and senders, and how the channel
// was closed.
// Must not know the awaiters; those are in channel.hpp and channel_sender.hpp.

#include <atomic>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/ring.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// The result of try_send.
enum class send_result : unsigned char {
  sent,    ///< the value is in the channel
  full,    ///< the channel has no room; the value was not moved from
  closed,  ///< the channel is closed; the value was not moved from
};

namespace detail {

// Senders wait only while the queue is full, receivers only while it is empty.
template <class T>
class channel_core : public shared_state {
 public:
  struct receiver : waiting {
    std::optional<T> value{};  // set by whoever removes the receiver from the list
  };

  struct sender : waiting {
    T* value;
    bool sent = false;
    explicit sender(T& to_send) noexcept : value(std::addressof(to_send)) {}
  };

  explicit channel_core(std::size_t capacity) noexcept : capacity_(capacity) {}

  std::mutex& mutex() noexcept { return mutex_; }

  // Throws: std::bad_alloc; std::logic_error on a thread outside the simulation; what the executor of a
  // waiting receiver throws. The value is then unchanged.
  send_result send(T& value) {
    std::unique_lock lock(mutex_);
    return send(value, lock);
  }

  // Returns true if the sender is in the list; it may already have continued. Returns false if the outcome is
  // decided: see was_sent().
  COWORKER_NOINLINE bool wait_for_room(sender& one) {
    std::unique_lock lock(mutex_);
    if (one.stopped || decide(one, lock)) return false;
    senders_.push_back(one);
    return true;
  }

  // Takes the lock because whoever woke the sender may still hold it.
  bool was_sent(const sender& one) {
    const std::lock_guard lock(mutex_);
    return one.sent;
  }

  // Blocks the calling thread. Returns false if the channel is closed.
  bool send_blocking(T& value, stop_token stop) {
    stop.throw_if_stopped();
    sender one(value);
    {
      std::unique_lock lock(mutex_);
      if (decide(one, lock)) return one.sent;
      detail::require_may_block("channel_sender::blocking_send: the channel is full",
                                "co_await send() instead, or use try_send()", receiver_place_);
    }
    condition woken;
    one.thread = &woken;
    // Destroyed after the lock, because its destructor may wait for a callback that takes the lock.
    const stop_callback on_stop(stop, leave_on_stop(mutex_, one));
    std::unique_lock lock(mutex_);
    if (one.stopped) throw cancelled();
    if (decide(one, lock)) return one.sent;
    senders_.push_back(one);
    while (one.listed() && !one.stopped) woken.wait(lock);
    if (!one.listed()) return one.sent;
    one.unlink();
    throw cancelled();
  }

  // Returns false if there is nothing to receive yet. Returns true without a value if the channel is closed.
  bool receive(receiver& one) {
    const std::lock_guard lock(mutex_);
    return receive_locked(one);
  }

  // Returns true if the receiver is in the list; it may already have continued. Returns false if the outcome
  // is decided.
  COWORKER_NOINLINE bool wait_to_receive(receiver& one) {
    const std::lock_guard lock(mutex_);
    if (one.stopped || receive_locked(one)) return false;
    receiver_place_ = one.executor;
    simulated_.note(one.executor);
    receivers_.push_back(one);
    return true;
  }

  // Appends all values that can be received now. Throws: std::bad_alloc; nothing was then received.
  void receive_all(std::vector<T>& into) {
    const std::lock_guard lock(mutex_);
    into.reserve(into.size() + values_.size());
    for (; !values_.empty(); values_.drop_front()) into.push_back(std::move(values_.front()));
    refill();
  }

  // Wakes all waiters; what is in the queue can still be received. Throws what an executor throws. Then it
  // must be called again, for those who were not woken.
  void close(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (closed_ && receivers_.empty() && senders_.empty()) return;
    simulated_.refuse_foreign_thread("channel::close");
    if (!closed_) failure_ = std::move(failure);
    closed_ = true;
    while (!receivers_.empty()) detail::wake_first(receivers_);
    while (!senders_.empty()) detail::wake_first(senders_);
  }

  // Called when nobody will receive any more.
  void drop_values() noexcept {
    ring<T> dropped;  // outlives the lock, because a value's destructor may use the channel
    const std::lock_guard lock(mutex_);
    dropped.swap(values_);
  }

  void throw_failure() {
    std::exception_ptr failure;
    {
      const std::lock_guard lock(mutex_);
      failure = failure_;
    }
    if (failure != nullptr) std::rethrow_exception(std::move(failure));
  }

  bool closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }

  void add_sender() noexcept { sender_handles_.fetch_add(1, std::memory_order_relaxed); }
  bool remove_sender() noexcept { return sender_handles_.fetch_sub(1, std::memory_order_acq_rel) == 1; }

 private:
  // May unlock.
  send_result send(T& value, std::unique_lock<std::mutex>& lock) {
    if (closed_) return send_result::closed;
    simulated_.refuse_foreign_thread("channel_sender::send");
    if (!receivers_.empty()) {
      hand_over(value, lock);
    } else if (values_.size() < capacity_) {
      values_.push(std::move(value));
    } else {
      return send_result::full;
    }
    return send_result::sent;
  }

  bool decide(sender& one, std::unique_lock<std::mutex>& lock) {
    const send_result became = send(*one.value, lock);
    one.sent = became == send_result::sent;
    return became != send_result::full;
  }

  // Unlocks before it wakes the receiver, which would otherwise wake up only to wait for the lock.
  void hand_over(T& value, std::unique_lock<std::mutex>& lock) {
    receiver& first = receivers_.pop_front();
    first.value.emplace(std::move(value));
    lock.unlock();
    try {
      first.wake();
    } catch (...) {
      lock.lock();
      value.~T();
      ::new (static_cast<void*>(std::addressof(value))) T(std::move(*first.value));
      first.value.reset();
      receivers_.push_front(first);
      throw;
    }
  }

  bool receive_locked(receiver& one) {
    if (!values_.empty()) {
      one.value.emplace(std::move(values_.front()));
      values_.drop_front();
      refill();
    } else if (!senders_.empty()) {  // a channel without a queue; or a sender could not be woken before
      sender& first = detail::wake_first(senders_);
      one.value.emplace(std::move(*first.value));
      first.sent = true;
    } else {
      return closed_;
    }
    return true;
  }

  // Moves the values of waiting senders into the free room. A sender that cannot be woken stays in the list;
  // the receiver that next finds the queue empty tries again, and throws.
  void refill() noexcept {
    try {
      while (!senders_.empty() && values_.size() < capacity_) {
        sender& first = detail::wake_first(senders_);
        values_.push(std::move(*first.value));  // needs no memory: the queue has been this long before
        first.sent = true;
      }
    } catch (...) {
    }
  }

  const std::size_t capacity_;
  std::atomic<std::size_t> sender_handles_{0};

  std::mutex mutex_;  // guards all members below, and the waiters
  ring<T> values_;
  wait_list<receiver> receivers_;
  wait_list<sender> senders_;
  executor_ref receiver_place_;  // the executor on which a receiver last waited
  simulated_waiters simulated_;
  bool closed_ = false;
  std::exception_ptr failure_;
};

}  // namespace detail
}  // namespace coworker
