#pragma once
// The heartbeat: tells the server at steady intervals which jobs are in progress. A coroutine over any HTTP
// client, so that it can have a thread, a loop and a connection of its own, and be simulated.

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

struct heartbeat_options {
  /// Between beats. 1 ms or more; default 10 s. Each ping may take two intervals, and a second at least.
  duration interval = std::chrono::seconds(10);
  std::vector<std::string> headers = {};
};

namespace detail {

// A ping that is given up costs its connection. Over a network that takes longer than two short intervals
// for a handshake and an answer, none would ever arrive.
inline duration ping_limit(duration interval) noexcept {
  constexpr duration least = std::chrono::seconds(1);
  return interval * 2 < least ? least : interval * 2;
}

// No server, proxy or gateway with its usual settings refuses a request line of so many bytes (gunicorn's
// limit is 4,094, that of nginx and Apache about 8,190, with many proxies it is 16 KiB).
inline constexpr std::size_t safe_ping_length = 4'000;

// The addresses of the pings that together name all of these jobs, none of them longer than `longest` unless
// it is for a single id.
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

inline bool worth_another_ping(const http_response& answer) noexcept {
  if (!answer.arrived()) return true;
  return answer.status == 429 || answer.status == 500 || (answer.status >= 502 && answer.status <= 504);
}

// Whether the address may have been too long: 414 and 431 say so, 400 and 413 mean it at times, and some
// servers just hang up.
inline bool may_be_too_long(const std::string& url, const http_response& answer) noexcept {
  if (url.size() <= safe_ping_length) return false;
  if (!answer.arrived()) return answer.failure == http_failure::broken;
  return answer.status == 400 || answer.status == 413 || answer.status == 414 || answer.status == 431;
}

// The pings of one beat after another. Each beat names every job: in one ping as long as the server takes
// that, else in several.
class ping_list {
 public:
  ping_list(const queue_urls& urls, worker_control worker) noexcept : urls_(urls), worker_(worker) {}

  void begin_beat() {
    divided_ = false;
    left_.clear();
  }

  // The next ping. One that names all jobs names those of this moment, also when it is a second try.
  const std::string& next() {
    if (!divided_) {
      left_ = ping_urls(urls_, worker_.jobs_in_progress(), std::string::npos);
      if (left_.back().size() >= refused_length_) divide();
    }
    return left_.back();
  }

  // True: that was the last one of this beat.
  bool accepted() {
    left_.pop_back();
    return left_.empty();
  }

  // The server did not take next(). True: for its length, and next() is a shorter one now. What a server has
  // refused in so many words is not tried at that length again.
  bool shortened(const http_response& answer) {
    if (divided_ || !may_be_too_long(left_.back(), answer)) return false;
    if (answer.arrived()) refused_length_ = left_.back().size();
    divide();
    return true;
  }

 private:
  void divide() {
    left_ = ping_urls(urls_, worker_.jobs_in_progress(), safe_ping_length);
    divided_ = true;
  }

  const queue_urls& urls_;
  const worker_control worker_;
  std::vector<std::string> left_;
  bool divided_ = false;
  std::size_t refused_length_ = std::string::npos;
};

}  // namespace detail

/// Beats until it is stopped; then throws `cancelled`. A beat that fails is tried again up to three times,
/// with the jobs of that moment; a beat that is late does not make the next one late. All that is referred to
/// must outlive the task.
///
/// However many jobs there are, each beat names all of them: in one ping, as the protocol has it, unless the
/// server finds its address too long; then in several, one right after the other, of at most 4,000 bytes
/// each. The protocol does not say whether a ping adds to what the server knows or replaces it. To a server
/// that replaces it, a divided list looks like the last part alone, so a list is never divided before the
/// server has refused it whole: with a server that takes long addresses, each ping is the whole truth, and
/// with one that does not, many pings that it reads beat one that it refuses. Nothing is cut off in either.
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
    for (int left = tries; left > 0;) {
      ping.url = pings.next();
      const http_response answer = co_await client.send(ping);
      if (answer.arrived() && answer.status >= 200 && answer.status < 300) {
        health.worked();
        if (pings.accepted()) break;
        continue;
      }
      if (pings.shortened(answer)) continue;
      health.failed(answer, executor.now(), options.interval / tries);
      if (!detail::worth_another_ping(answer)) break;
      if (--left > 0) co_await sleep_for(options.interval / tries);
    }
    next += options.interval;
    if (const time_point now = executor.now(); next < now) next = now;
  }
}

}  // namespace coworker::inline v0_1
