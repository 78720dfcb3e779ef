#pragma once
// curl_transfers: the exchanges that libcurl's multi interface has under way, from the moment they are handed to it
// until each has an answer or a failure; and how one is given up without losing an answer that is on its way. Must
// not know how a thread waits, nor what is asked for.

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

/// All but wake() and request_stop() belongs to one thread.
class curl_transfers {
 public:
  using exchange = curl_exchange;

  explicit curl_transfers(curl_client_options chosen) : common_(std::move(chosen)) {
    initialise_curl();
    multi_ = make_multi();
    // By default the cache shrinks with the running transfers, so that a lull would cost all warm
    // connections.
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, common_.options.idle_connections);
  }

  curl_common& common() noexcept { return common_; }
  CURLM* multi() const noexcept { return multi_.get(); }
  void wake() noexcept { curl_multi_wakeup(multi_.get()); }

  /// Hands over an exchange that was prepared, with a body of that size; its `waiting` is posted when it is over.
  /// False: it has failed at once. Throws std::bad_alloc.
  bool add(exchange& one, std::size_t body) {
    exchanges_.push_back(&one);
    const CURLMcode added = curl_multi_add_handle(multi_.get(), one.easy.get());
    if (added != CURLM_OK) {
      exchanges_.pop_back();
      one.answer->failure = http_failure::unreachable;
      explain(*one.answer, [added] { return std::string(curl_multi_strerror(added)); });
      return false;
    }
    const time_point now = clock_type::now();
    begin_patience(one, now, body);
    if (exchanges_.size() == 1) heard_until_ = now;
    perform_first_ = true;
    return true;
  }

  /// Any thread, while the exchange is under way.
  void request_stop(exchange& one) noexcept {
    one.stop_requested.store(true, std::memory_order_relaxed);
    stops_pending_.store(true, std::memory_order_release);
    wake();
  }

  bool empty() const noexcept { return exchanges_.empty(); }

  /// Something was added since libcurl was last called, so that there is nothing to wait for.
  bool must_begin() const noexcept { return perform_first_; }

  /// When something is due that nobody would wake this thread for.
  time_point next_due() const noexcept {
    time_point soonest = (time_point::max)();
    for (const exchange* const one : exchanges_) soonest = (std::min)({soonest, one->give_up_at, one->due});
    return soonest;
  }

  /// To be called before work(), and before and after a wait. `waited_until` is when a wait was to end; if that is
  /// long over, the process was frozen.
  void listen(time_point now, time_point waited_until = (time_point::min)()) noexcept;

  /// Reads and writes what can be, ends what is over, and gives up what takes too long.
  void work() {
    perform();
    if (stops_pending_.exchange(false, std::memory_order_acquire) || stops_postponed_) stop_exchanges();
    end_overdue();
  }

 private:
  using exchange_list = std::vector<exchange*>;

  static constexpr duration noticeable = std::chrono::seconds(1);

  template <class Words>
  static void explain(http_response& answer, Words words) noexcept;
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
  time_point heard_until_{};  // when libcurl last looked at its sockets
  std::atomic<bool> stops_pending_{false};
  bool stops_postponed_ = false;
};

// There may be no memory for the words.
template <class Words>
void curl_transfers::explain(http_response& answer, Words words) noexcept {
  try {
    answer.problem = words();
  } catch (...) {
    answer.problem = "out of memory";  // short enough to need none
  }
}

// Between two looks at the sockets this thread was busy, or the process was frozen, nobody knows for how much of a
// wait that ended late. Silence that could not have been heard does not count.
inline void curl_transfers::listen(time_point now, time_point waited_until) noexcept {
  if (waited_until != (time_point::min)() && (waited_until > now || now - waited_until <= noticeable))
    heard_until_ = now;
  const duration deaf = now - std::exchange(heard_until_, now);
  common_.now = now;
  if (deaf <= noticeable) return;
  for (exchange* const one : exchanges_) {
    for (time_point* const moment : {&one->due, &one->give_up_at}) *moment = after(*moment, deaf);
    one->quiet_since += deaf;
    one->window_begun += deaf;
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
  http_response& answer = *one.answer;
  long status = 0;
  curl_easy_getinfo(one.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  if (code != CURLE_OK) {
    one.gave_up = one.leaving && !one.answering;
    answer.failure = failure_of(one, code);
    answer.out_of_memory = one.no_memory && one.in_body;
    if (answer.out_of_memory) answer.status = static_cast<int>(status);
    return explain(answer, [&] { return describe_failure(one, code); });
  }
  answer.status = static_cast<int>(status);
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(one.easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
    answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 24 * 60 * 60));
  if (answer.location.empty()) return;
  const bool redirects = status >= 300 && status < 400;
  try {
    answer.location = redirects ? redirect_target(one.url, answer.location) : std::string();
  } catch (...) {  // no memory: it stays as the server wrote it
  }
}

inline void curl_transfers::give_up(exchange& one, patience seen) noexcept {
  one.gave_up = one.leaving && !one.answering;
  one.answer->failure = one.port < 0 ? http_failure::unreachable : http_failure::timed_out;
  explain(*one.answer, [&] { return describe(one, seen, common_.now); });
}

// Takes the exchange out of libcurl's hands and lets its coroutine go on.
inline auto curl_transfers::finish(exchange_list::iterator place) noexcept -> exchange_list::iterator {
  exchange& one = **place;
  if (!std::exchange(one.settled, true)) curl_multi_remove_handle(multi_.get(), one.easy.get());
  try {
    one.executor.post(one.waiting);
  } catch (...) {  // no memory; it is tried again soon
    one.due = common_.now + std::chrono::milliseconds(10);
    return place + 1;
  }
  return exchanges_.erase(place);
}

// What had arrived was read just before this. An exchange that waits for its answer says that nothing more
// will come from here, and has until the linger is over to receive what the server had already sent. On a
// connection of HTTP/2 it can say so only together with all that share it, and until then goes on: libcurl
// does not tell the server of one that is merely taken away, and the server would answer it into the void.
inline void curl_transfers::stop_exchanges() noexcept {
  stops_postponed_ = false;
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    const bool asked = !one.settled && !one.leaving && one.stop_requested.load(std::memory_order_relaxed);
    const bool stops = asked && !one.answering;
    if (asked && one.answering && !one.hurried) one.hurry();
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

// Of the connection with that port, if there is one.
inline bool curl_transfers::close_our_side(int port) const noexcept {
  const curl_socket_t socket = socket_at(common_, port);
  return socket != CURL_SOCKET_BAD && ::shutdown(socket, SHUT_WR) == 0;
}

// Of a connection that others use as well, nobody can tell for whom something moves there.
inline bool curl_transfers::is_shared(const exchange& one) const noexcept {
  return std::any_of(exchanges_.begin(), exchanges_.end(),
                     [&one](const exchange* other) { return other != &one && other->port == one.port; });
}

// What had arrived was read just before this.
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
