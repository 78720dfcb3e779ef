#pragma once
// epoll: Linux's own call of that name as an object: what it watches is known by a key, and another thread can
// wake who waits. Must not know coroutines, nor whose keys they are.

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

  /// Throws io_error when there is no descriptor left for it.
  epoll() {
    make_room(63);
    renew();
  }

  /// Watches nothing any more. Throws io_error when there is no descriptor left for that, and then has
  /// changed nothing.
  void renew() {
    unique_fd fresh(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
    std::swap(epoll_, fresh);
    const int failed = add(wake_up_.get(), EPOLLIN | EPOLLET, wake_key);
    if (failed == 0) return;
    std::swap(epoll_, fresh);
    throw_io_error(failed, "epoll_ctl");
  }

  /// Each returns 0, or the error of epoll_ctl.
  int add(int descriptor, std::uint32_t events, key whose) noexcept {
    return control(EPOLL_CTL_ADD, descriptor, events, whose);
  }
  int modify(int descriptor, std::uint32_t events, key whose) noexcept {
    return control(EPOLL_CTL_MOD, descriptor, events, whose);
  }
  int remove(int descriptor) noexcept { return control(EPOLL_CTL_DEL, descriptor, 0, 0); }

  /// Makes room for wait() to find so many at once. Throws std::bad_alloc.
  void make_room(std::size_t descriptors) { events_.grow(descriptors + 1); }

  /// Blocks until something is ready, or for `timeout` milliseconds at most; -1 is for ever. Returns all that is
  /// ready, with the key in data.u64; a wake-up has `wake_key`. The one function besides wake() that may be
  /// called while another thread adds, modifies or removes.
  plain_view<const epoll_event> wait(int timeout) noexcept {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    return {events_.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }

  /// Ends the current wait(), or else the next one. Thread-safe.
  void wake() noexcept { ::eventfd_write(wake_up_.get(), 1); }

  /// Readable while something is ready.
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
  // Edge-triggered, so that it need not be read: its counter does not overflow in a program's life.
  unique_fd wake_up_{checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
  plain_array<epoll_event> events_;
};

}  // namespace coworker::detail

#endif
