#pragma once
// What the responses of the queue protocol mean, as plain functions of what arrived. Must not wait or send.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/runpod/job_list.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// What a response to a take means.
enum class take_answer : unsigned char { jobs, none, throttled, failed };

/// Classifies a response to a take: 200 brings jobs; 204 and 400 say that there are none (400 while the
/// platform restores a snapshot); 429 asks to wait.
inline take_answer classify_take(const http_response& response) noexcept {
  if (!response.arrived()) return take_answer::failed;
  if (response.status == 200) return take_answer::jobs;
  if (response.status == 204 || response.status == 400) return take_answer::none;
  return response.status == 429 ? take_answer::throttled : take_answer::failed;
}

/// What a response to a post means.
enum class post_answer : unsigned char {
  accepted,
  body_refused,  ///< the server will never accept this body: 400, 413, 422
  unknown_job,   ///< the server no longer knows the job: 404, 409, 410
  denied,        ///< the server does not allow it: any other 4xx, and redirects; this may be corrected
  try_again,     ///< the server fails for now, or no response came: 408, 425, 429, 5xx
  unsendable,    ///< the request itself cannot be sent
};

/// Classifies a response to a post; any 2xx accepts.
inline post_answer classify_post(const http_response& response) noexcept {
  if (!response.arrived())
    return response.failure == http_failure::unusable ? post_answer::unsendable : post_answer::try_again;
  const int status = response.status;
  if (status >= 200 && status < 300) return post_answer::accepted;
  if (status == 400 || status == 413 || status == 422) return post_answer::body_refused;
  if (status == 404 || status == 409 || status == 410) return post_answer::unknown_job;
  if (status == 408 || status == 425 || status == 429 || status >= 500) return post_answer::try_again;
  return post_answer::denied;
}

/// Returns whether the server may have accepted a post with this response that will be tried again: no
/// response came, or it came from a gateway, or from a server that failed at some point. A post that met 408,
/// 425, 429 or 503 was not accepted.
inline bool perhaps_accepted(const http_response& response) noexcept {
  if (!response.arrived())
    return response.failure == http_failure::timed_out || response.failure == http_failure::broken;
  return response.status >= 500 && response.status != 503;
}

/// Returns "HTTP 502", followed by the server's own words if it has any, or what went wrong on the way.
inline std::string describe_answer(const http_response& response) {
  if (!response.arrived()) return response.problem;
  std::string text = "HTTP " + std::to_string(response.status);
  if (!response.location.empty()) text += ", which leads to " + response.location;
  if (response.status < 300) return text;
  constexpr std::size_t longest = 200;
  std::string words;
  for (const char c : std::string_view(response.body).substr(0, longest)) {
    const bool space = static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    if (!space) {
      words += c;
    } else if (!words.empty() && words.back() != ' ') {
      words += ' ';
    }
  }
  if (!words.empty()) text.append(": ").append(words);
  if (response.body.size() > longest) text += "...";
  return text;
}

/// Returns how long to wait before the next attempt: as long as the server asks, at most `longest`, or else
/// `usual`.
inline duration retry_wait(const http_response& response, duration usual, duration longest) noexcept {
  if (!response.retry_after) return usual;
  return *response.retry_after < longest ? *response.retry_after : longest;
}

/// Returns a header line; a value that would break the line is URL-encoded.
inline std::string header_line(std::string_view name, std::string_view value) {
  constexpr std::string_view mark = ": ";
  std::string line;
  line.reserve(name.size() + mark.size() + value.size());
  line.append(name).append(mark);
  static constexpr detail::char_set printable{0xffff'ffff'0000'0000, 0x7fff'ffff'ffff'ffff};
  if (printable.has_all_of(value)) {
    line.append(value);
  } else {
    append_url_encoded(line, value);
  }
  return line;
}

/// Returns the body of the outcome that replaces one that the queue refused. The reason may contain the
/// server's own words; bytes that are not UTF-8 are replaced.
inline std::string refusal_body(std::string_view reason) {
  std::string body = "{\"error\":";
  coworker::append_json_string_lossy(body,
                                     "The queue refused the result of this job: " + std::string(reason));
  body += "}";
  return body;
}

/// Makes a failure of the channel from a 200 whose body does not follow the protocol.
inline http_response unreadable_answer(const json_exception& error) {
  http_response made;
  made.failure = http_failure::broken;
  made.problem = std::string("HTTP 200 whose body cannot be read: ") + error.what();
  return made;
}

/// What a body contained, or why it cannot be read.
template <class Item>
struct parsed_body {
  std::vector<Item> items = {};
  std::optional<http_response> failure = std::nullopt;
};

/// Reads the jobs in the body of a take. `cut_off`: it is only the beginning of what came, because there was
/// no memory for the rest.
inline parsed_body<job_envelope> parse_jobs(std::string_view body, logger& log, bool cut_off = false) {
  parsed_body<job_envelope> made;
  try {
    made.items = coworker::read_jobs(body, log, cut_off);
  } catch (const json_exception& error) {
    made.failure = coworker::unreadable_answer(error);
  }
  return made;
}

/// Reads the ids of jobs that must stop.
inline parsed_body<std::string> parse_stops(std::string_view body, logger& log) {
  parsed_body<std::string> made;
  try {
    made.items = coworker::read_stops(body, log);
  } catch (const json_exception& error) {
    made.failure = coworker::unreadable_answer(error);
  }
  return made;
}

/// Whether one of the channels to the server works. Logs when that changes, not at every attempt.
class channel_health {
 public:
  /// `name` must be a literal; each line begins with it.
  channel_health(std::string_view name, logger& log) noexcept : name_(name), log_(log) {}

  /// Records a failure. `wait`: time until the next attempt.
  void failed(const http_response& response, time_point now, duration wait) {
    const unsigned kind = 1U << kind_of(response);
    const bool comes_and_goes = logged_kinds_ == 0 && now < quiet_until_;
    if ((logged_kinds_ & kind) != 0 || comes_and_goes) return;
    logged_kinds_ |= kind;
    quiet_until_ = now + std::chrono::seconds(10);
    const auto seconds = wait / std::chrono::seconds(1);
    detail::insist([&] {
      log_.write(log_level::warn,
                 std::string(name_) + " fails (" + coworker::describe_answer(response) + "); " +
                     (response.retry_after
                          ? "as the server asks, it is tried again in " + std::to_string(seconds) + " s."
                          : "it is tried again at growing intervals."));
    });
  }

  /// Records a success.
  void worked() {
    if (std::exchange(logged_kinds_, 0U) != 0)
      detail::insist([this] { log_.write(log_level::info, std::string(name_) + " works again."); });
  }

 private:
  // Failures of one kind make one line, whatever their details. Below 32.
  static unsigned kind_of(const http_response& response) noexcept {
    if (!response.arrived()) return static_cast<unsigned>(response.failure);
    constexpr unsigned after_failures = 8;
    return after_failures +
           (response.status == 429 ? 0 : static_cast<unsigned>(response.status / 100 % 10) + 1);
  }

  std::string_view name_;
  logger& log_;
  unsigned logged_kinds_ = 0;  // a bit for each kind of failure in the log since all was well
  time_point quiet_until_ = (time_point::min)();
};

}  // namespace coworker::inline v0_1
