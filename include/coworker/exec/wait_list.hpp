#pragma once
// wait_list: those who wait for one thing, in the order in which they began: coroutines, each on its own
// executor, and threads that block. (The `waiter` of an event loop is something else: see waiter.hpp.)
// Must not know what they wait for; its owner provides the mutex that guards the list and everything in it.

#include <coroutine>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/thread.hpp>
#include <mutex>
#include <optional>

namespace coworker::inline v0_1::detail {

// A link of a ring through the list itself, so that a waiter can leave without knowing the list.
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

// One waiter; lives in its awaiter, or on the stack of its thread. Whoever removes it from its list, under
// the lock, wakes it, and nobody else does.
struct waiting : wait_link {
  std::coroutine_handle<> handle;
  executor_ref executor;
  condition* thread = nullptr;  // what a thread blocks on; null for a coroutine
  bool stopped = false;         // a stop was requested, whether or not that removed it from the list

  waiting() noexcept {}

  // Wakes a waiter that was removed from its list. When this returns, the coroutine may have been destroyed;
  // so may the thread's waiter, unless its lock is held. Throws: what the coroutine's executor throws; it was
  // then not woken.
  void wake() const {
    if (thread != nullptr) return thread->notify_one();
    const executor_ref place = executor;
    place.post(handle);
  }
};

// Wakes the first waiter of a list that is not empty, and returns it. It stays valid, because it runs only as
// far as the lock, which the caller holds. Throws: what its executor throws; the waiter is then in the list
// as before.
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

// The stop callback of a waiter.
struct leave_on_stop {
  std::mutex* mutex;
  waiting* who;

  leave_on_stop(std::mutex& guard, waiting& one) noexcept : mutex(&guard), who(&one) {}

  void operator()() const noexcept {
    std::unique_lock lock(*mutex);
    who->stopped = true;
    if (who->thread != nullptr) return who->thread->notify_one();
    if (!who->listed()) return;  // not in the list yet, or another already wakes it
    who->unlink();
    lock.unlock();  // otherwise it would wake up only to wait for the lock
    detail::insist([this] { who->wake(); });
  }
};

using stop_of_wait = std::optional<stop_callback<leave_on_stop>>;

}  // namespace coworker::inline v0_1::detail
