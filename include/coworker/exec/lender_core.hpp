#pragma once
// Which values of a lender are free, and who waits for one. Does not know how values are made.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/maker.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/wait_list.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>

namespace coworker::detail {

// Somebody waits only while nothing is free.
template <class T>
class lender_core {
 public:
  struct slot {
    made_value<T> value{};
    std::size_t index = 0;
    bool broken = false;
    slot* below = nullptr;  // in a stack of free ones
  };

  struct waiter : waiting {
    slot* given = nullptr;
  };

  explicit lender_core(std::size_t count) : slots_(new slot[checked(count)]), size_(count) {
    for (std::size_t i = count; i-- > 0;) {
      slots_[i].index = i;
      push(slots_[i]);
    }
  }

  lender_core(const lender_core&) = delete;
  lender_core& operator=(const lender_core&) = delete;

  ~lender_core() {
    if (available_ != size_ || !waiting_.empty()) {
      std::fputs(
          "coworker: a lender was destroyed while its values are lent; let it outlive its loans and whoever "
          "waits for one\n",
          stderr);
      std::terminate();
    }
    delete[] slots_;
  }

  // Before any is lent.
  template <class Make>
  void make_all(Make make) {
    for (std::size_t i = 0; i != size_; ++i) make(slots_[i]);
    unmade_ = nullptr;
    available_ = 0;
    for (std::size_t i = size_; i-- > 0;) push(slots_[i]);
  }

  std::size_t size() const noexcept { return size_; }

  std::size_t available() const {
    const std::lock_guard lock(mutex_);
    return available_;
  }

  std::mutex& mutex() noexcept { return mutex_; }

  // Null: none is free.
  slot* take() {
    const std::lock_guard lock(mutex_);
    return pop();
  }

  // True: the waiter is in the list, and may have gone on by now. False: it has been given one, or a stop
  // came.
  COWORKER_NOINLINE bool wait(waiter& one) {
    const std::lock_guard lock(mutex_);
    if (one.stopped) return false;
    one.given = pop();
    if (one.given != nullptr) return false;
    waiting_.push_back(one);
    return true;
  }

  class acquire_awaiter;
  acquire_awaiter acquire() noexcept { return acquire_awaiter(*this); }

  slot& acquire_blocking(stop_token stop) {
    stop.throw_if_stopped();
    if (slot* const free = take()) return *free;
    detail::require_may_block("lender::blocking_lend: all values are lent", "co_await lend() instead");
    waiter one;
    condition woken;
    one.thread = &woken;
    const stop_callback on_stop(stop, leave_on_stop(mutex_, one));  // goes after the lock, which it takes
    std::unique_lock lock(mutex_);
    if (one.stopped) throw cancelled();
    one.given = pop();
    if (one.given != nullptr) return *one.given;
    waiting_.push_back(one);
    while (one.listed() && !one.stopped) woken.wait(lock);
    if (one.given != nullptr) return *one.given;
    one.unlink();
    throw cancelled();
  }

  void give_back(slot& lent) noexcept {
    if (lent.broken) lent.value.clear();
    lent.broken = false;
    std::unique_lock lock(mutex_);
    if (waiting_.empty()) return push(lent);
    waiter& one = waiting_.pop_front();
    one.given = &lent;
    if (one.thread == nullptr) lock.unlock();  // or the coroutine would go on only to wait for the lock
    one.wake();
  }

 private:
  static std::size_t checked(std::size_t count) {
    if (count == 0)
      throw std::invalid_argument("lender: it was told to lend 0 values, so nobody would ever get one");
    return count;
  }

  void push(slot& free) noexcept {
    slot*& top = free.value.made() ? made_ : unmade_;
    free.below = top;
    top = &free;
    ++available_;
  }

  slot* pop() noexcept {
    slot*& top = made_ != nullptr ? made_ : unmade_;
    slot* const free = top;
    if (free == nullptr) return nullptr;
    top = free->below;
    --available_;
    return free;
  }

  slot* const slots_;
  const std::size_t size_;

  mutable std::mutex mutex_;  // guards all below, and those who wait
  slot* made_ = nullptr;      // stacks of free slots: what was given back last is lent first
  slot* unmade_ = nullptr;
  std::size_t available_ = 0;
  wait_list<waiter> waiting_;
};

template <class T>
class lender_core<T>::acquire_awaiter {
 public:
  explicit acquire_awaiter(lender_core& from) noexcept : from_(from) {}
  acquire_awaiter(const acquire_awaiter&) = delete;
  acquire_awaiter& operator=(const acquire_awaiter&) = delete;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, "lender::lend");
    here.stop.throw_if_stopped();
    one_.given = from_.take();
    if (one_.given != nullptr) return false;
    one_.handle = awaiting;
    one_.executor = here.executor;
    on_stop_.emplace(here.stop, leave_on_stop(from_.mutex(), one_));
    return from_.wait(one_);
  }

  slot& await_resume() {
    on_stop_.reset();
    if (one_.given == nullptr) throw cancelled();
    return *one_.given;
  }

 private:
  lender_core& from_;
  waiter one_;
  stop_of_wait on_stop_;
};

}  // namespace coworker::detail
