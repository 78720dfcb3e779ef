#pragma once
// waiting_line: users that wait for one of several slots, in the order in which they asked.
// Must not know what a slot is, nor which one is given out; that is up to the board: lender_board,
// lane_board.

#include <coroutine>
#include <coworker/coro/context.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/this_thread.hpp>
#include <coworker/exec/thread.hpp>
#include <coworker/exec/wait_list.hpp>
#include <mutex>
#include <utility>

namespace coworker::inline v0_1::detail {

// The board's take() returns a free slot, or null; put() takes it back. Both are noexcept and called under
// the lock. Users wait only while take() returns null.
template <class Board>
class waiting_line {
 public:
  using slot = typename Board::slot;

  struct waiter : waiting {
    slot* given = nullptr;
  };

  template <class... Args>
  explicit waiting_line(Args&&... args) : board_(std::forward<Args>(args)...) {}

  std::mutex& mutex() const noexcept { return mutex_; }

  // Only under the lock, or while no other thread knows of it.
  Board& board() noexcept { return board_; }
  const Board& board() const noexcept { return board_; }

  bool anybody_waits() const noexcept { return !waiting_.empty(); }

  // Returns null if no slot is free.
  slot* take() {
    const std::lock_guard lock(mutex_);
    return board_.take();
  }

  // Returns true if the waiter is in the list; it may already have continued. Returns false if it was given a
  // slot, or a stop was requested.
  COWORKER_NOINLINE bool wait(waiter& one) {
    const std::lock_guard lock(mutex_);
    if (one.stopped) return false;
    one.given = board_.take();
    if (one.given != nullptr) return false;
    waiting_.push_back(one);
    return true;
  }

  class take_awaiter;

  // Returns, when awaited, a slot. `call` is the name of the function that the coroutine called, for error
  // messages.
  take_awaiter take_in_turn(const char* call) noexcept { return take_awaiter(*this, call); }

  // Blocks the calling thread; `why` and `way_out` are for the error on a thread that must not block.
  slot& take_blocking(stop_token stop, const char* why, const char* way_out) {
    stop.throw_if_stopped();
    if (slot* const free = take()) return *free;
    detail::require_may_block(why, way_out);
    waiter one;
    condition woken;
    one.thread = &woken;
    // Destroyed after the lock, because its destructor may wait for a callback that takes the lock.
    const stop_callback on_stop(stop, leave_on_stop(mutex_, one));
    std::unique_lock lock(mutex_);
    if (one.stopped) throw cancelled();
    one.given = board_.take();
    if (one.given != nullptr) return *one.given;
    waiting_.push_back(one);
    while (one.listed() && !one.stopped) woken.wait(lock);
    if (one.given != nullptr) return *one.given;
    one.unlink();
    throw cancelled();
  }

  void give_back(slot& taken) noexcept {
    std::unique_lock lock(mutex_);
    if (waiting_.empty()) return board_.put(taken);
    waiter& one = waiting_.pop_front();
    one.given = &taken;
    // Otherwise the coroutine would wake up only to wait for the lock.
    if (one.thread == nullptr) lock.unlock();
    one.wake();
  }

 private:
  mutable std::mutex mutex_;  // guards all members below, and the waiters
  Board board_;
  wait_list<waiter> waiting_;
};

template <class Board>
class waiting_line<Board>::take_awaiter {
 public:
  take_awaiter(waiting_line& from, const char* call) noexcept : from_(from), call_(call) {}
  take_awaiter(const take_awaiter&) = delete;
  take_awaiter& operator=(const take_awaiter&) = delete;

  bool await_ready() const noexcept { return false; }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> awaiting) {
    const context& here = detail::require_context(awaiting, call_);
    here.stop.throw_if_stopped();
    one_.given = from_.take();
    if (one_.given != nullptr) return false;
    one_.handle = awaiting;
    one_.executor = here.executor;
    on_stop_.emplace(here.stop, leave_on_stop(from_.mutex_, one_));
    return from_.wait(one_);
  }

  slot& await_resume() {
    on_stop_.reset();
    if (one_.given == nullptr) throw cancelled();
    return *one_.given;
  }

 private:
  waiting_line& from_;
  const char* const call_;
  waiter one_;
  stop_of_wait on_stop_;
};

}  // namespace coworker::detail
