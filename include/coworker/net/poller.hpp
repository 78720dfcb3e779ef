#pragma once
// poller: the waiter on which an event loop blocks once a coroutine awaits a descriptor there. Must not know
// who waits, nor what for.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/net/epoll_set.hpp>
#include <coworker/net/poll_set.hpp>
#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <limits>

namespace coworker::inline v0_1 {

namespace detail {

// The only place that decides which systems have epoll.
#if defined(__linux__)
using descriptor_set = epoll_set;
#else
using descriptor_set = poll_set;
#endif

// Returns a timeout for poll() and the like, in milliseconds; -1: no limit.
inline int poll_timeout(time_point deadline) noexcept {
  if (deadline == (time_point::max)()) return -1;
  if (deadline == (time_point::min)()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock_type::now()).count();
  constexpr int longest =
      (std::numeric_limits<int>::max)();  // <algorithm>, for clamp, would cost every user too much
  return left < 0 ? 0 : left < longest ? static_cast<int>(left) : longest;
}

}  // namespace detail

/// A waiter that blocks in the system call that watches descriptors. `Set`: epoll_set or basic_poll_set.
template <class Set>
class basic_poller final : public waiter {
 public:
  /// Throws: io_error if the process can open no more descriptors.
  basic_poller() = default;

  void wait(time_point deadline) override {
    if (deadline != (time_point::min)()) {
      set_.wait(woken_ ? 0 : detail::poll_timeout(deadline));
      woken_ = false;
    } else if (set_.waiting() != 0) {
      woken_ = set_.wait(0) || woken_;  // a check without waiting does not consume a wake-up
    }
  }

  void wake() noexcept override { set_.wake(); }
  void watch(descriptor_watch& watch) override { set_.watch(watch); }
  void unwatch(descriptor_watch& watch) noexcept override { set_.unwatch(watch); }

 private:
  Set set_;
  bool woken_ = false;
};

/// The waiter for descriptors on this system.
using poller = basic_poller<detail::descriptor_set>;

}  // namespace coworker::inline v0_1

#endif
