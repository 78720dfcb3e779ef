#pragma once
// poll_set: watches the descriptors that the coroutines of one event loop wait for, with poll(2). For systems
// without epoll: each wait takes time proportional to their number. Must not know what a loop blocks on.

#include <coworker/coro/executor.hpp>
#include <coworker/net/plain_array.hpp>
#include <coworker/net/watch_slot.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <vector>

namespace coworker::inline v0_1::detail {

/// A template, so that it is compiled only on systems without epoll.
/// Thread safety: all functions but wake() belong to one thread.
template <class Watch>
class basic_poll_set {
 public:
  /// Throws: io_error if the process can open no more descriptors.
  basic_poll_set() {
    int ends[2];
    checked(::pipe(ends), "pipe");
    wake_read_.reset(ends[0]);
    wake_write_.reset(ends[1]);
    set_cloexec_and_nonblocking(ends[0]);
    set_cloexec_and_nonblocking(ends[1]);
    polled_.push_back({ends[0], POLLIN, 0});
    waiters_.emplace_back();
  }

  /// See watching_executor. Throws: also std::bad_alloc.
  void watch(Watch& watch) {
    detail::require_descriptor(watch);
    const auto number = static_cast<std::size_t>(watch.descriptor);
    if (places_.size() <= number) places_.resize(number + number / 2 + 8);
    std::size_t place = places_[number];
    if (place != 0) detail::require_unwatched(waiters_[place], watch);
    if (::fcntl(watch.descriptor, F_GETFD) < 0) detail::throw_unwatchable(errno, watch.descriptor);
    if (place == 0) {
      place = polled_.size();
      waiters_.resize(place + 1);  // has one element too many if the next line throws
      polled_.push_back({watch.descriptor, 0, 0});
      places_[number] = place;
    }
    polled_[place].events = static_cast<short>(polled_[place].events | event_of(watch.direction));
    waiters_[place].waiting[detail::index_of(watch.direction)] = &watch;
    ++waiting_;
  }

  void unwatch(Watch& watch) noexcept {
    const std::size_t place = places_[static_cast<std::size_t>(watch.descriptor)];
    Watch*& waiting = waiters_[place].waiting[detail::index_of(watch.direction)];
    if (waiting != &watch) return;
    waiting = nullptr;
    end(place, watch.direction);
  }

  /// Returns the number of coroutines that wait.
  std::size_t waiting() const noexcept { return waiting_; }

  /// Blocks until a descriptor is ready or wake() is called, for `timeout` milliseconds at most; -1: no
  /// limit. Resumes the coroutines whose descriptors are ready. Returns whether it was woken.
  bool wait(int timeout) noexcept {
    if (::poll(polled_.data(), static_cast<unsigned>(polled_.size()), timeout) <= 0) return false;
    for (std::size_t place = 1; place < polled_.size();) place += handle(place) ? 0U : 1U;
    const bool woken = polled_[0].revents != 0;
    char bytes[64];
    if (woken) {
      while (::read(wake_read_.get(), bytes, sizeof bytes) == sizeof bytes) {
      }
    }
    return woken;
  }

  /// Ends the current wait(), or the next one if there is none. Thread-safe.
  void wake() noexcept {
    const char byte = 0;
    [[maybe_unused]] const ssize_t written = ::write(wake_write_.get(), &byte, 1);  // may fail: the
                                                                                    // pipe is full
  }

  /// Returns descriptors for a poll() elsewhere that is to return when something here is ready; wait(0) then
  /// handles it. Valid until the next call of another function.
  plain_view<const pollfd> pollable() noexcept { return {polled_.data(), polled_.size()}; }

 private:
  static constexpr short event_of(io_direction direction) noexcept {
    return direction == io_direction::read ? POLLIN : POLLOUT;
  }

  // Returns true if another descriptor has taken that place.
  bool handle(std::size_t place) noexcept {
    constexpr short over = POLLERR | POLLHUP | POLLNVAL;
    const short found = polled_[place].revents;
    for (const io_direction direction : {io_direction::read, io_direction::write}) {
      if ((found & (event_of(direction) | over)) == 0) continue;
      Watch*& waiting = waiters_[place].waiting[detail::index_of(direction)];
      if (waiting != nullptr && detail::hand_over(waiting) && end(place, direction)) return true;
    }
    return false;
  }

  // If nobody waits for the descriptor any more, the last one takes its place; then returns true.
  bool end(std::size_t place, io_direction direction) noexcept {
    --waiting_;
    polled_[place].events = static_cast<short>(polled_[place].events & ~event_of(direction));
    if (polled_[place].events != 0) return false;
    places_[static_cast<std::size_t>(polled_[place].fd)] = 0;
    if (place + 1 != polled_.size()) {
      polled_[place] = polled_.back();
      waiters_[place] = waiters_.back();
      places_[static_cast<std::size_t>(polled_[place].fd)] = place;
    }
    polled_.pop_back();
    waiters_.pop_back();
    return true;
  }

  unique_fd wake_read_;
  unique_fd wake_write_;
  std::vector<pollfd> polled_;       // the first one is for wake()
  std::vector<watch_slot> waiters_;  // in the same order
  std::vector<std::size_t> places_;  // index in these two, by descriptor; 0: none
  std::size_t waiting_ = 0;
};

using poll_set = basic_poll_set<descriptor_watch>;

}  // namespace coworker::inline v0_1::detail

#endif
