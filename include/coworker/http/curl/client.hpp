#pragma once
// curl_client: an http_client over libcurl's multi interface, which is also what its event loop blocks on.
// Must not know the queue protocol, nor how libcurl is set up for a request.

#include <curl/curl.h>

#include <algorithm>
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
#include <coworker/http/curl/redirect.hpp>
#include <coworker/http/curl/transfers.hpp>
#include <coworker/net/poller.hpp>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// An HTTP client over libcurl, and the waiter of the event loop that uses it: `event_loop loop(client);`.
/// Keeps and re-uses connections, and verifies TLS certificates. Proxies come from the environment, as
/// libcurl reads it; if there are none when the client is constructed, later ones are ignored. Coroutines on
/// the same loop may await descriptors: libcurl and they share one wait.
///
/// Throws: the constructor throws std::runtime_error when libcurl cannot be set up, also for lack of
/// descriptors.
/// Thread safety: use it on the loop's thread only, except for wake() and a stop of the awaiting chain.
class curl_client final : public waiter {
 public:
  explicit curl_client(curl_client_options chosen = {}) : transfers_(std::move(chosen)) {}

  curl_client(const curl_client&) = delete;
  curl_client& operator=(const curl_client&) = delete;
  ~curl_client() = default;

  /// See http_client. libcurl may repeat a request by itself if a re-used connection fails before any
  /// response.
  task<http_response> send(const http_request& request) {
    http_response response;
    bool gave_up = false;
    try {
      const lease one(*this, request.body.has_value());
      const std::string* address = &request.url;
      std::string moved;
      for (int redirects = 0;; ++redirects) {
        one->prepare(request, *address, response);
        co_await performed(*this, *one, request.body ? request.body->size() : 0);
        gave_up = one->gave_up;
        if (gave_up || redirects == most_redirects || !is_followed(response, *address)) break;
        moved = std::exchange(response.location, {});
        address = &moved;
        response = http_response();
      }
    } catch (const std::bad_alloc&) {
      response.failure = http_failure::unreachable;
      response.problem = "out of memory";
    }
    if (gave_up) throw cancelled();
    co_return std::move(response);
  }

  void wait(time_point deadline) override {
    if (deadline != (time_point::min)() && !transfers_.must_begin()) {
      block(deadline);
    } else {
      if (!transfers_.empty()) transfers_.update_time(clock_type::now());
      if (descriptors_ && descriptors_->waiting() != 0) descriptors_->wait(0);
    }
    if (!transfers_.empty()) transfers_.work();
  }

  void wake() noexcept override { transfers_.wake(); }

  /// Used by the loop for coroutines that await descriptors; see event_loop.
  void watch(descriptor_watch& watch) override {
    if (!descriptors_) descriptors_.emplace();
    polled_.reserve(descriptors_->pollable().size() + 1);  // so that waiting allocates nothing
    descriptors_->watch(watch);
  }
  void unwatch(descriptor_watch& watch) noexcept override {
    if (descriptors_) descriptors_->unwatch(watch);
  }

 private:
  using exchange = detail::curl_exchange;

  static constexpr int most_redirects = 5;

  // Borrows an exchange for one request.
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

    void operator()() const noexcept { client->transfers_.request_stop(*one); }
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
      if (!client_.transfers_.add(one_, body_)) return false;
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

  std::vector<std::unique_ptr<exchange>>& idle(bool posts) noexcept {
    return posts ? idle_posts_ : idle_gets_;
  }
  std::unique_ptr<exchange> take_exchange(bool for_post);
  static bool is_followed(const http_response& response, const std::string& asked);
  void block(time_point deadline);
  void poll(int timeout);

  detail::curl_transfers transfers_;
  // Separate lists, so that an exchange, which keeps its libcurl settings, need not change many of them.
  std::vector<std::unique_ptr<exchange>> idle_gets_;
  std::vector<std::unique_ptr<exchange>> idle_posts_;
  std::optional<detail::descriptor_set> descriptors_;
  std::vector<curl_waitfd> polled_;  // a member to keep its memory
};

inline auto curl_client::take_exchange(bool for_post) -> std::unique_ptr<exchange> {
  std::vector<std::unique_ptr<exchange>>& from = idle(for_post);
  if (from.empty()) return std::make_unique<exchange>(transfers_.common(), for_post);
  std::unique_ptr<exchange> one = std::move(from.back());
  from.pop_back();
  return one;
}

// A redirect is followed only to the same server, so that no other server gets the credentials.
inline bool curl_client::is_followed(const http_response& response, const std::string& asked) {
  return (response.status == 307 || response.status == 308) && !response.location.empty() &&
         detail::is_same_server(asked, response.location);
}

// Blocks until something happens, until the deadline, or until the deadline of an exchange.
inline void curl_client::block(time_point deadline) {
  const bool active = !transfers_.empty();
  deadline = (std::min)(deadline, transfers_.next_due());
  const bool endless = deadline == (time_point::max)();
  const time_point now = active || !endless ? clock_type::now() : time_point();
  if (active) transfers_.update_time(now);
  poll(endless ? (std::numeric_limits<int>::max)()
               : static_cast<int>(detail::to_milliseconds(deadline - now)));
  if (active) transfers_.update_time(clock_type::now(), (std::max)(now, deadline));
}

// An epoll descriptor can be polled, so one wait covers libcurl's sockets and all other descriptors.
inline void curl_client::poll(int timeout) {
  polled_.clear();
  if (descriptors_ && descriptors_->waiting() != 0) {
    for (const pollfd& one : descriptors_->pollable()) polled_.push_back({one.fd, one.events, 0});
  }
  curl_multi_poll(transfers_.multi(), polled_.data(), static_cast<unsigned>(polled_.size()), timeout,
                  nullptr);
  const auto ready = [](const curl_waitfd& one) { return one.revents != 0; };
  if (std::any_of(polled_.begin(), polled_.end(), ready)) descriptors_->wait(0);
}

static_assert(http_client<curl_client>);

}  // namespace coworker::inline v0_1
