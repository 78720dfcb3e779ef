#pragma once
// The heartbeat: tells the server at steady intervals which jobs are in progress. A coroutine over any HTTP
// client, so that it can have a thread, a loop and a connection of its own, and be simulated.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/http.hpp>
#include <coworker/transport/jobs_in_progress.hpp>
#include <coworker/transport/queue_answers.hpp>
#include <coworker/transport/queue_urls.hpp>
#include <coworker/version.hpp>
#include <string>
#include <utility>
#include <vector>

namespace coworker {

struct heartbeat_options {
  /// Between beats. 1 ms or more; default 10 s.
  duration interval = std::chrono::seconds(10);
  std::vector<std::string> headers = {};
};

namespace detail {

inline std::string ping_query(const jobs_in_progress& jobs) {
  const std::string ids = jobs.joined();
  std::string query = ids.empty() ? "" : "job_id=" + url_encode(ids) + "&";
  return query.append("runpod_version=" COWORKER_VERSION);
}

inline bool worth_another_ping(const http_answer& answer) noexcept {
  if (!answer.arrived()) return true;
  return answer.status == 429 || answer.status == 500 || (answer.status >= 502 && answer.status <= 504);
}

}  // namespace detail

/// Beats until it is stopped; then throws `cancelled`. A beat that fails is tried again up to three times,
/// with the jobs of that moment; a beat that is late does not make the next one late. All that is referred to
/// must outlive the task.
template <http_client Client>
task<void> heartbeat(Client& client, const queue_urls& urls, const jobs_in_progress& jobs,
                     heartbeat_options options, logger& log) {
  constexpr int tries = 4;
  const executor_ref executor = co_await this_coro::executor();
  channel_health health("The heartbeat", log);
  http_request ping("");  // its URL names the jobs of the moment
  ping.headers = std::move(options.headers);
  ping.timeout = options.interval * 2;
  time_point next = executor.now();
  for (;;) {
    co_await sleep_until(next);
    for (int left = tries; left > 0; --left) {
      ping.url = urls.ping(detail::ping_query(jobs));
      const http_answer answer = co_await client.send(ping);
      if (answer.arrived() && answer.status < 400) {
        health.worked();
        break;
      }
      health.failed(answer, executor.now());
      if (!detail::worth_another_ping(answer)) break;
      if (left > 1) co_await sleep_for(options.interval / tries);
    }
    next += options.interval;
    if (const time_point now = executor.now(); next < now) next = now;
  }
}

}  // namespace coworker
