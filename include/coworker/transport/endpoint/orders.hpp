#pragma once
// Reads the bodies of requests that ask for a job: the queue API's, and those of a plain service. Must not
// know what happens to a job.

#include <coworker/coro/clock.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

// Throws: http_error 400 with line and column.
inline json parse_body(std::string_view body) {
  try {
    return json::parse(body);
  } catch (const json_parse_error& error) {
    throw http_error(400, std::string("the body is not JSON: ") + error.what());
  }
}

inline std::string_view media_type(const request_head& request) noexcept {
  std::string_view type = request.header("content-type").value_or(std::string_view());
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return type;
}

inline bool is_json_type(std::string_view type) noexcept {
  if (equal_ignoring_case(type, "application/json")) return true;
  constexpr std::string_view suffix = "+json";
  return type.size() > suffix.size() && equal_ignoring_case(type.substr(type.size() - suffix.size()), suffix);
}

// Reads a duration given in milliseconds. Throws: http_error 400 if it is not from `least` to `most`.
inline duration read_span(const json& value, const char* name, std::int64_t least, std::int64_t most) {
  const bool fits = value.is_number() && value.get<double>() >= static_cast<double>(least) &&
                    value.get<double>() <= static_cast<double>(most);
  if (!fits) {
    throw http_error(400, std::string(name) + ": expected milliseconds from " + std::to_string(least) +
                              " to " + std::to_string(most) + ", found " + value.dump().substr(0, 60));
  }
  return std::chrono::duration_cast<duration>(std::chrono::duration<double, std::milli>(value.get<double>()));
}

inline constexpr std::int64_t week_in_milliseconds = std::int64_t{7} * 24 * 3600 * 1000;

// Reads the query parameter `?name=MS`; nothing if it is absent. Throws: http_error 400, as read_span().
inline std::optional<duration> span_parameter(const request_head& request, const char* name,
                                              std::int64_t least, std::int64_t most) {
  const std::optional<std::string> given = coworker::find_parameter(request.query(), name);
  if (!given) return std::nullopt;
  const std::optional<std::uint64_t> number = detail::read_decimal(*given);
  const auto whole =
      number && *number < std::uint64_t{1} << 62 ? static_cast<std::int64_t>(*number) : std::int64_t{-1};
  return detail::read_span(json(whole), name, least, most);
}

// Reads a body of /run or /runsync. Throws: http_error 400.
inline endpoint_order read_order(std::string body, bool sync) {
  json given = detail::parse_body(body);
  if (!given.is_object() || !given.contains("input"))
    throw http_error(400, "the body must be an object with the member \"input\", such as {\"input\": {}}");
  endpoint_order order;
  order.sync = sync;
  order.time_to_live = std::chrono::hours(24);
  order.time_limit = std::chrono::minutes(10);
  if (const auto policy = given.find("policy"); policy != given.end()) {
    if (!policy->is_object()) throw http_error(400, "policy: expected an object");
    if (const auto limit = policy->find("executionTimeout"); limit != policy->end())
      order.time_limit = detail::read_span(*limit, "policy.executionTimeout", 5000, week_in_milliseconds);
    if (const auto ttl = policy->find("ttl"); ttl != policy->end())
      order.time_to_live = detail::read_span(*ttl, "policy.ttl", 10'000, week_in_milliseconds);
  }
  if (const auto webhook = given.find("webhook"); webhook != given.end() && !webhook->is_null()) {
    const bool is_url = webhook->is_string() && (webhook->get<std::string_view>().starts_with("http://") ||
                                                 webhook->get<std::string_view>().starts_with("https://"));
    if (!is_url) throw http_error(400, "webhook: expected a URL that begins with http:// or https://");
    order.webhook = webhook->get<std::string>();
  }
  order.input = std::move(given["input"]);
  given.erase("input");
  given.erase("id");
  order.details = std::move(given);
  order.request = std::move(body);
  return order;
}

// Returns the method, path and query of a service's request, for the handler.
inline json request_details(const request_head& request) {
  json details = json::object();
  details["method"] = std::string(request.method());
  details["path"] = std::string(request.path());
  if (!request.query().empty()) details["query"] = std::string(request.query());
  return details;
}

inline void note_trace(const request_head& request, endpoint_order& order) {
  if (const auto trace = request.header("traceparent"); trace && trace->size() >= 55)
    order.trace_parent = *trace;
}

// Returns the input of a handler that takes a raw_body.
inline json raw_input(std::string body) {
  json made = json::object();
  made["bytes"] = std::move(body);
  return made;
}

// Reads a body that is the input itself: JSON, or a text. Throws: http_error 400, 415.
inline json read_plain_input(const request_head& request, std::string body) {
  const std::string_view type = detail::media_type(request);
  if (type.empty() || detail::is_json_type(type)) return body.empty() ? json() : detail::parse_body(body);
  const bool is_text = type.size() > 5 && equal_ignoring_case(type.substr(0, 5), "text/");
  if (!is_text) throw http_error(415, "the body must be application/json or text, not " + std::string(type));
  if (coworker::find_invalid_utf8(body) != std::string_view::npos)
    throw http_error(400, "the body is not UTF-8");
  return json(std::move(body));
}

}  // namespace coworker::inline v0_1::detail
