#pragma once
// What can be set about an HTTP endpoint. Must not know how it works.

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
  queue_api,  ///< the platform's queue API: /run, /runsync, /status/{id} and so on, and the console
  service,    ///< a POST on any route is a job, its response the output
  realtime,   ///< POST /{endpoint}/realtime with {"id", "input"}
  monitor,    ///< no jobs: health, metrics and the console, for a worker whose jobs come from elsewhere
};

/// Options of an endpoint.
struct endpoint_options {
  endpoint_kind kind = endpoint_kind::service;
  /// Only for `localhost` as Host, and no other site as Origin: for an address that only this machine reaches.
  bool only_local = true;
  std::string token = {};             ///< asked for as `Authorization: Bearer TOKEN`; empty: none is
  std::string worker_id = "local";    ///< in answers of the queue API
  std::string health_path = "/ping";  ///< says whether the worker is ready
  int loading_status = 503;           ///< of the health path until the worker is ready
  std::string realtime_path = {};     ///< of the kind `realtime`, such as "/ep/realtime"
  std::string predict_path = {};      ///< for bodies {"instances": [...]}: each is a job; empty: none
  bool webhooks = false;              ///< somebody tells them
  bool openai_routes = false;         ///< POST /v1/... is a job {"openai_route", "openai_input"}
  std::vector<route_description> routes =
      {};                ///< of the kind `service`: the only ones that are jobs; none: all are
  bool streams = false;  ///< the handler is one that streams
  bool raw = false;      ///< of the kind `service`: the handler takes a raw_body
  int most_in_progress = (std::numeric_limits<int>::max)();  ///< jobs, whatever the concurrency modifier says
  std::size_t most_waiting = 1000;                           ///< jobs that wait; more are refused with 429
  std::size_t most_kept = 256'000'000;             ///< bytes of results for later, and of jobs that wait
  duration keep_async = std::chrono::minutes(30);  ///< how long the result of /run is kept
  duration keep_sync = std::chrono::minutes(1);    ///< the same of /runsync
  std::uint64_t seed = 1;                          ///< of the ids
  std::string title = "coworker";                  ///< in the API's description
  json (*schema)() = nullptr;                      ///< of the handler's input; null: not known
  void (*interpret)(outcome&) = nullptr;           ///< what members of an output mean; null: nothing
  /// An error as text; null: its message.
  std::string (*error_text)(const error_info&, const logger&) = nullptr;
  /// Adds where a job's time went to its output, where the worker measures that; null: it is not shown.
  void (*add_timings)(outcome&, const job_timings&, duration ready_delay) = nullptr;
  duration ready_delay{};  ///< how long the process took until it could serve
};

}  // namespace coworker::inline v0_1
