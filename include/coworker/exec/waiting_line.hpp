#pragma once
// Who waits for one of several slots, in the order in which they came. What a slot is, and which one is given
// out, is the board's business: lender_board, lane_board.

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

// The board's take() gives a slot out, null when there is none, and put() takes it back; both noexcept and
// under the lock. Somebody waits only while take() gives none.
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

  // Null: there is none.
  slot* take() {
    const std::lock_guard lock(mutex_);
    return board_.take();
  }

  // True: the waiter is in the list, and may have gone on by now. False: it has been given one, or a stop
  // came.
  COWORKER_NOINLINE bool wait(waiter& one) {
    const std::lock_guard lock(mutex_);
    if (one.stopped) return false;
    one.given = board_.take();
    if (one.given != nullptr) return false;
    waiting_.push_back(one);
    return true;
  }

  class take_awaiter;

  // Awaited, gives a slot. `call` is what the coroutine called.
  take_awaiter take_in_turn(const char* call) noexcept { return take_awaiter(*this, call); }

  // Blocks the calling thread; `why` and `way_out` are for one that may not.
  slot& take_blocking(stop_token stop, const char* why, const char* way_out) {
    stop.throw_if_stopped();
    if (slot* const free = take()) return *free;
    detail::require_may_block(why, way_out);
    waiter one;
    condition woken;
    one.thread = &woken;
    const stop_callback on_stop(stop, leave_on_stop(mutex_, one));  // goes after the lock, which it takes
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
    if (one.thread == nullptr) lock.unlock();  // or the coroutine would go on only to wait for the lock
    one.wake();
  }

 private:
  mutable std::mutex mutex_;  // guards all below, and those who wait
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
