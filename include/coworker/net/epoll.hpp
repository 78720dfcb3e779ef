#pragma once
// epoll: an object around Linux's epoll, which reports descriptors by key and can be woken by another thread.
// Must not know coroutines, nor what the keys mean.

#if defined(__linux__)

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <coworker/net/descriptor.hpp>
#include <coworker/net/plain_array.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace coworker::inline v0_1::detail {

class epoll {
 public:
  using key = std::uint64_t;

  /// Throws: io_error if the process can open no more descriptors.
  epoll() {
    make_room(63);
    renew();
  }

  /// Stops watching all descriptors. Throws: io_error if the process can open no more descriptors; then
  /// nothing has changed.
  void renew() {
    unique_fd fresh(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
    std::swap(epoll_, fresh);
    const int failed = add(wake_up_.get(), EPOLLIN | EPOLLET, wake_key);
    if (failed == 0) return;
    std::swap(epoll_, fresh);
    throw_io_error(failed, "epoll_ctl");
  }

  /// Adds a descriptor. These three functions return 0, or the error of epoll_ctl.
  int add(int descriptor, std::uint32_t events, key whose) noexcept {
    return control(EPOLL_CTL_ADD, descriptor, events, whose);
  }
  int modify(int descriptor, std::uint32_t events, key whose) noexcept {
    return control(EPOLL_CTL_MOD, descriptor, events, whose);
  }
  int remove(int descriptor) noexcept { return control(EPOLL_CTL_DEL, descriptor, 0, 0); }

  /// Makes room for wait() to return so many descriptors at once. Throws: std::bad_alloc.
  void make_room(std::size_t descriptors) { events_.grow(descriptors + 1); }

  /// Blocks until a descriptor is ready, for `timeout` milliseconds at most; -1: no limit. Returns all that
  /// are ready, with the key in data.u64; a wake-up has `wake_key`.
  /// Thread safety: only this function and wake() may be called while another thread adds,
  /// modifies or removes.
  plain_view<const epoll_event> wait(int timeout) noexcept {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    return {events_.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }

  /// Ends the current wait(), or the next one if there is none. Thread-safe.
  void wake() noexcept { ::eventfd_write(wake_up_.get(), 1); }

  /// Returns a descriptor that is readable while something is ready.
  int descriptor() const noexcept { return epoll_.get(); }

  static constexpr key wake_key = ~key{0};

 private:
  int control(int operation, int descriptor, std::uint32_t events, key whose) noexcept {
    epoll_event event{};
    event.events = events;
    event.data.u64 = whose;
    return ::epoll_ctl(epoll_.get(), operation, descriptor, &event) == 0 ? 0 : errno;
  }

  unique_fd epoll_;
  // Edge-triggered, so it need not be read: its counter does not overflow in the lifetime of a program.
  unique_fd wake_up_{checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
  plain_array<epoll_event> events_;
};

}  // namespace coworker::inline v0_1::detail

#endif
