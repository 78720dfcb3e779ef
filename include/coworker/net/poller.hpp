#pragma once
// poller: what an event loop blocks on once a coroutine awaits a descriptor there. Must not know who waits, nor
// what for.

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

// The one place that knows which systems have epoll.
#if defined(__linux__)
using descriptor_set = epoll_set;
#else
using descriptor_set = poll_set;
#endif

// For poll() and its like: -1 is for ever.
inline int poll_timeout(time_point deadline) noexcept {
  if (deadline == (time_point::max)()) return -1;
  if (deadline == (time_point::min)()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock_type::now()).count();
  constexpr int longest =
      (std::numeric_limits<int>::max)();  // <algorithm>, for clamp, would cost every user too much
  return left < 0 ? 0 : left < longest ? static_cast<int>(left) : longest;
}

}  // namespace detail

/// Blocks in the system's own call for watching descriptors.
template <class Set>
class basic_poller final : public waiter {
 public:
  /// Throws io_error when the process has no descriptors left for it.
  basic_poller() = default;

  void wait(time_point deadline) override {
    if (deadline != (time_point::min)()) {
      set_.wait(woken_ ? 0 : detail::poll_timeout(deadline));
      woken_ = false;
    } else if (set_.waiting() != 0) {
      woken_ = set_.wait(0) || woken_;  // a look around does not use up a wake-up
    }
  }

  void wake() noexcept override { set_.wake(); }
  void watch(descriptor_watch& watch) override { set_.watch(watch); }
  void unwatch(descriptor_watch& watch) noexcept override { set_.unwatch(watch); }

 private:
  Set set_;
  bool woken_ = false;
};

using poller = basic_poller<detail::descriptor_set>;

}  // namespace coworker

#endif
