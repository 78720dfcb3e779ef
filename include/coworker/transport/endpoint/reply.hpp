#pragma once
// A response of an HTTP endpoint: a status, a body of which a part may be shared with other responses, and a
// few header lines. Must not know why it is sent.

#include <coworker/coro/clock.hpp>
#include <coworker/http/response_head.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

inline constexpr std::string_view json_type = "application/json";

struct endpoint_reply {
  int status = 200;
  std::string_view type = json_type;
  std::string text = {};         // the body, or what precedes its shared part
  text_handle shared{};          // a part of the body that other responses have too
  std::string tail = {};         // what follows the shared part
  std::string allow = {};        // the methods that the path has, for 405 and OPTIONS
  std::string_view policy = {};  // for a page: its Content-Security-Policy

  std::size_t size() const noexcept { return text.size() + (shared ? shared->text.size() : 0) + tail.size(); }

  void write_head(response_head& head) const {
    head.set_status(status);
    if (type == json_type && status != 204) {
      head.add(
          header_lines("Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
                       "Cache-Control: no-store\r\n"));
    } else {
      if (status != 204) head.add("Content-Type", type);
      head.add(header_lines("X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"));
    }
    if (!allow.empty()) head.add("Allow", allow);
    if (!policy.empty()) head.add("Content-Security-Policy", policy).add("Referrer-Policy", "no-referrer");
    if (status == 401) head.add("WWW-Authenticate", "Bearer");
    if (status == 429 || status == 503) head.add("Retry-After", "1");
  }
};

inline void append_member(std::string& object, std::string_view name, std::string_view text) {
  object.append(object.empty() ? "{\"" : ",\"").append(name).append("\":");
  coworker::append_json_string_lossy(object, text);
}

inline void append_member(std::string& object, std::string_view name, std::int64_t number) {
  object.append(object.empty() ? "{\"" : ",\"").append(name).append("\":").append(std::to_string(number));
}

inline endpoint_reply error_reply(int status, std::string_view why) {
  endpoint_reply made;
  made.status = status;
  detail::append_member(made.text, "error", why);
  made.text += "}";
  return made;
}

inline std::int64_t milliseconds(duration span) noexcept { return span / std::chrono::milliseconds(1); }

// Returns the queue API's object for a job.
inline endpoint_reply status_reply(const endpoint_job& job, const job_view& seen,
                                   std::string_view worker_id) {
  endpoint_reply made;
  if (seen.was_started || is_final(seen.status))
    detail::append_member(made.text, "delayTime", detail::milliseconds(seen.delay));
  if (seen.was_started)
    detail::append_member(made.text, "executionTime", detail::milliseconds(seen.execution));
  detail::append_member(made.text, "id", job.id);
  detail::append_member(made.text, "status", detail::status_name(seen.status));
  if (seen.was_started) detail::append_member(made.text, "workerId", worker_id);
  if (!seen.error.empty()) detail::append_member(made.text, "error", seen.error);
  if (seen.output) {
    made.text += ",\"output\":";
    made.shared = seen.output;
    made.tail = "}";
  } else {
    made.text += "}";
  }
  return made;
}

}  // namespace coworker::inline v0_1::detail
