#pragma once
// Who waits for one thing, in the order in which they came: coroutines, each on its own executor, and threads
// that block. Knows nothing of what they wait for; its owner brings the mutex that guards the list and all
// who are in it.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/thread.hpp>
#include <mutex>
#include <optional>

namespace coworker::inline v0_1::detail {

// A ring through the list itself, so that one can leave without knowing the list.
struct wait_link {
  wait_link* previous = nullptr;
  wait_link* next = nullptr;

  bool listed() const noexcept { return next != nullptr; }

  void unlink() noexcept {
    previous->next = next;
    next->previous = previous;
    previous = next = nullptr;
  }
};

template <class Waiting>
class wait_list {
 public:
  wait_list() noexcept { ends_.previous = ends_.next = &ends_; }
  wait_list(const wait_list&) = delete;
  wait_list& operator=(const wait_list&) = delete;

  bool empty() const noexcept { return ends_.next == &ends_; }
  Waiting& front() const noexcept { return static_cast<Waiting&>(*ends_.next); }
  void push_back(Waiting& last) noexcept { insert(last, ends_); }
  void push_front(Waiting& first) noexcept { insert(first, *ends_.next); }

  Waiting& pop_front() noexcept {
    Waiting& first = front();
    first.unlink();
    return first;
  }

 private:
  static void insert(wait_link& added, wait_link& before) noexcept {
    added.next = &before;
    added.previous = before.previous;
    before.previous->next = &added;
    before.previous = &added;
  }

  wait_link ends_;
};

// One who waits; lives in its awaiter, or on the stack of its thread. Whoever takes it off its list, under
// the lock, is the one who wakes it, and nobody else does.
struct waiting : wait_link {
  std::coroutine_handle<> handle;
  executor_ref executor;
  condition* thread = nullptr;  // what a thread blocks on; null for a coroutine
  bool stopped = false;         // a stop was requested, whether or not it took this one off the list

  waiting() noexcept {}

  // One that is off its list. A coroutine may be gone when this returns; so may a thread, unless its lock is
  // held. Throws: what the coroutine's executor throws; it is not woken then.
  void wake() const {
    if (thread != nullptr) return thread->notify_one();
    const executor_ref place = executor;
    place.post(handle);
  }
};

// Wakes the first of a list that is not empty, and returns it: it goes no further than to the lock, which the
// caller holds. Throws: what its executor throws; it is in the list as before then.
template <class Waiting>
Waiting& wake_first(wait_list<Waiting>& list) {
  Waiting& first = list.pop_front();
  try {
    first.wake();
  } catch (...) {
    list.push_front(first);
    throw;
  }
  return first;
}

// What a stop does to one who waits.
struct leave_on_stop {
  std::mutex* mutex;
  waiting* who;

  leave_on_stop(std::mutex& guard, waiting& one) noexcept : mutex(&guard), who(&one) {}

  void operator()() const noexcept {
    std::unique_lock lock(*mutex);
    who->stopped = true;
    if (who->thread != nullptr) return who->thread->notify_one();
    if (!who->listed()) return;  // not there yet, or being woken by another
    who->unlink();
    lock.unlock();  // or it would go on only to wait for the lock
    detail::insist([this] { who->wake(); });
  }
};

using stop_of_wait = std::optional<stop_callback<leave_on_stop>>;

}  // namespace coworker::inline v0_1::detail
