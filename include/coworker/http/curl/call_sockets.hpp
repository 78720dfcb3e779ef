#pragma once
// call_sockets: the sockets of a multi handle of libcurl behind one descriptor, so that a coroutine on any
// event loop can wait for them. The only file in http/curl/ that knows which systems have epoll. Must not
// know what is sent.

#include <curl/curl.h>

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/net/poller.hpp>  // brings epoll, where there is one
#include <coworker/net/readable.hpp>

namespace coworker::inline v0_1::detail {

#if defined(__linux__)

class call_sockets {
 public:
  /// Throws: io_error when no descriptor is left.
  call_sockets() = default;

  /// Takes the arguments of CURLMOPT_SOCKETFUNCTION. `known`: the socket was passed before.
  void watch(curl_socket_t socket, int what, bool known) noexcept {
    if (what == CURL_POLL_REMOVE) {
      set_.remove(socket);
      return;
    }
    const std::uint32_t events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    const auto key = static_cast<epoll::key>(socket);
    if (!known || set_.modify(socket, events, key) == ENOENT) set_.add(socket, events, key);
  }

  /// Waits until a socket is ready, wake() is called, or `due`. Throws: `cancelled`.
  task<void> wait(time_point due) { co_await readable_until(set_.descriptor(), due); }

  void wake() noexcept { set_.wake(); }

  /// Passes the ready sockets to libcurl.
  void act(CURLM* multi) noexcept {
    int running = 0;
    for (const epoll_event& event : set_.wait(0)) {
      if (event.data.u64 == epoll::wake_key) continue;
      const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(multi, static_cast<curl_socket_t>(event.data.u64), what, &running);
    }
  }

 private:
  epoll set_;
};

#else

// Without epoll, several descriptors cannot be awaited as one: polls every 5 ms while a call is in progress.
class call_sockets {
 public:
  void watch(curl_socket_t, int, bool) noexcept {}
  task<void> wait(time_point due) {
    co_await sleep_until((std::min)(due, clock_type::now() + std::chrono::milliseconds(5)));
  }
  void wake() noexcept {}
  void act(CURLM* multi) noexcept {
    int running = 0;
    curl_multi_perform(multi, &running);
  }
};

#endif

}  // namespace coworker::inline v0_1::detail
