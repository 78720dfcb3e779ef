#pragma once
// call_driver: a multi handle of libcurl shared by the calls of one event loop. The first call that waits
// drives libcurl for all others, so no extra coroutine or thread runs. Must not know what is sent.

#include <curl/curl.h>

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/quirks.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/http/curl/call_sockets.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace coworker::inline v0_1::detail {

/// The part of a transfer that a driver sees.
struct driven_transfer {
  curl_easy_owner easy{curl_easy_init()};
  bool has_news = false;  // set by libcurl's callbacks: the coroutine has something to do
  bool is_over = false;
  CURLcode code = CURLE_OK;
  curl_socket_t socket = CURL_SOCKET_BAD;
  bool waits = false;  // for `news`
  event news;
};

/// Not thread-safe: used on the thread of one event loop.
class call_driver {
 public:
  /// Throws: std::runtime_error, io_error.
  explicit call_driver(executor_ref loop) : loop_(loop), thread_(this_thread()) {
    detail::initialise_curl();
    detail::ignore_broken_pipes();
    multi_ = detail::make_multi();
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, 64L);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &call_driver::on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &call_driver::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  }
  call_driver(const call_driver&) = delete;
  call_driver& operator=(const call_driver&) = delete;
  ~call_driver() {
    // libcurl calls on_socket while it closes its sockets.
    multi_.reset();
  }

  executor_ref loop() const noexcept { return loop_; }

  void add(driven_transfer& one) {
    require_thread();
    curl_easy_setopt(one.easy.get(), CURLOPT_PRIVATE, &one);
    transfers_.push_back(&one);
    const CURLMcode added = curl_multi_add_handle(multi_.get(), one.easy.get());
    if (added == CURLM_OK) return;
    transfers_.pop_back();
    throw std::runtime_error(std::string("http: libcurl cannot start a request: ") +
                             curl_multi_strerror(added));
  }

  void remove(driven_transfer& one) noexcept {
    std::erase(transfers_, &one);
    curl_multi_remove_handle(multi_.get(), one.easy.get());
    hand_on();
  }

  /// Makes another waiting transfer drive libcurl. Call it before doing anything other than wait().
  void hand_on() noexcept {
    if (driving_) return;
    for (driven_transfer* const one : transfers_) {
      if (one->waits && !one->news.is_set()) return call(*one);
    }
  }

  /// Resumes a paused transfer.
  void go_on(driven_transfer& one) noexcept {
    curl_easy_pause(one.easy.get(), CURLPAUSE_CONT);
    timer_due_ = clock_type::now();
  }

  /// Waits until there is news for the transfer, or until `due`. Throws: `cancelled`.
  task<void> wait(driven_transfer& one, time_point due) {
    require_thread();
    act();
    if (!one.has_news && driving_) {
      one.waits = true;
      const waiting over{one};
      if (timer_due_ < driven_until_) sockets_.wake();
      co_await one.news.wait_until(due);
    } else if (!one.has_news) {
      const driving role(*this);
      while (!one.has_news && clock_type::now() < due) {
        driven_until_ = (std::min)(due, timer_due_);
        co_await sockets_.wait(driven_until_);
        act();
      }
    }
    one.has_news = false;
  }

  /// Lets libcurl read and write whatever is ready.
  void act() {
    sockets_.act(multi_.get());
    int running = 0;
    if (clock_type::now() >= timer_due_) {
      timer_due_ = (time_point::max)();
      curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
    }
    int left = 1;
    while (left > 0) {
      const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
      if (message == nullptr) break;
      if (message->msg != CURLMSG_DONE) continue;
      if (driven_transfer* const one = transfer_of(message->easy_handle)) {
        one->code = message->data.result;
        one->is_over = one->has_news = true;
      }
    }
    for (driven_transfer* const one : transfers_) {
      if (one->has_news && one->waits) call(*one);
    }
  }

 private:
  struct waiting {
    driven_transfer& one;
    ~waiting() {
      one.waits = false;
      one.news.reset();
    }
  };

  // Exists while a coroutine waits on behalf of all.
  struct driving {
    explicit driving(call_driver& of) noexcept : driver(of) { driver.driving_ = true; }
    driving(const driving&) = delete;
    driving& operator=(const driving&) = delete;
    ~driving() {
      driver.driving_ = false;
      driver.driven_until_ = (time_point::max)();
    }
    call_driver& driver;
  };

  // Without memory for the notification, the coroutine continues when it is due.
  void call(driven_transfer& one) noexcept {
    try {
      one.news.set();
    } catch (...) {
    }
  }

  static driven_transfer* transfer_of(CURL* easy) noexcept {
    char* found = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &found);
    return static_cast<driven_transfer*>(static_cast<void*>(found));
  }

  static int on_socket(CURL* easy, curl_socket_t socket, int what, void* user, void* known) {
    auto& one = *static_cast<call_driver*>(user);
    one.sockets_.watch(socket, what, known != nullptr);
    if (known == nullptr && what != CURL_POLL_REMOVE) curl_multi_assign(one.multi_.get(), socket, user);
    driven_transfer* const whose = what != CURL_POLL_REMOVE ? transfer_of(easy) : nullptr;
    if (whose != nullptr) whose->socket = socket;
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* user) {
    auto& one = *static_cast<call_driver*>(user);
    one.timer_due_ =
        milliseconds < 0 ? (time_point::max)() : clock_type::now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  // Not inlined: a coroutine may resume on another thread, and the compiler may reuse the
  // address read before.
  COWORKER_NOINLINE static const void* this_thread() noexcept {
    static thread_local char here;
    return &here;
  }

  void require_thread() const {
    if (this_thread() == thread_) return;
    throw std::logic_error(
        "http: the event loop of this call has changed its thread while calls were in progress; run it on "
        "one thread");
  }

  const executor_ref loop_;
  const void* const thread_;
  call_sockets sockets_;
  std::vector<driven_transfer*> transfers_;
  time_point timer_due_ = (time_point::max)();
  time_point driven_until_ = (time_point::max)();
  bool driving_ = false;
  curl_multi_owner multi_;  // last member: its destructor still calls on_socket
};

/// Returns the driver for a loop of the calling thread. Calls in progress share ownership, so a coroutine
/// that is destroyed after its thread has ended still has a driver. The thread keeps a driver, with its idle
/// connections, until it ends or makes a call on another loop.
COWORKER_NOINLINE inline std::shared_ptr<call_driver> driver_of(executor_ref loop) {
  static thread_local std::vector<std::shared_ptr<call_driver>> drivers;
  for (const std::shared_ptr<call_driver>& one : drivers) {
    if (one->loop() == loop) return one;
  }
  std::erase_if(drivers, [](const std::shared_ptr<call_driver>& one) { return one.use_count() == 1; });
  return drivers.emplace_back(std::make_shared<call_driver>(loop));
}

}  // namespace coworker::inline v0_1::detail
