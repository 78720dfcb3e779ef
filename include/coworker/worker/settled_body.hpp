#pragma once
// The last look at an outcome before it goes to the queue: what cannot be sent becomes an error that says
// why.

#include <coworker/job/error_report.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/json/json.hpp>
#include <coworker/worker/options.hpp>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker {

/// An outcome that is longer than the queue takes.
class output_too_large : public std::length_error {
 public:
  output_too_large(std::size_t size, std::size_t limit)
      : std::length_error("the output is " + std::to_string(size) + " bytes of JSON, and the queue takes " +
                          std::to_string(limit) +
                          " (output_limit); return less, or a link to where the result is") {}
};

namespace detail {

// Adds to the output, where it is an object, how long the handler took and what it measured.
inline void add_timings(job_record& record, const worker_options& options) {
  json& output = record.ended.output;
  if (!record.ended.succeeded() || !output.is_object()) return;
  record.timings->add("handler", record.started, record.settled);
  json made = json::object();
  made["system_info"] = system_info();
  made["timestamps"] = record.timings->to_json();
  made["ready_delay_ms"] = job_timings::seconds(options.ready_delay) * 1e3;
  output["rp_debugger"] = std::move(made);
}

inline std::string body_within(const outcome& ended, std::size_t limit) {
  std::string body = ended.body_text();
  if (body.size() > limit) throw output_too_large(body.size(), limit);
  return body;
}

// The first `longest` bytes; those that are not text, or no longer, are replaced.
inline std::string sendable_text(std::string_view text, std::size_t longest) {
  std::string quoted;
  append_json_string_lossy(quoted, text.substr(0, longest));
  return json::parse(quoted).get<std::string>();
}

// The body that says `ended`, which is changed to a failure where JSON or the queue cannot hold it. A failure
// that is too long keeps the beginning of its text.
inline std::string settled_body(outcome& ended, const worker_options& options) {
  try {
    return body_within(ended, options.output_limit);
  } catch (...) {
    const bool stop_pod = ended.stop_pod;
    const outcome::status before = ended.ended;
    std::string error = std::move(ended.error);
    if (before == outcome::status::succeeded)
      error = error_report(describe_exception(std::current_exception()), options.identity);
    ended = outcome::failure(sendable_text(error, options.output_limit / 8));  // escaped, a byte may be six
    if (before == outcome::status::stopped) ended.ended = before;
    ended.stop_pod = stop_pod;
    return ended.body_text();
  }
}

}  // namespace detail
}  // namespace coworker
