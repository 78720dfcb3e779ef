#pragma once
// Several handlers behind one worker, each for a route of an HTTP endpoint. Must not know how requests
// arrive.

#include <coworker/coro/task.hpp>
#include <coworker/http/route.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/handler_kind.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/typed/schema.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// A route and its handler, made by post(), get(), put(), patch() or del().
template <job_handler Handler>
struct routed {
  route at;
  Handler handler;
};

/// Makes a route for POST requests. `pattern`: such as "/models/{name}"; a malformed one does not compile.
template <job_handler Handler>
routed<Handler> post(route_pattern pattern, Handler handler) {
  return {{"POST", pattern}, std::move(handler)};
}
/// Makes a route for GET requests; see post().
template <job_handler Handler>
routed<Handler> get(route_pattern pattern, Handler handler) {
  return {{"GET", pattern}, std::move(handler)};
}
/// Makes a route for PUT requests; see post().
template <job_handler Handler>
routed<Handler> put(route_pattern pattern, Handler handler) {
  return {{"PUT", pattern}, std::move(handler)};
}
/// Makes a route for PATCH requests; see post().
template <job_handler Handler>
routed<Handler> patch(route_pattern pattern, Handler handler) {
  return {{"PATCH", pattern}, std::move(handler)};
}
/// Makes a route for DELETE requests; see post().
template <job_handler Handler>
routed<Handler> del(route_pattern pattern, Handler handler) {
  return {{"DELETE", pattern}, std::move(handler)};
}

/// The input of a handler that takes a request's body unchanged, of any type, even if it is JSON: an image, a
/// sound, a message whose bytes are signed. Its Content-Type is in job::details, with the other headers. A
/// job that does not come by HTTP has the input {"bytes": "..."}.
struct raw_body {
  std::string bytes;  ///< need not be UTF-8
};

/// Describes a route to a server.
struct route_description {
  route at;
  bool streams = false;
  json (*schema)() = nullptr;  ///< JSON schema of the handler's input; null: any JSON
  bool raw = false;            ///< the handler takes a raw_body
};

namespace detail {

// Returns the name by which a job's details name a route.
inline std::string route_name(const route& at) {
  return std::string(at.method).append(" ").append(at.pattern.text());
}

inline task<void> settle_without_route(job_record& record, std::string wanted) {
  record.settle(outcome::failure(
      wanted.empty() ? "the job names no route; write it as \"route\" beside its input, such as "
                       "\"POST /path\""
                     : "there is no route \"" + wanted + "\""));
  co_return;
}

template <class... Handlers>
struct route_chain {
  task<void> run(std::string wanted, job_record& record, const handler_place&, const stream_sink&) {
    return detail::settle_without_route(record, std::move(wanted));
  }
  void describe(std::vector<route_description>&) const {}
};

template <class First, class... Rest>
struct route_chain<First, Rest...> {
  routed<First> first;
  route_chain<Rest...> rest;

  explicit route_chain(routed<First> one, routed<Rest>... others)
      : first(std::move(one)), rest(std::move(others)...) {}

  task<void> run(std::string wanted, job_record& record, const handler_place& place,
                 const stream_sink& sink) {
    if (detail::route_name(first.at) == wanted)
      return coworker::run_handler(first.handler, record, place, sink);
    return rest.run(std::move(wanted), record, place, sink);
  }

  void describe(std::vector<route_description>& into) const {
    route_description made{first.at, is_streaming_handler<First>};
    made.raw = std::is_same_v<handler_input<First>, raw_body>;
    if constexpr (typed_input<handler_input<First>>) made.schema = &json_schema<handler_input<First>>;
    into.push_back(made);
    rest.describe(into);
  }
};

}  // namespace detail

/// Handlers of any kind, each for its own route, under one worker, one concurrency modifier and one set of
/// metrics:
///
///     return cw::start(argc, argv, cw::routes{cw::post("/v1/transcribe", transcribe), cw::get("/models",
///     models)});
///
/// A body is the handler's input: JSON or text, or any bytes for a handler of job<raw_body>. Without a body,
/// as with GET, the input's members are the parameters of path and query. Both, and the header lines, are
/// also in job::details: `parameters`, `query_parameters`, `headers`. The API's description (/openapi.json,
/// /docs) names each route with its input. A job that does not come by HTTP names its route beside its input,
/// as in {"input": {}, "route": "POST /v1/transcribe"}.
template <class... Handlers>
class routes {
 public:
  explicit routes(routed<Handlers>... entries) : chain_(std::move(entries)...) {}

  /// Runs the handler of the job's route. Called by the worker.
  task<void> choose_and_run(job_record& record, const handler_place& place, const stream_sink& sink) {
    std::string wanted;
    if (const auto named = record.details.find("route"); named != record.details.end() && named->is_string())
      wanted = named->template get<std::string>();
    return chain_.run(std::move(wanted), record, place, sink);
  }
  static constexpr bool streams = (is_streaming_handler<Handlers> || ...);

  std::vector<route_description> describe() const {
    std::vector<route_description> all;
    chain_.describe(all);
    return all;
  }

  /// Makes it a handler. Throws: std::logic_error, because only a worker knows where each handler runs.
  task<json> operator()(job<>) const {
    throw std::logic_error("routes: only a worker can run them; call one of the handlers instead");
    co_return json();
  }

 private:
  detail::route_chain<Handlers...> chain_;
};

template <class... Handlers>
routes(routed<Handlers>...) -> routes<Handlers...>;

}  // namespace coworker::inline v0_1
