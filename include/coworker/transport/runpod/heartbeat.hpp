#pragma once
// The heartbeat: reports the jobs in progress to the server at steady intervals. A coroutine over any HTTP
// client, so that it can have a thread, a loop and a connection of its own, and be simulated. Must not know
// the queue.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/url.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/runpod/responses.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <coworker/version.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Settings of heartbeat().
struct heartbeat_options {
  /// The time between two heartbeats. 1 ms or more. A ping is given up after two intervals, but not before 1
  /// s.
  /// Default: 10 s.
  duration interval = std::chrono::seconds(10);
  /// Header lines of each ping. Default: none.
  std::vector<std::string> headers = {};
};

namespace detail {

// A ping that is given up costs its connection. On a network where a handshake and a response take longer
// than two short intervals, no ping would ever arrive.
inline duration ping_limit(duration interval) noexcept {
  constexpr duration least = std::chrono::seconds(1);
  return interval * 2 < least ? least : interval * 2;
}

// No server, proxy or gateway with its usual settings refuses a request line of this many bytes. Source:
// gunicorn's limit is 4,094, that of nginx and Apache about 8,190, that of many proxies 16 KiB.
inline constexpr std::size_t safe_ping_length = 4'000;

// Returns the URLs of the pings that together name all of these jobs. None is longer than `longest`, unless a
// single id makes it so.
inline std::vector<std::string> ping_urls(const queue_urls& urls, const std::vector<std::string>& ids,
                                          std::size_t longest) {
  constexpr std::string_view version = "runpod_version=" COWORKER_VERSION;
  constexpr std::string_view key = "job_id=";
  constexpr std::string_view comma = "%2C";
  const std::size_t without_ids = urls.ping(version).size() + key.size() + 1;
  std::vector<std::string> made;
  std::string query;
  const auto end_list = [&] {
    made.push_back(urls.ping((query.empty() ? query : query + '&').append(version)));
    query.clear();
  };
  for (const std::string& id : ids) {
    const std::string encoded = url_encode(id);
    const std::size_t listed = query.empty() ? 0 : query.size() - key.size() + comma.size();
    if (!query.empty() && without_ids + listed + encoded.size() > longest) end_list();
    query.append(query.empty() ? key : comma).append(encoded);
  }
  if (made.empty() || !query.empty()) end_list();
  return made;
}

inline bool worth_another_ping(const http_response& response) noexcept {
  if (!response.arrived()) return true;
  return response.status == 429 || response.status == 500 ||
         (response.status >= 502 && response.status <= 504);
}

// Whether the URL may have been too long: 414 and 431 say so, 400 and 413 may mean it, and some servers just
// close the connection.
inline bool may_be_too_long(const std::string& url, const http_response& response) noexcept {
  if (url.size() <= safe_ping_length) return false;
  if (!response.arrived()) return response.failure == http_failure::broken;
  return response.status == 400 || response.status == 413 || response.status == 414 || response.status == 431;
}

// The pings of all heartbeats, one heartbeat after the other. Each heartbeat names every job: in one ping as
// long as the server accepts that, otherwise in several.
class ping_list {
 public:
  ping_list(const queue_urls& urls, worker_control worker) noexcept : urls_(urls), worker_(worker) {}

  void begin_beat() {
    divided_ = false;
    remaining_.clear();
  }

  // The next ping. A ping for all jobs names the jobs of this moment, also on a retry.
  const std::string& next() {
    if (!divided_) {
      remaining_ = ping_urls(urls_, worker_.jobs_in_progress(), std::string::npos);
      if (remaining_.back().size() >= refused_length_) divide();
    }
    return remaining_.back();
  }

  // Returns whether that was the last ping of this heartbeat.
  bool accepted() {
    remaining_.pop_back();
    return remaining_.empty();
  }

  // The server did not accept next(). Returns true if that was for its length, and next() is now shorter. A
  // length that the server has refused explicitly is not tried again.
  bool shortened(const http_response& response) {
    if (divided_ || !may_be_too_long(remaining_.back(), response)) return false;
    if (response.arrived()) refused_length_ = remaining_.back().size();
    divide();
    return true;
  }

 private:
  void divide() {
    remaining_ = ping_urls(urls_, worker_.jobs_in_progress(), safe_ping_length);
    divided_ = true;
  }

  const queue_urls& urls_;
  const worker_control worker_;
  std::vector<std::string> remaining_;
  bool divided_ = false;
  std::size_t refused_length_ = std::string::npos;
};

}  // namespace detail

/// Sends heartbeats until it is stopped, then throws `cancelled`. A heartbeat that fails is tried again up to
/// three times, with the jobs of that moment. A late heartbeat does not delay the next one. Everything passed
/// by reference must outlive the task.
///
/// Each heartbeat names all jobs: in one ping, as the protocol says, unless the server finds its URL too
/// long; then in several pings, one right after the other, of at most 4,000 bytes each. The protocol does not
/// say whether a ping adds to what the server knows or replaces it. To a server that replaces it, a divided
/// list looks like its last part alone. So a list is divided only after the server has refused it whole: a
/// server that accepts long URLs always gets the whole list, and one that does not gets several pings that it
/// reads instead of one that it refuses. No id is ever cut off.
template <http_client Client>
task<void> heartbeat(Client& client, const queue_urls& urls, worker_control worker, heartbeat_options options,
                     logger& log) {
  constexpr int tries = 4;
  const executor_ref executor = co_await this_coro::executor();
  channel_health health("The heartbeat", log);
  detail::ping_list pings(urls, worker);
  http_request ping("");  // its URL names the jobs of the moment
  ping.headers = options.headers;
  ping.timeout = detail::ping_limit(options.interval);
  ping.timeout_to_end = true;
  time_point next = executor.now();
  for (;;) {
    co_await sleep_until(next);
    pings.begin_beat();
    for (int tries_left = tries; tries_left > 0;) {
      ping.url = pings.next();
      const http_response response = co_await client.send(ping);
      if (response.arrived() && response.status >= 200 && response.status < 300) {
        health.worked();
        if (pings.accepted()) break;
        continue;
      }
      if (pings.shortened(response)) continue;
      health.failed(response, executor.now(), options.interval / tries);
      if (!detail::worth_another_ping(response)) break;
      if (--tries_left > 0) co_await sleep_for(options.interval / tries);
    }
    next += options.interval;
    if (const time_point now = executor.now(); next < now) next = now;
  }
}

}  // namespace coworker::inline v0_1
