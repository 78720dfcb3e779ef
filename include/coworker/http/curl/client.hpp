#pragma once
// curl_client: libcurl's multi interface as the thing an event loop blocks on, and as a model of the http
// client concept; and how an exchange is given up without losing an answer that is on its way. Must not know
// the queue protocol, nor how a request is put to libcurl.

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/diagnosis.hpp>
#include <coworker/http/curl/exchange.hpp>
#include <coworker/http/curl/patience.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <coworker/net/poller.hpp>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// An HTTP client over libcurl, and the waiter of the event loop on which it is used: `event_loop
/// loop(client);`. Connections are kept and re-used, TLS certificates verified, proxies taken from the
/// environment as libcurl does; if it names none when the client is made, none is looked for later. Coroutines on
/// the same loop may await descriptors: libcurl's wait and theirs are one. All on the loop's thread, but for
/// wake() and a stop of the awaiting chain.
///
/// Errors: the constructor throws std::runtime_error when libcurl cannot be set up, for want of descriptors too.
class curl_client final : public waiter {
 public:
  explicit curl_client(curl_client_options chosen = {}) : common_(std::move(chosen)) {
    detail::initialise_curl();
    multi_ = detail::make_multi();
    // By default the cache shrinks with the running transfers, so that a lull would cost all warm
    // connections.
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, common_.options.idle_connections);
  }

  curl_client(const curl_client&) = delete;
  curl_client& operator=(const curl_client&) = delete;
  ~curl_client() = default;

  /// See http_client. A retried or re-used connection may repeat a request that was cut off before any
  /// answer: libcurl does so by itself.
  task<http_answer> send(const http_request& request) {
    http_answer answer;
    bool gave_up = false;
    try {
      const lease one(*this, request.body.has_value());
      std::string address = request.url;
      for (int redirects = 0;; ++redirects) {
        one->prepare(request, address, answer);
        co_await performed(*this, *one, request.body ? request.body->size() : 0);
        gave_up = one->gave_up;
        if (gave_up || redirects == most_redirects || !is_followed(answer, address)) break;
        address = std::exchange(answer.location, {});
        answer = http_answer();
      }
    } catch (const std::bad_alloc&) {
      answer.failure = http_failure::unreachable;
      answer.problem = "out of memory";
    }
    if (gave_up) throw cancelled();
    co_return std::move(answer);
  }

  void wait(time_point deadline) override {
    if (deadline != time_point::min() && !perform_first_) {
      block(deadline);
    } else {
      if (!exchanges_.empty()) listen(clock_type::now());
      if (descriptors_ && descriptors_->waiting() != 0) descriptors_->wait(0);
    }
    if (exchanges_.empty()) return;
    perform();
    if (stops_pending_.exchange(false, std::memory_order_acquire) || stops_postponed_) stop_exchanges();
    end_overdue();
  }

  void wake() noexcept override { curl_multi_wakeup(multi_.get()); }

  /// For coroutines on the same loop that await descriptors; see event_loop.
  void watch(descriptor_watch& watch) override {
    if (!descriptors_) descriptors_.emplace();
    descriptors_->watch(watch);
  }
  void unwatch(descriptor_watch& watch) noexcept override {
    if (descriptors_) descriptors_->unwatch(watch);
  }

 private:
  using exchange = detail::curl_exchange;

  static constexpr int most_redirects = 5;
  static constexpr duration noticeable = std::chrono::seconds(1);

  // An exchange for the time of one request.
  class lease {
   public:
    lease(curl_client& client, bool for_post) : client_(client), exchange_(client.take_exchange(for_post)) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      try {
        client_.idle(exchange_->posts).push_back(std::move(exchange_));
      } catch (...) {  // no memory to keep it for later
      }
    }
    exchange& operator*() const noexcept { return *exchange_; }
    exchange* operator->() const noexcept { return exchange_.get(); }

   private:
    curl_client& client_;
    std::unique_ptr<exchange> exchange_;
  };

  struct request_stop {
    curl_client* client;
    exchange* one;

    void operator()() const noexcept {
      one->stop_requested.store(true, std::memory_order_relaxed);
      client->stops_pending_.store(true, std::memory_order_release);
      client->wake();
    }
  };

  class performed {
   public:
    performed(curl_client& client, exchange& one, std::size_t body) noexcept
        : client_(client), one_(one), body_(body) {}
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
      const context& here = detail::require_context(awaiting, "curl_client");
      if (here.stop.stop_requested()) {
        one_.gave_up = true;
        return false;
      }
      one_.waiting = awaiting;
      one_.executor = here.executor;
      client_.exchanges_.push_back(&one_);
      const CURLMcode added = curl_multi_add_handle(client_.multi_.get(), one_.easy.get());
      if (added != CURLM_OK) {
        client_.exchanges_.pop_back();
        one_.answer->failure = http_failure::unreachable;
        explain(*one_.answer, [added] { return std::string(curl_multi_strerror(added)); });
        return false;
      }
      const time_point now = clock_type::now();
      detail::begin_patience(one_, now, body_);
      if (client_.exchanges_.size() == 1) client_.heard_until_ = now;
      client_.perform_first_ = true;
      on_stop_.emplace(here.stop, request_stop{&client_, &one_});
      return true;
    }

    void await_resume() noexcept { on_stop_.reset(); }

   private:
    curl_client& client_;
    exchange& one_;
    const std::size_t body_;
    std::optional<stop_callback<request_stop>> on_stop_;
  };

  using exchange_list = std::vector<exchange*>;

  std::vector<std::unique_ptr<exchange>>& idle(bool posts) noexcept {
    return posts ? idle_posts_ : idle_gets_;
  }
  std::unique_ptr<exchange> take_exchange(bool for_post);
  static bool is_followed(const http_answer& answer, const std::string& asked);
  template <class Words>
  static void explain(http_answer& answer, Words words) noexcept;
  void block(time_point deadline);
  void poll(int timeout);
  void listen(time_point now) noexcept;
  void perform();
  void stop_exchanges() noexcept;
  bool all_leave(int port) const noexcept;
  bool close_our_side(int port) const noexcept;
  void end_overdue() noexcept;
  void give_up(exchange& one, detail::patience seen) noexcept;
  static void settle(exchange& one, CURLcode code) noexcept;
  exchange_list::iterator finish(exchange_list::iterator place) noexcept;

  detail::curl_common common_;
  detail::curl_multi_owner multi_;
  // Apart, so that a handle serves requests that differ in little.
  std::vector<std::unique_ptr<exchange>> idle_gets_;
  std::vector<std::unique_ptr<exchange>> idle_posts_;
  exchange_list exchanges_;     // under way
  bool perform_first_ = false;  // before anything is waited for
  time_point heard_until_{};    // when libcurl last looked at its sockets
  std::atomic<bool> stops_pending_{false};
  bool stops_postponed_ = false;
  std::optional<detail::descriptor_set> descriptors_;
  std::vector<curl_waitfd> polled_;  // kept for its memory
};

inline auto curl_client::take_exchange(bool for_post) -> std::unique_ptr<exchange> {
  std::vector<std::unique_ptr<exchange>>& from = idle(for_post);
  if (from.empty()) return std::make_unique<exchange>(common_, for_post);
  std::unique_ptr<exchange> one = std::move(from.back());
  from.pop_back();
  return one;
}

// The same request again, on the same server: what it asked for moved, and nothing else learns our credentials.
inline bool curl_client::is_followed(const http_answer& answer, const std::string& asked) {
  return (answer.status == 307 || answer.status == 308) && !answer.location.empty() &&
         detail::is_same_server(asked, answer.location);
}

// There may be no memory for the words.
template <class Words>
void curl_client::explain(http_answer& answer, Words words) noexcept {
  try {
    answer.problem = words();
  } catch (...) {
    answer.problem = "out of memory";  // short enough to need none
  }
}

// Until something has happened, or the deadline, or something is due that nobody else would wake this thread for.
inline void curl_client::block(time_point deadline) {
  for (const exchange* const one : exchanges_) deadline = std::min({deadline, one->give_up_at, one->due});
  const bool endless = deadline == time_point::max();
  constexpr int longest = std::numeric_limits<int>::max();
  if (exchanges_.empty() && endless) return poll(longest);
  const time_point now = clock_type::now();
  listen(now);
  poll(endless ? longest : static_cast<int>(detail::to_milliseconds(deadline - now)));
  const time_point woken = clock_type::now();
  // Far too late: the process was frozen, nobody knows for how much of that time.
  if (endless || woken - std::max(now, deadline) <= noticeable) heard_until_ = woken;
  listen(woken);
}

// An epoll descriptor can be polled, so that what libcurl waits for and all other descriptors are one wait.
inline void curl_client::poll(int timeout) {
  polled_.clear();
  if (descriptors_ && descriptors_->waiting() != 0) {
    for (const pollfd& one : descriptors_->pollable()) polled_.push_back({one.fd, one.events, 0});
  }
  curl_multi_poll(multi_.get(), polled_.data(), static_cast<unsigned>(polled_.size()), timeout, nullptr);
  const auto ready = [](const curl_waitfd& one) { return one.revents != 0; };
  if (std::any_of(polled_.begin(), polled_.end(), ready)) descriptors_->wait(0);
}

// Between two looks at the sockets this thread was busy, or the process was frozen; silence that nobody could have
// heard does not count.
inline void curl_client::listen(time_point now) noexcept {
  const duration deaf = now - std::exchange(heard_until_, now);
  common_.now = now;
  if (deaf <= noticeable) return;
  for (exchange* const one : exchanges_) {
    for (time_point* const moment : {&one->due, &one->give_up_at}) *moment = detail::after(*moment, deaf);
    one->quiet_since += deaf;
    one->window_begun += deaf;
  }
}

inline void curl_client::perform() {
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

inline void curl_client::settle(exchange& one, CURLcode code) noexcept {
  http_answer& answer = *one.answer;
  if (code != CURLE_OK) {
    one.gave_up = one.leaving && !one.answering;
    answer.failure = detail::failure_of(one, code);
    return explain(answer, [&] { return detail::describe_failure(one, code); });
  }
  long status = 0;
  curl_easy_getinfo(one.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(one.easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
    answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 24 * 60 * 60));
  if (answer.location.empty()) return;
  const bool redirects = status >= 300 && status < 400;
  try {
    answer.location = redirects ? detail::redirect_target(one.url, answer.location) : std::string();
  } catch (...) {  // no memory: it stays as the server wrote it
  }
}

inline void curl_client::give_up(exchange& one, detail::patience seen) noexcept {
  one.gave_up = one.leaving && !one.answering;
  one.answer->failure = one.port < 0 ? http_failure::unreachable : http_failure::timed_out;
  explain(*one.answer, [&] { return detail::describe(one, seen, common_.now); });
}

// Takes the exchange out of libcurl's hands and lets its coroutine go on.
inline auto curl_client::finish(exchange_list::iterator place) noexcept -> exchange_list::iterator {
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
// will come from here, and has until the farewell is over to receive what the server had already sent. On a
// connection of HTTP/2 it can say so only together with all that share it, and until then goes on: libcurl
// does not tell the server of one that is merely taken away, and the server would answer it into the void.
inline void curl_client::stop_exchanges() noexcept {
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
      one.give_up_at = detail::after(common_.now, common_.options.farewell);
    }
    place = stops && one.gave_up ? finish(place) : place + 1;
  }
}

inline bool curl_client::all_leave(int port) const noexcept {
  if (port <= 0) return true;  // its request was not sent yet
  return std::none_of(exchanges_.begin(), exchanges_.end(), [port](const exchange* one) {
    return one->port == port && !one->leaving && !one->stop_requested.load(std::memory_order_relaxed);
  });
}

// Of the connection with that port, if there is one.
inline bool curl_client::close_our_side(int port) const noexcept {
  const curl_socket_t socket = detail::socket_at(common_, port);
  return socket != CURL_SOCKET_BAD && ::shutdown(socket, SHUT_WR) == 0;
}

// What had arrived was read just before this.
inline void curl_client::end_overdue() noexcept {
  using detail::patience;
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    bool over = one.settled;
    if (!over && common_.now >= one.give_up_at) {
      one.gave_up = over = true;
    } else if (!over && common_.now >= one.due) {
      const patience seen = detail::look(one, common_.now);
      over = seen != patience::goes_on;
      if (over) give_up(one, seen);
    }
    place = over ? finish(place) : place + 1;
  }
}

static_assert(http_client<curl_client>);

}  // namespace coworker
