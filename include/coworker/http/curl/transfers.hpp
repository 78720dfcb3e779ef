#pragma once
// curl_transfers: the exchanges that libcurl's multi interface performs, until each has a response or a
// failure; and how to give one up without losing a response that is on its way. Must not know how a thread
// waits, or what is requested.

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <coworker/coro/clock.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/diagnosis.hpp>
#include <coworker/http/curl/exchange.hpp>
#include <coworker/http/curl/patience.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

/// Thread safety: use it on one thread, except for wake() and request_stop().
class curl_transfers {
 public:
  using exchange = curl_exchange;

  explicit curl_transfers(curl_client_options chosen) : common_(std::move(chosen)) {
    initialise_curl();
    multi_ = make_multi();
    // By default libcurl shrinks its cache with the number of running transfers, so a pause would close all
    // idle connections.
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, common_.options.idle_connections);
  }

  curl_common& common() noexcept { return common_; }
  CURLM* multi() const noexcept { return multi_.get(); }
  void wake() noexcept { curl_multi_wakeup(multi_.get()); }

  /// Starts a prepared exchange with a request body of that size in bytes. Its `waiting` is posted when it is
  /// over. Returns false if it failed at once. Throws: std::bad_alloc.
  bool add(exchange& one, std::size_t body) {
    exchanges_.push_back(&one);
    const CURLMcode added = curl_multi_add_handle(multi_.get(), one.easy.get());
    if (added != CURLM_OK) {
      exchanges_.pop_back();
      one.response->failure = http_failure::unreachable;
      explain(*one.response, [added] { return std::string(curl_multi_strerror(added)); });
      return false;
    }
    const time_point now = clock_type::now();
    begin_patience(one, now, body);
    if (exchanges_.size() == 1) observed_until_ = now;
    perform_first_ = true;
    return true;
  }

  /// Thread safety: may be called on any thread while the exchange is in progress.
  void request_stop(exchange& one) noexcept {
    one.stop_requested.store(true, std::memory_order_relaxed);
    stops_pending_.store(true, std::memory_order_release);
    wake();
  }

  bool empty() const noexcept { return exchanges_.empty(); }

  /// Whether an exchange was added since libcurl was last called, so that there is nothing to wait for.
  bool must_begin() const noexcept { return perform_first_; }

  /// Returns the earliest deadline of an exchange. A wait must end by then, because libcurl does not know it.
  time_point next_due() const noexcept {
    time_point soonest = (time_point::max)();
    for (const exchange* const one : exchanges_) soonest = (std::min)({soonest, one->give_up_at, one->due});
    return soonest;
  }

  /// Updates the current time. Call it before work(), and before and after a wait. `waited_until`: when the
  /// wait should have ended. If that was long ago, the process was frozen.
  void update_time(time_point now, time_point waited_until = (time_point::min)()) noexcept;

  /// Lets libcurl read and write what is ready, ends what is over, and gives up what takes too long.
  void work() {
    perform();
    if (stops_pending_.exchange(false, std::memory_order_acquire) || stops_postponed_) stop_exchanges();
    end_overdue();
  }

 private:
  using exchange_list = std::vector<exchange*>;

  static constexpr duration noticeable = std::chrono::seconds(1);

  template <class Words>
  static void explain(http_response& response, Words words) noexcept;
  void perform();
  void stop_exchanges() noexcept;
  bool all_leave(int port) const noexcept;
  bool is_shared(const exchange& one) const noexcept;
  bool close_our_side(int port) const noexcept;
  void end_overdue() noexcept;
  void give_up(exchange& one, patience seen) noexcept;
  static void settle(exchange& one, CURLcode code) noexcept;
  exchange_list::iterator finish(exchange_list::iterator place) noexcept;

  curl_common common_;
  curl_multi_owner multi_;
  exchange_list exchanges_;
  bool perform_first_ = false;
  time_point observed_until_{};  // when libcurl last checked its sockets
  std::atomic<bool> stops_pending_{false};
  bool stops_postponed_ = false;
};

// There may be no memory for the text.
template <class Words>
void curl_transfers::explain(http_response& response, Words words) noexcept {
  try {
    response.problem = words();
  } catch (...) {
    response.problem = "out of memory";  // short enough to need no allocation
  }
}

// Time in which this thread did not check the sockets, because it was busy or the process was frozen, does
// not count as silence of the server: all deadlines move by it.
inline void curl_transfers::update_time(time_point now, time_point waited_until) noexcept {
  if (waited_until != (time_point::min)() && (waited_until > now || now - waited_until <= noticeable))
    observed_until_ = now;
  const duration unobserved = now - std::exchange(observed_until_, now);
  common_.now = now;
  if (unobserved <= noticeable) return;
  for (exchange* const one : exchanges_) {
    for (time_point* const moment : {&one->due, &one->give_up_at}) *moment = after(*moment, unobserved);
    one->quiet_since += unobserved;
    one->window_begun += unobserved;
  }
}

inline void curl_transfers::perform() {
  perform_first_ = false;
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  int left = static_cast<std::size_t>(running) < exchanges_.size() ? 1 : 0;
  while (left > 0) {
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr || message->msg != CURLMSG_DONE) continue;
    const auto one = std::find_if(exchanges_.begin(), exchanges_.end(), [message](const exchange* candidate) {
      return candidate->easy.get() == message->easy_handle;
    });
    settle(**one, message->data.result);
    finish(one);
  }
}

inline void curl_transfers::settle(exchange& one, CURLcode code) noexcept {
  http_response& response = *one.response;
  long status = 0;
  curl_easy_getinfo(one.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) {
    one.gave_up = one.leaving && !one.response_begun;
    response.failure = failure_of(one, code);
    response.out_of_memory = one.no_memory && one.in_body;
    if (response.out_of_memory) response.status = static_cast<int>(status);
    return explain(response, [&] { return describe_failure(one, code); });
  }
  response.status = static_cast<int>(status);
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(one.easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
    response.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 24 * 60 * 60));
  if (response.location.empty()) return;
  const bool redirects = status >= 300 && status < 400;
  try {
    response.location = redirects ? redirect_target(one.url, response.location) : std::string();
  } catch (...) {  // no memory: it stays as the server wrote it
  }
}

inline void curl_transfers::give_up(exchange& one, patience seen) noexcept {
  one.gave_up = one.leaving && !one.response_begun;
  one.response->failure = one.port < 0 ? http_failure::unreachable : http_failure::timed_out;
  explain(*one.response, [&] { return describe(one, seen, common_.now); });
}

// Removes the exchange from libcurl and posts its coroutine. If there is no memory for that, the exchange
// stays in the list, and end_overdue() tries again soon.
inline auto curl_transfers::finish(exchange_list::iterator place) noexcept -> exchange_list::iterator {
  exchange& one = **place;
  if (!std::exchange(one.settled, true)) curl_multi_remove_handle(multi_.get(), one.easy.get());
  try {
    one.executor.post(one.waiting);
  } catch (...) {
    one.due = common_.now + std::chrono::milliseconds(10);
    return place + 1;
  }
  return exchanges_.erase(place);
}

// Gives up the exchanges that were asked to stop. Everything that had arrived was read just before this. An
// exchange that waits for its response shuts down its sending side, and has the linger time to receive what
// the server has already sent. An HTTP/2 connection can be shut down only when all of its exchanges are given
// up; until then the exchange continues: if it were only removed, libcurl would not notify the server, and
// the server's response would be lost.
inline void curl_transfers::stop_exchanges() noexcept {
  stops_postponed_ = false;
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    const bool asked = !one.settled && !one.leaving && one.stop_requested.load(std::memory_order_relaxed);
    const bool stops = asked && !one.response_begun;
    if (asked && one.response_begun && !one.hurried) one.hurry();
    if (stops && !all_leave(one.port)) {
      stops_postponed_ = true;
    } else if (stops) {
      one.leaving = true;
      one.gave_up = !close_our_side(one.port);
      one.give_up_at = after(common_.now, common_.options.linger);
    }
    place = stops && one.gave_up ? finish(place) : place + 1;
  }
}

inline bool curl_transfers::all_leave(int port) const noexcept {
  if (port <= 0) return true;  // its request was not sent yet
  return std::none_of(exchanges_.begin(), exchanges_.end(), [port](const exchange* one) {
    return one->port == port && !one->leaving && !one->stop_requested.load(std::memory_order_relaxed);
  });
}

// Shuts down the sending side of the connection with that local port. Returns whether it did.
inline bool curl_transfers::close_our_side(int port) const noexcept {
  const curl_socket_t socket = socket_at(common_, port);
  return socket != CURL_SOCKET_BAD && ::shutdown(socket, SHUT_WR) == 0;
}

// On a shared connection, progress cannot be assigned to one exchange.
inline bool curl_transfers::is_shared(const exchange& one) const noexcept {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [&one](const exchange* other) { return other != &one && other->port == one.port; });
}

// Ends the exchanges whose time is over. Everything that had arrived was read just before this.
inline void curl_transfers::end_overdue() noexcept {
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    bool over = one.settled;
    if (!over && common_.now >= one.give_up_at) {
      one.gave_up = over = true;
    } else if (!over && common_.now >= one.due) {
      const patience seen = look(one, common_.now, is_shared(one));
      over = seen != patience::goes_on;
      if (over) give_up(one, seen);
    }
    place = over ? finish(place) : place + 1;
  }
}

}  // namespace coworker::inline v0_1::detail
