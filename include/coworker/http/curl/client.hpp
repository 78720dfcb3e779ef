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
#include <coworker/http/curl/exchange.hpp>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// An HTTP client over libcurl, and the waiter of the event loop on which it is used: `event_loop
/// loop(client);`. Connections are kept and re-used, TLS certificates verified, proxies taken from the
/// environment as libcurl does; if it names none when the client is made, none is looked for later. All on
/// the loop's thread, but for wake() and a stop of the awaiting chain.
///
/// Errors: the constructor throws std::runtime_error when libcurl cannot be set up.
class curl_client final : public waiter {
 public:
  explicit curl_client(curl_client_options chosen = {}) : common_(std::move(chosen)) {
    detail::initialise_curl();
    multi_.reset(curl_multi_init());
    if (multi_ == nullptr) throw std::runtime_error("curl_client: libcurl has no memory for a multi handle");
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
    const lease one(*this, request.body.has_value());
    one->prepare(request, answer);
    co_await performed(*this, *one);
    if (one->gave_up) throw cancelled();
    co_return std::move(answer);
  }

  void wait(time_point deadline) override {
    if (deadline != (time_point::min)() && !perform_first_) {
      // While an exchange waits for its farewell to end, nobody else would wake this thread for it.
      for (const exchange* const one : exchanges_) deadline = (std::min)(deadline, one->give_up_at);
      const bool endless = deadline == (time_point::max)();
      const long span =
          endless ? (std::numeric_limits<int>::max)() : detail::to_milliseconds(deadline - clock_type::now());
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(span), nullptr);
    }
    if (exchanges_.empty()) return;
    perform();
    if (std::exchange(common_.answers_begun, false)) await_ends();
    if (stops_pending_.exchange(false, std::memory_order_acquire) || stops_postponed_) stop_exchanges();
    end_farewells();
  }

  void wake() noexcept override { curl_multi_wakeup(multi_.get()); }

 private:
  using exchange = detail::curl_exchange;

  // An exchange for the time of one request.
  class lease {
   public:
    lease(curl_client& client, bool for_post) : client_(client), exchange_(client.take_exchange(for_post)) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { client_.idle(exchange_->posts).push_back(std::move(exchange_)); }
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
    performed(curl_client& client, exchange& one) noexcept : client_(client), one_(one) {}
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
      const CURLMcode added = curl_multi_add_handle(client_.multi_.get(), one_.easy.get());
      if (added != CURLM_OK) {
        one_.answer->failure = http_failure::unusable;
        one_.answer->problem = curl_multi_strerror(added);
        return false;
      }
      client_.exchanges_.push_back(&one_);
      client_.perform_first_ = true;
      on_stop_.emplace(here.stop, request_stop{&client_, &one_});
      return true;
    }

    void await_resume() noexcept { on_stop_.reset(); }

   private:
    curl_client& client_;
    exchange& one_;
    std::optional<stop_callback<request_stop>> on_stop_;
  };

  using exchange_list = std::vector<exchange*>;

  std::vector<std::unique_ptr<exchange>>& idle(bool posts) noexcept {
    return posts ? idle_posts_ : idle_gets_;
  }
  std::unique_ptr<exchange> take_exchange(bool for_post);
  void perform();
  void await_ends();
  void stop_exchanges();
  bool all_leave(int port) const noexcept;
  bool close_our_side(int port) const noexcept;
  void end_farewells();
  void settle(exchange& one, CURLcode code);
  exchange_list::iterator finish(exchange_list::iterator place);

  detail::curl_common common_;
  detail::curl_multi_owner multi_;
  // Apart, so that a handle serves requests that differ in little.
  std::vector<std::unique_ptr<exchange>> idle_gets_;
  std::vector<std::unique_ptr<exchange>> idle_posts_;
  exchange_list exchanges_;     // under way
  bool perform_first_ = false;  // before anything is waited for
  std::atomic<bool> stops_pending_{false};
  bool stops_postponed_ = false;
};

inline auto curl_client::take_exchange(bool for_post) -> std::unique_ptr<exchange> {
  std::vector<std::unique_ptr<exchange>>& from = idle(for_post);
  if (from.empty()) return std::make_unique<exchange>(common_, for_post);
  std::unique_ptr<exchange> one = std::move(from.back());
  from.pop_back();
  return one;
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

// What has begun and is not over may hold jobs: from now on it is waited for as long as it keeps coming. Not
// before, as libcurl looks at the speed each second, and an idle poll is to wake nobody.
inline void curl_client::await_ends() {
  for (exchange* const one : exchanges_) {
    if (!one->answering || one->timeout_to_end || one->limit == 0) continue;
    one->set_limit(0);
    perform_first_ = true;  // libcurl looks at the new limits
  }
}

inline void curl_client::settle(exchange& one, CURLcode code) {
  http_answer& answer = *one.answer;
  answer.failure = detail::failure_of(code);
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(one.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(one.easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
      answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 24 * 60 * 60));
  } else {
    answer.problem = one.problem[0] != '\0' ? one.problem : curl_easy_strerror(code);
    one.gave_up = one.leaving;
  }
}

// Takes the exchange out of libcurl's hands and lets its coroutine go on.
inline auto curl_client::finish(exchange_list::iterator place) -> exchange_list::iterator {
  exchange& one = **place;
  curl_multi_remove_handle(multi_.get(), one.easy.get());
  one.executor.post(one.waiting);
  return exchanges_.erase(place);
}

// What had arrived was read just before this. An exchange that waits for its answer says that nothing more
// will come from here, and has until the farewell is over to receive what the server had already sent. On a
// connection of HTTP/2 it can say so only together with all that share it, and until then goes on: libcurl
// does not tell the server of one that is merely taken away, and the server would answer it into the void.
inline void curl_client::stop_exchanges() {
  stops_postponed_ = false;
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    const bool stops = !one.answering && !one.leaving && one.stop_requested.load(std::memory_order_relaxed);
    if (stops && !all_leave(one.port)) {
      stops_postponed_ = true;
    } else if (stops) {
      one.leaving = true;
      one.gave_up = !close_our_side(one.port);
      one.give_up_at = clock_type::now() + common_.options.farewell;
    }
    place = one.gave_up ? finish(place) : place + 1;
  }
}

inline bool curl_client::all_leave(int port) const noexcept {
  if (port <= 0) return true;  // its request was not sent yet
  return std::none_of(exchanges_.begin(), exchanges_.end(), [port](const exchange* one) {
    return one->port == port && !one->leaving && !one->stop_requested.load(std::memory_order_relaxed);
  });
}

// Of the connection with that port, if there is one. (libcurl knows the socket of an exchange only once it is
// over, but tells the port of our end when a request goes out.)
inline bool curl_client::close_our_side(int port) const noexcept {
  for (const curl_socket_t socket : common_.sockets) {
    if (port > 0 && detail::local_port(socket) == port) return ::shutdown(socket, SHUT_WR) == 0;
  }
  return false;
}

inline void curl_client::end_farewells() {
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    one.gave_up = one.give_up_at != (time_point::max)() && clock_type::now() >= one.give_up_at;
    place = one.gave_up ? finish(place) : place + 1;
  }
}

static_assert(http_client<curl_client>);

}  // namespace coworker
