#pragma once
// What a request to an HTTP endpoint means, by the kind of the endpoint. Must not know how bytes are sent.

#include <array>
#include <coworker/coro/clock.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_head.hpp>
#include <coworker/http/route.hpp>
#include <coworker/http/url.hpp>
#include <coworker/scale/prometheus.hpp>
#include <coworker/transport/endpoint/console.hpp>
#include <coworker/transport/endpoint/description.hpp>
#include <coworker/transport/endpoint/gate.hpp>
#include <coworker/transport/endpoint/orders.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <coworker/transport/endpoint/service.hpp>
#include <coworker/transport/endpoint/visit.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

enum class endpoint_page : unsigned char {
  console,
  script,
  style,
  state,
  docs,
  description,
  metrics,
  run,
  run_sync,
  status,
  status_sync,
  stream,
  cancel,
  retry,
  purge,
  health,
  openai
};

// Those of the queue API also exist under /v2/{anything}.
inline constexpr std::array<route, 21> api_routes{{{"GET", "/"},
                                                   {"GET", "/console.js"},
                                                   {"GET", "/console.css"},
                                                   {"GET", "/console/state"},
                                                   {"GET", "/docs"},
                                                   {"GET", "/openapi.json"},
                                                   {"GET", "/metrics"},
                                                   {"POST", "/run"},
                                                   {"POST", "/runsync"},
                                                   {"GET", "/status/{id}"},
                                                   {"POST", "/status/{id}"},
                                                   {"GET", "/status-sync/{id}"},
                                                   {"POST", "/status-sync/{id}"},
                                                   {"GET", "/stream/{id}"},
                                                   {"POST", "/stream/{id}"},
                                                   {"POST", "/cancel/{id}"},
                                                   {"POST", "/retry/{id}"},
                                                   {"POST", "/purge-queue"},
                                                   {"GET", "/health"},
                                                   {"", "/v1/{rest...}"},
                                                   {"", "/openai/v1/{rest...}"}}};
inline constexpr std::array<endpoint_page, 21> api_pages{
    endpoint_page::console,     endpoint_page::script, endpoint_page::style,
    endpoint_page::state,       endpoint_page::docs,   endpoint_page::description,
    endpoint_page::metrics,     endpoint_page::run,    endpoint_page::run_sync,
    endpoint_page::status,      endpoint_page::status, endpoint_page::status_sync,
    endpoint_page::status_sync, endpoint_page::stream, endpoint_page::stream,
    endpoint_page::cancel,      endpoint_page::retry,  endpoint_page::purge,
    endpoint_page::health,      endpoint_page::openai, endpoint_page::openai};
inline constexpr std::size_t first_api_route = 7;  // those before it do not exist under /v2/{anything}
inline constexpr std::size_t first_openai_route = 19;
inline constexpr std::size_t first_monitor_route = 7;

// Returns the path without "/v2/{anything}".
inline std::string_view api_path(std::string_view path) noexcept {
  if (!path.starts_with("/v2/")) return path;
  std::string_view rest = path.substr(3);
  coworker::take_segment(rest);
  return rest.empty() ? path : rest;
}

inline bool is_health_path(const endpoint_visit& visit, const endpoint_options& options) noexcept {
  const std::string_view method = visit.request().method();
  return visit.request().path() == options.health_path && (method == "GET" || method == "HEAD");
}

inline endpoint_reply health_reply(http_endpoint& endpoint) {
  endpoint_reply made;
  made.type = "text/plain";
  if (endpoint.jobs().closed()) {
    made.status = 503;
    made.text = "draining\n";
  } else if (!endpoint.is_ready()) {
    made.status = endpoint.options().loading_status;
    if (made.status != 204) made.text = "loading\n";
  }
  return made;
}

inline endpoint_reply metrics_reply(http_endpoint& endpoint) {
  const std::optional<worker_control> worker = endpoint.jobs().worker();
  if (!worker) return error_reply(503, "the worker has not begun, or has ended");
  endpoint_reply made;
  made.type = "text/plain; version=0.0.4; charset=utf-8";
  made.text = coworker::prometheus_text(worker->measured());
  return made;
}

inline std::span<const route> routes_of(const endpoint_options& options) noexcept {
  const bool is_api = options.kind == endpoint_kind::queue_api;
  const std::size_t with_jobs = options.openai_routes ? api_routes.size() : first_openai_route;
  return {api_routes.data(), is_api ? with_jobs : first_monitor_route};
}

// Returns whether the request is admitted, and its body is to be read; if not, the reply is set.
inline bool admit(endpoint_visit& visit, bool only_health) {
  const endpoint_options& options = visit.endpoint().options();
  const request_head& request = visit.request();
  const bool health = detail::is_health_path(visit, options);
  const bool page =
      request.path() == "/" || request.path() == "/console.js" || request.path() == "/console.css";
  const bool is_open =
      health || (page && options.kind != endpoint_kind::service && options.kind != endpoint_kind::realtime);
  const gate_refusal refused = detail::refuse_at_gate(options, request, is_open);
  if (refused.status != 0) {
    visit.reply(error_reply(refused.status, refused.why));
    return false;
  }
  if (health) {
    visit.reply(detail::health_reply(visit.endpoint()));
    return false;
  }
  if (only_health) visit.reply(error_reply(404, "there is nothing here but " + options.health_path));
  return !only_health;
}

inline job_handle find_job(endpoint_visit& visit, const route_parameters& parameters, time_point now) {
  const std::optional<std::string> id = parameters.value("id");
  job_handle found = id ? visit.endpoint().jobs().find(*id, now) : job_handle();
  if (!found) throw http_error(404, "there is no such job; results are kept for some time only");
  return found;
}

inline duration wait_of(const request_head& request, duration usual) {
  return detail::span_parameter(request, "wait", 1000, 300'000).value_or(usual);
}

inline void require_json(const request_head& request) {
  if (!detail::is_json_type(detail::media_type(request)))
    throw http_error(415, "send the body as Content-Type: application/json");
}

inline endpoint_order api_order(endpoint_visit& visit, std::string body, bool sync) {
  detail::require_json(visit.request());
  endpoint_order order = detail::read_order(std::move(body), sync);
  if (const auto ttl = detail::span_parameter(visit.request(), "ttl", 10'000, week_in_milliseconds))
    order.time_to_live = *ttl;
  if (!order.webhook.empty() && !visit.endpoint().options().webhooks)
    throw http_error(400,
                     "webhook: this program was built without libcurl, which it needs; build it with "
                     "-DCOWORKER_WITH_CURL -lcurl, or leave it out");
  return order;
}

inline endpoint_reply queued_reply(std::string_view id) {
  endpoint_reply made;
  append_member(made.text, "id", id);
  append_member(made.text, "status", "IN_QUEUE");
  made.text += '}';
  return made;
}

inline endpoint_reply counts_reply(http_endpoint& endpoint) {
  const endpoint_counts counts = endpoint.jobs().counts();
  const bool ready = endpoint.is_ready();
  const auto number = [](auto value) { return std::to_string(value); };
  endpoint_reply made;
  made.text = "{\"jobs\":{\"completed\":" + number(counts.completed) +
              ",\"failed\":" + number(counts.failed + counts.timed_out) +
              ",\"inProgress\":" + number(counts.in_progress) + ",\"inQueue\":" + number(counts.in_queue) +
              ",\"retried\":" + number(counts.retried) +
              "},\"workers\":{\"idle\":" + number(ready && counts.in_progress == 0 ? 1 : 0) +
              ",\"initializing\":" + number(ready ? 0 : 1) + ",\"ready\":" + number(ready ? 1 : 0) +
              ",\"running\":" + number(ready && counts.in_progress != 0 ? 1 : 0) +
              ",\"throttled\":0,\"unhealthy\":0}}";
  return made;
}

inline void retry_job(endpoint_visit& visit, const job_handle& old, time_point now) {
  http_endpoint& endpoint = visit.endpoint();
  const endpoint_status status = endpoint.jobs().look(*old, now).status;
  if (status != endpoint_status::failed && status != endpoint_status::timed_out)
    throw http_error(400, "only a job that is FAILED or TIMED_OUT can be retried; this one is " +
                              std::string(status_name(status)));
  job_table::refusal why{};
  const job_handle made =
      endpoint.jobs().retry(*old, detail::read_order(old->texts->request, old->sync), now, why);
  if (why == job_table::refusal::closed)
    throw http_error(503, "the worker is leaving, and takes no more jobs");
  if (!made) throw http_error(429, "too many jobs wait; try again later");
  visit.reply(detail::queued_reply(made->id));
}

inline void answer_api(endpoint_visit& visit, endpoint_page page, const route_parameters& parameters,
                       std::string body, time_point now) {
  http_endpoint& endpoint = visit.endpoint();
  const request_head& request = visit.request();
  switch (page) {
    case endpoint_page::console:
    case endpoint_page::script:
    case endpoint_page::style:
      return visit.reply(detail::console_reply(page == endpoint_page::console  ? 0
                                               : page == endpoint_page::script ? 1
                                                                               : 2));
    case endpoint_page::state:
      return visit.reply(detail::console_state(endpoint, request, now));
    case endpoint_page::docs:
      return visit.reply(detail::docs_reply(endpoint.options()));
    case endpoint_page::description:
      return visit.reply(detail::description_reply(endpoint.options()));
    case endpoint_page::metrics:
      return visit.reply(detail::metrics_reply(endpoint));
    case endpoint_page::run: {
      const endpoint_job& job = visit.order(detail::api_order(visit, std::move(body), false), now);
      return visit.reply(detail::queued_reply(job.id));
    }
    case endpoint_page::run_sync: {
      const duration wait = detail::wait_of(request, std::chrono::seconds(90));
      visit.order(detail::api_order(visit, std::move(body), true), now);
      return visit.wait(reply_form::status, now + wait, true);
    }
    case endpoint_page::status: {
      const job_handle job = detail::find_job(visit, parameters, now);
      return visit.reply(status_reply(*job, endpoint.jobs().look(*job, now), endpoint.options().worker_id));
    }
    case endpoint_page::status_sync:
    case endpoint_page::stream: {
      visit.follow(detail::find_job(visit, parameters, now));
      const bool stream = page == endpoint_page::stream;
      const duration usual = stream ? std::chrono::seconds(2) : std::chrono::seconds(90);
      return visit.wait(stream ? reply_form::stream : reply_form::status,
                        now + detail::wait_of(request, usual), false);
    }
    case endpoint_page::cancel: {
      const job_handle job = detail::find_job(visit, parameters, now);
      endpoint.jobs().cancel(*job, "cancelled: a client asked for it", now);
      return visit.reply(status_reply(*job, endpoint.jobs().look(*job, now), endpoint.options().worker_id));
    }
    case endpoint_page::retry:
      return detail::retry_job(visit, detail::find_job(visit, parameters, now), now);
    case endpoint_page::purge: {
      endpoint_reply made;
      append_member(made.text, "removed", static_cast<std::int64_t>(endpoint.jobs().purge(now)));
      append_member(made.text, "status", "completed");
      made.text += '}';
      return visit.reply(std::move(made));
    }
    case endpoint_page::health:
      return visit.reply(detail::counts_reply(endpoint));
    case endpoint_page::openai:
      return detail::ask_openai(visit, "/v1/" + parameters.value("rest").value_or(std::string()),
                                std::move(body), now);
  }
}

// Serves the paths that coworker defines: all of the queue API, and for other kinds what exists beside the
// jobs. Returns false if the request is none of those and may be a job. Throws: http_error.
inline bool find_page(endpoint_visit& visit, std::string& body, time_point now) {
  const endpoint_options& options = visit.endpoint().options();
  const request_head& request = visit.request();
  const bool is_api = options.kind == endpoint_kind::queue_api;
  const bool has_console = is_api || options.kind == endpoint_kind::monitor;
  const std::string_view path = is_api ? detail::api_path(request.path()) : request.path();
  const std::span<const route> routes = detail::routes_of(options);
  if (!has_console && !(path == "/metrics" && (request.method() == "GET" || request.method() == "HEAD")))
    return false;
  const route_match match = coworker::find_route(routes, request.method(), path);
  const bool found = match.status == 200;
  if (found && path.size() != request.path().size() && match.index < first_api_route)
    throw http_error(404, "there is nothing at this path");
  if (found) {
    detail::answer_api(visit, api_pages[match.index], match.parameters, std::move(body), now);
    return true;
  }
  if (match.status == 204 || match.status == 405) {
    visit.reply(detail::methods_reply(match.status == 204, coworker::allowed_methods(routes, path),
                                      "this path does not have that method"));
    return true;
  }
  throw http_error(match.status,
                   match.status == 400 ? "the path is malformed" : "there is nothing at this path");
}

inline void route_visit(endpoint_visit& visit, std::string body, time_point now) {
  const endpoint_options& options = visit.endpoint().options();
  const request_head& request = visit.request();
  if (detail::find_page(visit, body, now)) return;
  if (!coworker::is_plain_path(request.path(), encoded_slash::is_data) && request.path() != "*")
    throw http_error(400, "the path is malformed");
  const bool is_openai =
      options.openai_routes && options.kind == endpoint_kind::service && request.path().starts_with("/v1/");
  if (is_openai && request.method() == "GET")
    return detail::ask_openai(visit, std::string(request.path()), std::string(), now);
  if (options.kind == endpoint_kind::service && !options.routes.empty() && !is_openai)
    return detail::serve_route(visit, std::move(body), now);
  if (request.method() != "POST")
    return visit.reply(
        detail::methods_reply(request.method() == "OPTIONS", "POST, OPTIONS", "send jobs with POST"));
  if (is_openai) return detail::ask_openai(visit, std::string(request.path()), std::move(body), now);
  if (options.kind == endpoint_kind::realtime) {
    if (request.path() != options.realtime_path)
      throw http_error(404, "there is nothing at this path; jobs go to " + options.realtime_path);
    return detail::serve_realtime(visit, std::move(body), now);
  }
  if (!options.predict_path.empty() && request.path() == options.predict_path)
    return detail::serve_predictions(visit, std::move(body), now);
  detail::serve_plain(visit, std::move(body), now);
}

// Routes a request. Errors become replies in JSON.
inline void begin_visit(endpoint_visit& visit, std::string body, time_point now) {
  try {
    detail::route_visit(visit, std::move(body), now);
  } catch (const http_error& error) {
    visit.reply(error_reply(error.status(), error.what()));
  }
}

}  // namespace coworker::inline v0_1::detail
