#pragma once
// An HTTP client in virtual time, for tests of the queue protocol without a network: it answers as the test
// says, and records all requests.

#include <algorithm>
#include <chrono>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/client.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::testing {

/// A request that was sent. Moments are virtual time since the start.
struct sent_request {
  duration at;
  std::string url;
  std::optional<std::string> body;
  std::vector<std::string> headers;
  duration timeout;
  bool cancelled = false;

  bool has_header(std::string_view line) const {
    return std::find(headers.begin(), headers.end(), line) != headers.end();
  }
};

/// The answer to a request.
struct scripted_answer {
  http_response answer;
  duration wait{};     ///< until the answer begins; the request's timeout may be shorter
  duration arrival{};  ///< from its beginning to its end; a stop does not end the request in this time
};

inline scripted_answer answers(int status, std::string body = {}, duration wait = {}) {
  scripted_answer made;
  made.answer.status = status;
  made.answer.body = std::move(body);
  made.wait = wait;
  return made;
}

inline scripted_answer answers_retry_after(int status, duration wait) {
  scripted_answer made = answers(status);
  made.answer.retry_after = wait;
  return made;
}

inline scripted_answer fails(http_failure failed, std::string problem = "no luck", duration wait = {}) {
  scripted_answer made;
  made.answer.failure = failed;
  made.answer.problem = std::move(problem);
  made.wait = wait;
  return made;
}

/// Returns the body of an answer to a take, with one job for each id.
inline std::string jobs_body(const std::vector<std::string>& ids) {
  std::string body = "[";
  for (const std::string& id : ids)
    body += (body.size() > 1 ? "," : "") + (R"({"id":")" + id + R"(","input":{}})");
  return body + "]";
}

/// Models http_client. A request is recognised by a part of its URL. Without a script, takes are long polls
/// that return nothing, and all other requests are accepted.
class scripted_client {
 public:
  std::vector<sent_request> sent;

  /// Sets the answers to the next requests whose URL contains `part`, one each.
  void script(const std::string& part, std::vector<scripted_answer> row) {
    for (scripted_answer& one : row) rows_[part].push_back(std::move(one));
  }

  /// Sets the answer to all requests whose URL contains `part`, once no scripted answers remain.
  void always(const std::string& part, scripted_answer given) {
    always_.insert_or_assign(part, std::move(given));
  }

  /// Called first; if it returns nothing, the rest of the script decides.
  std::function<std::optional<scripted_answer>(const sent_request&)> decide;

  task<http_response> send(const coworker::http_request& request) {
    const context here = co_await this_coro::context();
    if (here.stop.stop_requested()) throw coworker::cancelled();
    const std::size_t number = sent.size();
    const time_point start = here.executor.now();
    sent.push_back(
        {start.time_since_epoch(), request.url, request.body, headers_of(request), request.timeout});
    scripted_answer met = next(sent.back());
    const bool too_late = met.wait + (request.timeout_to_end ? met.arrival : duration()) >= request.timeout;
    try {
      co_await sleep_for(too_late ? request.timeout : met.wait);
    } catch (const coworker::cancelled&) {
      sent[number].cancelled = true;
      throw;
    }
    if (too_late) co_return fails(http_failure::timed_out, "no answer in time").answer;
    auto_reset_event never_set;
    if (met.arrival > duration::zero()) co_await never_set.wait_until(here.executor.now() + met.arrival);
    co_return std::move(met.answer);
  }

  /// Returns the requests whose URL contains `part`.
  std::vector<sent_request> sent_to(std::string_view part) const {
    std::vector<sent_request> found;
    for (const sent_request& one : sent) {
      if (one.url.find(part) != std::string::npos) found.push_back(one);
    }
    return found;
  }

  /// Returns the highest number of those requests within a second of virtual time.
  std::size_t most_in_a_second(std::string_view part) const {
    const std::vector<sent_request> all = sent_to(part);
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < all.size(); ++last) {
      while (all[last].at - all[first].at >= std::chrono::seconds(1)) ++first;
      most = std::max(most, last - first + 1);
    }
    return most;
  }

 private:
  static std::vector<std::string> headers_of(const coworker::http_request& request) {
    std::vector<std::string> all(request.headers.begin(), request.headers.end());
    if (!request.own_header.empty()) all.push_back(request.own_header);
    return all;
  }

  scripted_answer next(const sent_request& request) {
    if (decide) {
      if (std::optional<scripted_answer> decided = decide(request)) return *std::move(decided);
    }
    for (auto& [part, row] : rows_) {
      if (row.empty() || request.url.find(part) == std::string::npos) continue;
      scripted_answer given = std::move(row.front());
      row.pop_front();
      return given;
    }
    for (const auto& [part, given] : always_) {
      if (request.url.find(part) != std::string::npos) return given;
    }
    const bool poll = request.url.find("/job-take") != std::string::npos ||
                      request.url.find("/job-stop") != std::string::npos;
    return poll ? answers(204, {}, std::chrono::seconds(90)) : answers(200);
  }

  std::map<std::string, std::deque<scripted_answer>> rows_;
  std::map<std::string, scripted_answer> always_;
};

static_assert(coworker::http_client<scripted_client>);

}  // namespace coworker::testing
