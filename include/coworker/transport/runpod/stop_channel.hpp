#pragma once
// The stop channel: a long poll by which the server names jobs that must stop. A coroutine over any HTTP
// client, so that it can have a thread and a connection of its own, and its idle poll does not slow the jobs.
// Must not know the queue.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/client.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/runpod/responses.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Settings of watch_stops().
struct stop_channel_options {
  /// How long a poll may stay unanswered. Must be more than the 90 s for which servers hold it. Default: 105
  /// s.
  duration poll_timeout = std::chrono::seconds(105);
  /// Waits between polls that fail, or that are answered at once with nothing. Default: from 200 ms to 30 s.
  backoff::options retry = {std::chrono::milliseconds(200), std::chrono::seconds(30)};
  /// The longest wait that a server may ask for (Retry-After). Default: 60 s.
  duration longest_retry_after = std::chrono::seconds(60);
  /// Header lines of each poll. Default: none.
  std::vector<std::string> headers = {};
  /// Seeds the jitter of the waits. Default: 0.
  std::uint64_t seed = 0;
};

/// Polls until it is stopped (then throws `cancelled`) or the server says that it has no such channel. Calls
/// `on_stop(id)` for each job that is named. Everything passed by reference must outlive the task.
template <http_client Client, class OnStop>
task<void> watch_stops(Client& client, const queue_urls& urls, stop_channel_options options, logger& log,
                       OnStop on_stop) {
  if (!urls.has_stop()) co_return;
  const executor_ref executor = co_await this_coro::executor();
  channel_health health("Asking for stops", log);
  backoff waits(options.retry, random_source(options.seed));
  http_request poll(urls.stop());
  poll.headers = options.headers;
  poll.timeout = options.poll_timeout;
  for (;;) {
    const time_point asked = executor.now();
    const http_response response = co_await client.send(poll);
    if (response.arrived() && response.status == 404) {
      log.write(log_level::info, "The server has no stop channel (404); no more stops are asked for.");
      co_return;
    }
    const bool held = executor.now() - asked >= std::chrono::seconds(1);
    parsed_body<std::string> named;
    if (response.arrived() && response.status == 200) {
      named = coworker::parse_stops(response.body, log);
    } else if (!response.arrived() || response.status != 204) {
      named.failure = response;
    }
    const bool good = !named.failure;
    if (held || !named.items.empty()) waits.reset();
    duration wait{};
    if (good) {
      health.worked();
      for (std::string& id : named.items) on_stop(std::move(id));
    } else {
      wait = coworker::retry_wait(response, waits.next(), options.longest_retry_after);
      health.failed(*named.failure, executor.now(), wait);
    }
    if (good && held) continue;
    // Also after a stop that came at once, because a server may name a job for as long as it runs.
    if (good) wait = coworker::retry_wait(response, waits.next(), options.longest_retry_after);
    co_await sleep_for(wait);
  }
}

}  // namespace coworker::inline v0_1
