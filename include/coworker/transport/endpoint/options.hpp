#pragma once
// The options of an HTTP endpoint. Must not know how an endpoint works.

#include <coworker/coro/clock.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/routes.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace coworker::inline v0_1 {

/// What an endpoint offers to its clients.
enum class endpoint_kind : unsigned char {
  queue_api,  ///< the platform's queue API (/run, /runsync, /status/{id} and so on) and the console
  service,    ///< a POST on any path, or a request to one of `routes`, is a job; the response is its output
  realtime,   ///< POST /{endpoint}/realtime with {"id", "input"} is a job
  monitor,    ///< no jobs: health, metrics and the console, for a worker that takes its jobs from elsewhere
};

/// Options of an endpoint.
struct endpoint_options {
  /// What the endpoint offers. Default: service.
  endpoint_kind kind = endpoint_kind::service;
  /// True: refuses requests whose Host is not `localhost`, 127.0.0.1 or [::1]; for an address that only this
  /// machine reaches. Default: true. A request whose Origin is another site is refused in either case.
  bool only_local = true;
  /// Required of requests as `Authorization: Bearer TOKEN`, except for health and the console's page.
  /// Default: empty, none is required.
  std::string token = {};
  /// The `workerId` in responses of the queue API. Default: "local".
  std::string worker_id = "local";
  /// Responds whether the worker is ready. Default: "/ping".
  std::string health_path = "/ping";
  /// The HTTP status of the health path until the worker is ready. Default: 503.
  int loading_status = 503;
  /// Kind `realtime`: the path of its jobs, such as "/ep/realtime".
  std::string realtime_path = {};
  /// Kind `service`: a path for bodies {"instances": [...]}, each element of which is a job. Default: none.
  std::string predict_path = {};
  /// Whether a webhook_sender serves the endpoint; if not, a job with a webhook is refused with 400.
  /// Default: false.
  bool webhooks = false;
  /// True: requests to /v1/... are jobs {"openai_route", "openai_input"}. Default: false.
  bool openai_routes = false;
  /// The routes of the program's handlers. Kind `service`: the only ones that are jobs. Kind `queue_api`:
  /// shown in the API's description. Default: none; a `service` then takes a POST on any path.
  std::vector<route_description> routes = {};
  /// Whether the handler streams. Default: false.
  bool streams = false;
  /// Kind `service`: whether the handler takes a raw_body. Default: false.
  bool raw = false;
  /// How many jobs may be in progress at once, whatever the concurrency modifier says. Default: no limit.
  int most_in_progress = (std::numeric_limits<int>::max)();
  /// How many jobs may wait; more are refused with 429. Default: 1000.
  std::size_t most_waiting = 1000;
  /// Limits, in bytes, each of these: the requests of the jobs that wait, the results that are kept for
  /// clients that ask later, and the unread chunks of one job. Default: 256 MB.
  std::size_t most_kept = 256'000'000;
  /// How long the result of a /run is kept. Default: 30 min.
  duration keep_async = std::chrono::minutes(30);
  /// How long the result of a /runsync is kept. Default: 1 min.
  duration keep_sync = std::chrono::minutes(1);
  /// Seeds the random ids of jobs. Default: 1.
  std::uint64_t seed = 1;
  /// The title in the API's description. Default: "coworker".
  std::string title = "coworker";
  /// Returns the JSON schema of the handler's input. Default: null, not known.
  json (*schema)() = nullptr;
  /// Gives members of an output their meaning, as an engine's interpret() does. Default: null, does nothing.
  void (*interpret)(outcome&) = nullptr;
  /// Formats an error as the text that clients get. Default: null, they get its message.
  std::string (*error_text)(const error_info&, const logger&) = nullptr;
  /// Adds to a job's output where its time went, if the worker measures that. Default: null, adds nothing.
  void (*add_timings)(outcome&, const job_timings&, duration ready_delay) = nullptr;
  /// How long the process took until it could serve, for add_timings. Default: 0 s.
  duration ready_delay{};
};

}  // namespace coworker::inline v0_1
