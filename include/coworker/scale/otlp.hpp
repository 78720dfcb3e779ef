#pragma once
// Encodes metrics and spans for OpenTelemetry collectors: OTLP in JSON. Must not know who sends them.
// Source: opentelemetry-proto, docs/specification.md.

#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/version.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// One job, from being taken until it had its result. Times are in nanoseconds since 1970.
struct job_span {
  std::string trace_id;        ///< 32 hexadecimal digits
  std::string span_id;         ///< 16 hexadecimal digits
  std::string parent_span_id;  ///< 16 hexadecimal digits; empty: no parent
  std::string job_id;
  std::string error;  ///< empty: the job succeeded
  bool failed = false;
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

/// The contents of a `traceparent` header.
/// Source: W3C Trace Context.
struct trace_context {
  std::string_view trace_id;
  std::string_view parent_id;
  bool sampled = false;
};

/// Parses a `traceparent` header. Returns nothing for a malformed one, after which a new trace begins. Of an
/// unknown version, the first four fields count.
inline std::optional<trace_context> parse_trace_parent(std::string_view header) noexcept {
  const auto is_hex = [](std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const auto is_zero = [](std::string_view text) {
    return text.find_first_not_of('0') == std::string_view::npos;
  };
  if (header.size() < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const bool known = version == "00";
  if (!is_hex(version) || version == "ff" || (known && header.size() != 55) ||
      (header.size() > 55 && header[55] != '-'))
    return std::nullopt;
  const trace_context made{header.substr(3, 32), header.substr(36, 16), false};
  const std::string_view flags = header.substr(53, 2);
  if (!is_hex(made.trace_id) || !is_hex(made.parent_id) || !is_hex(flags) || is_zero(made.trace_id) ||
      is_zero(made.parent_id))
    return std::nullopt;
  const char last = flags[1];
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  return trace_context{made.trace_id, made.parent_id, digit % 2 == 1};
}

namespace detail {

inline json otlp_attribute(std::string_view key, std::string_view value) {
  json made = json::object();
  made["key"] = key;
  made["value"]["stringValue"] = valid_utf8(value);
  return made;
}

// Collects counters, sums that never decrease, and gauges.
class otlp_metric_list {
 public:
  otlp_metric_list(std::uint64_t start, std::uint64_t now)
      : start_(std::to_string(start)), now_(std::to_string(now)) {}

  void counter(const char* name, const char* unit, std::uint64_t value, std::string_view outcome = {}) {
    json point = begin_point();
    point["asInt"] = std::to_string(value);
    if (!outcome.empty()) point["attributes"].push_back(otlp_attribute("outcome", outcome));
    sum(name, unit)["dataPoints"].push_back(std::move(point));
  }
  void counter(const char* name, const char* unit, double value) {
    json point = begin_point();
    point["asDouble"] = value;
    sum(name, unit)["dataPoints"].push_back(std::move(point));
  }
  void gauge(const char* name, const char* unit, double value) {
    json point = begin_point();
    point.erase("startTimeUnixNano");
    point["asDouble"] = value;
    find(name, unit)["gauge"]["dataPoints"].push_back(std::move(point));
  }

  json take() { return std::move(list_); }

 private:
  json begin_point() const {
    json point = json::object();
    point["startTimeUnixNano"] = start_;
    point["timeUnixNano"] = now_;
    return point;
  }

  json& find(const char* name, const char* unit) {
    if (!list_.empty() && list_.back().at("name") == json(name)) return list_.back();
    json made = json::object();
    made["name"] = name;
    made["unit"] = unit;
    list_.push_back(std::move(made));
    return list_.back();
  }

  json& sum(const char* name, const char* unit) {
    json& made = find(name, unit)["sum"];
    made["aggregationTemporality"] = 2;  // cumulative
    made["isMonotonic"] = true;
    return made;
  }

  const std::string start_;
  const std::string now_;
  json list_ = json::array();
};

inline json otlp_scope() {
  json made = json::object();
  made["name"] = "coworker";
  made["version"] = COWORKER_VERSION;
  return made;
}

// Returns {"outer": [{"resource": ..., "inner": [{"scope": ..., "list": [...]}]}]}.
inline std::string otlp_body(const char* outer, const char* inner, const char* list, const json& resource,
                             json items) {
  json scoped = json::object();
  scoped["scope"] = otlp_scope();
  scoped[list] = std::move(items);
  json one = json::object();
  one["resource"]["attributes"] = resource;
  one[inner].push_back(std::move(scoped));
  json body = json::object();
  body[outer].push_back(std::move(one));
  return body.dump();
}

}  // namespace detail

/// Returns the body of a POST to /v1/metrics. `resource`: an array of attributes, as otlp_attribute makes
/// them. `start`, `now`: nanoseconds since 1970.
inline std::string otlp_metrics(const metrics& of, const json& resource, std::uint64_t start,
                                std::uint64_t now) {
  detail::otlp_metric_list list(start, now);
  list.gauge("coworker.concurrency.limit", "{job}", of.limit);
  list.gauge("coworker.jobs.in_progress", "{job}", of.in_progress);
  list.gauge("coworker.jobs.waiting", "{job}", of.jobs_waiting);
  list.counter("coworker.jobs.taken", "{job}", of.jobs_taken);
  list.counter("coworker.jobs.ended", "{job}", of.jobs_succeeded, "succeeded");
  list.counter("coworker.jobs.ended", "{job}", of.jobs_failed, "failed");
  list.counter("coworker.jobs.ended", "{job}", of.jobs_stopped, "stopped");
  list.counter("coworker.jobs.time", "s", of.job_seconds);
  list.gauge("coworker.handler.p50", "s", of.handler.p50_seconds);
  list.gauge("coworker.handler.p99", "s", of.handler.p99_seconds);
  list.gauge("coworker.loop.lag", "s", of.loop_lag_seconds);
  if (of.cpus > 0) list.counter("process.cpu.time", "s", of.cpu_seconds);
  if (of.resident_bytes > 0) list.gauge("process.memory.usage", "By", static_cast<double>(of.resident_bytes));
  return detail::otlp_body("resourceMetrics", "scopeMetrics", "metrics", resource, list.take());
}

/// Returns the body of a POST to /v1/traces.
inline std::string otlp_spans(const std::vector<job_span>& spans, const json& resource) {
  json list = json::array();
  for (const job_span& one : spans) {
    json span = json::object();
    span["traceId"] = one.trace_id;
    span["spanId"] = one.span_id;
    if (!one.parent_span_id.empty()) span["parentSpanId"] = one.parent_span_id;
    span["name"] = "process job";
    span["kind"] = 5;  // consumer
    span["startTimeUnixNano"] = std::to_string(one.start);
    span["endTimeUnixNano"] = std::to_string(one.end);
    span["attributes"].push_back(detail::otlp_attribute("messaging.operation.type", "process"));
    span["attributes"].push_back(detail::otlp_attribute("messaging.message.id", one.job_id));
    span["status"]["code"] = one.failed ? 2 : 1;
    if (one.failed) span["status"]["message"] = detail::valid_utf8(one.error);
    list.push_back(std::move(span));
  }
  return detail::otlp_body("resourceSpans", "scopeSpans", "spans", resource, std::move(list));
}

}  // namespace coworker::inline v0_1
