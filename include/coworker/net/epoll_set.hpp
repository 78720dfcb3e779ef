#pragma once
// epoll_set: watches the descriptors that the coroutines of one event loop wait for, with epoll (Linux);
// poll_set does so on other systems. Must not know what a loop blocks on.
//
// A descriptor stays registered, level-triggered, from one wait to the next, so that repeated waits for it
// make no system call. A registration is removed when it reports an event for which nobody waits. That costs
// one call, and happens only if data arrives unasked. Edge-triggering would save that call, but would lose
// what a coroutine has left unread; one-shot registrations cost a call for each wait.
//
// The number of a descriptor does not tell whether its registration is still valid: the descriptor may have
// been closed, and the number may now refer to another file. So a registration is trusted only if the caller
// has kept the descriptor open since, and says so (descriptor_watch::registration). For any other caller, one
// call asks the kernel.

#if defined(__linux__)

#include <poll.h>

#include <atomic>
#include <coworker/coro/executor.hpp>
#include <coworker/net/epoll.hpp>
#include <coworker/net/plain_array.hpp>
#include <coworker/net/watch_slot.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1::detail {

/// Thread safety: all functions but wake() belong to one thread.
class epoll_set {
 public:
  /// See watching_executor. Throws: also std::bad_alloc.
  void watch(descriptor_watch& watch) {
    require_descriptor(watch);
    const auto place = static_cast<std::size_t>(watch.descriptor);
    slots_.grow(place + 1);
    epoll_.make_room(registered_ + 2);
    slot& one = slots_[place];
    require_unwatched(one, watch);
    const std::uint32_t wanted = event_of(watch.direction);
    const bool is_trusted = watch.registration != 0 && watch.registration == one.registration;
    if (!is_trusted || (one.registered & wanted) == 0) {
      if (!add(watch.descriptor, one, (is_trusted ? one.registered : awaited(one)) | wanted)) {
        watch.ready = true;
        return;
      }
    }
    watch.registration = one.registration;
    one.waiting[index_of(watch.direction)] = &watch;
    ++waiting_;
  }

  void unwatch(descriptor_watch& watch) noexcept {
    slot& one = slots_[static_cast<std::size_t>(watch.descriptor)];
    descriptor_watch*& waiting = one.waiting[index_of(watch.direction)];
    if (waiting != &watch) return;
    waiting = nullptr;
    --waiting_;
    take_back(watch.descriptor, one, event_of(watch.direction));
  }

  /// Returns the number of coroutines that wait.
  std::size_t waiting() const noexcept { return waiting_; }

  /// Blocks until a descriptor is ready or wake() is called, for `timeout` milliseconds at most; -1: no
  /// limit. Posts the coroutines whose descriptors are ready. Returns whether it was woken.
  bool wait(int timeout) noexcept {
    bool woken = false;
    bool stale = false;
    for (const epoll_event& event : epoll_.wait(timeout)) {
      if (event.data.u64 == epoll::wake_key) {
        woken = true;
      } else {
        stale = !handle(event) || stale;
      }
    }
    if (stale) rebuild();
    return woken;
  }

  /// Ends the current wait(), or the next one if there is none. Thread-safe.
  void wake() noexcept { epoll_.wake(); }

  /// Returns descriptors for a poll() elsewhere that is to return when something here is ready; wait(0) then
  /// handles it. Valid until the next call of another function.
  plain_view<const pollfd> pollable() noexcept {
    pollable_ = {epoll_.descriptor(), POLLIN, 0};
    return {&pollable_, 1};
  }

 private:
  struct slot : watch_slot {
    std::uint32_t registered = 0;    // the events for which it is registered, as far as is known
    std::uint64_t registration = 0;  // the latest registration of this number; 0: none
  };

  static constexpr std::uint32_t event_of(io_direction direction) noexcept {
    return direction == io_direction::read ? EPOLLIN : EPOLLOUT;
  }

  static std::uint32_t awaited(const slot& one) noexcept {
    return (one.waiting[0] != nullptr ? EPOLLIN : 0U) | (one.waiting[1] != nullptr ? EPOLLOUT : 0U);
  }

  static epoll::key key_of(int descriptor, std::uint64_t registration) noexcept {
    return (registration << 32) | static_cast<std::uint32_t>(descriptor);
  }

  // Unique in the process, because a descriptor may be waited for on one loop and then on another.
  static std::uint64_t new_registration() noexcept {
    static constinit std::atomic<std::uint64_t> latest{0};
    return latest.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  // Returns false if epoll refuses the descriptor, as it does a regular file, which is always ready.
  bool add(int descriptor, slot& one, std::uint32_t events) {
    int failed = ENOENT;
    if (one.registration != 0)
      failed = epoll_.modify(descriptor, events, key_of(descriptor, one.registration));
    if (failed == ENOENT) {
      const std::uint64_t fresh = new_registration();
      failed = epoll_.add(descriptor, events, key_of(descriptor, fresh));
      if (failed == EEXIST) failed = epoll_.modify(descriptor, events, key_of(descriptor, fresh));
      if (failed == 0) {
        if (one.registration == 0) ++registered_;
        one.registration = fresh;
      }
    }
    if (failed == EPERM) return false;
    if (failed != 0) throw_unwatchable(failed, descriptor);
    one.registered = events;
    return true;
  }

  // Returns false if the kernel has no such registration.
  bool take_back(int descriptor, slot& one, std::uint32_t events) noexcept {
    one.registered &= ~events;
    if (one.registered != 0)
      return epoll_.modify(descriptor, one.registered, key_of(descriptor, one.registration)) == 0;
    one.registration = 0;
    --registered_;
    return epoll_.remove(descriptor) == 0;
  }

  // Returns false if the event belongs to a descriptor that was closed while a copy of it is still open
  // elsewhere, such as in a child process. Its registration continues to report events, and cannot be
  // removed any more.
  bool handle(const epoll_event& event) noexcept {
    constexpr std::uint32_t over = EPOLLERR | EPOLLHUP;  // reported whatever events are registered
    const int descriptor = static_cast<int>(event.data.u64 & 0xffffffffU);
    slot& one = slots_[static_cast<std::size_t>(descriptor)];
    if (event.data.u64 != key_of(descriptor, one.registration)) return false;
    std::uint32_t unasked = 0;
    for (const io_direction direction : {io_direction::read, io_direction::write}) {
      const std::uint32_t wanted = event_of(direction);
      if ((event.events & (wanted | over)) == 0) continue;
      if (one.waiting[index_of(direction)] == nullptr) {
        unasked |= wanted & one.registered;
      } else if (hand_over(one.waiting[index_of(direction)])) {
        --waiting_;
      }
    }
    return unasked == 0 || take_back(descriptor, one, unasked);
  }

  // Makes a new epoll set without the registrations that cannot be removed.
  void rebuild() noexcept {
    try {
      epoll_.renew();
    } catch (...) {
      return;  // no descriptor or memory now; the event will be reported again
    }
    registered_ = 0;
    for (std::size_t place = 0; place < slots_.size(); ++place) {
      slot& one = slots_[place];
      const std::uint32_t events = awaited(one);
      one.registered = 0;
      one.registration = 0;
      if (events != 0) register_again(static_cast<int>(place), one, events);
    }
  }

  // A descriptor that can no longer be watched counts as ready, so that its coroutine sees the error.
  void register_again(int descriptor, slot& one, std::uint32_t events) noexcept {
    const std::uint64_t fresh = new_registration();
    if (epoll_.add(descriptor, events, key_of(descriptor, fresh)) == 0) {
      one.registered = events;
      one.registration = fresh;
      ++registered_;
      return;
    }
    for (descriptor_watch*& waiting : one.waiting) {
      if (waiting != nullptr && hand_over(waiting)) --waiting_;
    }
  }

  epoll epoll_;
  plain_array<slot> slots_;  // by descriptor
  std::size_t registered_ = 0;
  std::size_t waiting_ = 0;
  pollfd pollable_{};
};

}  // namespace coworker::inline v0_1::detail

#endif
