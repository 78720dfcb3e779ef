#pragma once
// The bodies of the platform's protocol: an outcome, a chunk or a report of progress as JSON text, and the
// meaning of members of a handler's output. Must not send anything.

#include <coworker/coro/clock.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/escape.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/system.hpp>
#include <coworker/version.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

/// The worker as each error report names it.
struct worker_identity {
  std::string worker_id = "unknown";
  std::string hostname = "unknown";
};

namespace detail {

// Takes a member out of an object. Returns null if it is missing or says no: false, 0 or "", which handlers
// ported from other languages may always set.
inline json take_member(json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end()) return json();
  json value = std::move(*found);
  object.erase(key);
  const bool says_no = value == json(false) || value == json(0) || value == json("");
  return says_no ? json() : value;
}

}  // namespace detail

/// Gives members of an object that a handler returned as `json` the platform's meaning: `error` fails the
/// job, `refresh_worker` recycles the worker; both are removed. Ignores outputs that were made from a type of
/// the handler's, and members deeper inside.
inline void read_magic_members(outcome& made) {
  if (!made.untyped || !made.output.is_object()) return;
  if (!detail::take_member(made.output, "refresh_worker").is_null()) made.recycle_worker = true;
  json error = detail::take_member(made.output, "error");
  if (error.is_null()) return;
  error_info described;
  described.message = error.is_string() ? error.get<std::string>() : error.dump();
  (made.fail)(std::move(described));
}

/// Returns the text that the platform shows for a failed job: its message or, for an exception, JSON as text
/// with the members that the platform's clients expect. Masks the log's secrets and replaces bytes that are
/// not UTF-8.
inline std::string error_report(const error_info& error, const worker_identity& reporter, const logger& log) {
  if (error.type.empty()) return log.masked(error.message);
  std::string report;
  const auto add = [&report, &log](std::string_view name, std::string_view text) {
    report += report.empty() ? "{" : ",";
    coworker::append_json_string_lossy(report, name);
    report += ":";
    coworker::append_json_string_lossy(report, log.masked(text));
  };
  add("error_type", error.type);
  add("error_message", error.message);
  add("error_traceback", (error.trace)());
  add("hostname", reporter.hostname);
  add("worker_id", reporter.worker_id);
  add("runpod_version", COWORKER_VERSION);
  report += "}";
  return report;
}

namespace detail {

inline json system_info() {
  json made = json::object();
  const system_description system = detail::describe_system();
  if (!system.name.empty()) made["os"] = system.name;
  if (!system.processor.empty()) made["processor"] = system.processor;
  made["runpod"] = COWORKER_VERSION;
  return made;
}

}  // namespace detail

/// Adds the job's timings to an output that is an object, as the platform's clients read them. `ready_delay`:
/// how long the process took until it could serve.
inline void add_debugger_member(outcome& made, const job_timings& timings, duration ready_delay) {
  if (!made.succeeded() || !made.output.is_object()) return;
  json member = json::object();
  member["system_info"] = detail::system_info();
  member["timestamps"] = timings.to_json();
  member["ready_delay_ms"] = std::chrono::duration<double, std::milli>(ready_delay).count();
  made.output["rp_debugger"] = std::move(member);
}

/// Returns the body that reports an outcome: `{"output": X}` or `{"error": S}`, with `"stopPod": true` if the
/// worker must be recycled. An output that is an empty object is left out. A failed job may have an output
/// too, of what it produced before.
/// Throws: std::bad_alloc; json_write_error for an output that is no JSON.
inline std::string result_body(const outcome& made, const worker_identity& reporter, const logger& log) {
  std::string body;
  const auto begin_member = [&body](std::string_view name) {
    body.append(body.empty() ? "{\"" : ",\"").append(name).append("\":");
  };
  if (!made.succeeded()) {
    begin_member("error");
    const error_info* const error = (made.error)();
    coworker::append_json_string_lossy(
        body, error != nullptr ? coworker::error_report(*error, reporter, log) : std::string(made.message()));
  }
  const bool empty = made.output.is_object() && made.output.empty();
  if (!empty && (made.succeeded() || !made.output.is_null())) {
    begin_member("output");
    made.output.dump_to(body);
  }
  if (made.recycle_worker) {
    begin_member("stopPod");
    body += "true";
  }
  body.append(body.empty() ? "{}" : "}");
  return body;
}

/// Returns the body that reports a chunk of a stream.
inline std::string chunk_body(const json& value) {
  std::string body = R"({"output":)";
  value.dump_to(body);
  body += "}";
  return body;
}

/// Returns the body that reports a job's progress.
inline std::string progress_body(const json& value) {
  std::string body = R"({"status":"IN_PROGRESS","output":)";
  value.dump_to(body);
  body += "}";
  return body;
}

}  // namespace coworker::inline v0_1
