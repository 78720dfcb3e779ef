#pragma once
// The settings of the platform's queue. Must not know how it is served.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/transport/runpod/bodies.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// Settings of runpod_queue.
struct runpod_options {
  /// The URLs of the protocol, as templates. Default: empty.
  queue_urls::templates urls = {};
  /// The worker as error reports and URLs name it. Default: "unknown".
  worker_identity identity = {};
  /// Sent unchanged as the Authorization header. Default: empty, none is sent.
  std::string api_key = {};
  /// Between heartbeats. 1 ms or more. Default: 10 s.
  duration ping_interval = std::chrono::seconds(10);
  /// How long a take or a poll for stops may stay unanswered. Must be more than the 90 s for which servers
  /// hold them. Default: 105 s.
  duration poll_timeout = std::chrono::seconds(105);
  /// How long one post of a result may take without a response. Default: 60 s.
  duration post_timeout = std::chrono::seconds(60);
  /// How long one post of a job's progress may take. The job's outcome waits for it. Default: 10 s.
  duration progress_timeout = std::chrono::seconds(10);
  /// How many results, chunks and reports of progress may be posted at once, each over a connection of its
  /// own unless the server has HTTP/2; the others wait. 1 or more. Default: 128.
  std::size_t posts_at_once = 128;
  /// How long a result is posted again before it is given up; it is then kept in the spool if there is one.
  /// Default: 10 min.
  duration delivery_deadline = std::chrono::minutes(10);
  /// For how long after the worker began to leave results are still posted again as usual. After that each is
  /// tried at short intervals for another second and a half. Default: 30 s.
  duration leave_within = std::chrono::seconds(30);
  /// Waits between attempts while the server fails or cannot be reached. Default: from 200 ms to 30 s.
  backoff::options retry = {std::chrono::milliseconds(200), std::chrono::seconds(30)};
  /// Waits between takes while the server answers at once that there are no jobs, instead of holding the
  /// poll. Default: from 50 ms to 2 s.
  backoff::options idle = {std::chrono::milliseconds(50), std::chrono::seconds(2)};
  /// The wait after "too many requests" if the server does not say how long. Default: 5 s.
  duration throttled = std::chrono::seconds(5);
  /// The longest wait that a server may ask for (Retry-After). Default: 60 s.
  duration longest_retry_after = std::chrono::seconds(60);
  /// A folder, which must exist, for results that could not be posted. Default: empty, none.
  std::string spool_folder = {};
  /// The longest result, in bytes of JSON. 1000 or more. Default: 20 MB, the platform's limit.
  std::size_t output_limit = 20'000'000;
  /// The longest chunk, in bytes of JSON. Default: 1 MB, the platform's limit.
  std::size_t chunk_limit = 1'000'000;
  /// Gives the members `error` and `refresh_worker` of an object that a handler returns as `json` the meaning
  /// that the platform's documentation gives them. If a handler returns what a client sent, the client can
  /// set them: then turn this off, or return a struct. Default: on.
  bool magic_members = true;
  /// How long the process took until it could serve, for the timings that --rp_debugger adds to outputs.
  /// Default: 0.
  duration ready_delay{};
  /// Seeds the jitter of all waits. Default: 0.
  std::uint64_t seed = 0;
};

namespace detail {

inline runpod_options checked(runpod_options wanted) {
  const auto require_option = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("runpod_options::") + problem);
  };
  require_option(wanted.posts_at_once >= 1,
                 "posts_at_once must be 1 or more, or no result would ever be posted");
  require_option(wanted.ping_interval >= std::chrono::milliseconds(1), "ping_interval must be 1 ms or more");
  require_option(wanted.output_limit >= 1000,
                 "output_limit is below 1000 bytes, which an error must fit into");
  return wanted;
}

}  // namespace detail
}  // namespace coworker::inline v0_1
