#pragma once
// The settings of a worker, and its summary of a run. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/resources.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace coworker::inline v0_1 {

/// Settings of a worker, for start() and for `worker`; use designated initialisers: `start(argc, argv,
/// handle, {}, {.grace_period = 5s})`.
struct options {
  /// How long jobs in progress may go on once the worker leaves, before they are asked to stop. start() ends
  /// the process at most three seconds later. 0 or more. Default: 6 s, because `docker stop` kills after 10
  /// s.
  duration grace_period = std::chrono::seconds(6);
  /// How often the concurrency modifier is asked while jobs are in progress and no slot becomes free. Above
  /// 0. Default: 1 s.
  duration modifier_interval = std::chrono::seconds(1);
  /// Frees a job's slot as soon as its handler has ended, while its outcome is still being delivered. As many
  /// outcomes as the limit may be in delivery without a slot; beyond that, each keeps one. Default: off, a
  /// slot becomes free once the queue has the outcome.
  bool overlap_delivery = false;
  /// Takes one extra job per slot, so that it can start the moment the slot is free. Default: off, because a
  /// job waiting here could run on another worker.
  bool prefetch = false;
  /// How long a handler may run before its job is stopped and fails. A job with a time limit of its own gets
  /// the smaller of the two. 0 or more. Default: 0, no limit.
  duration job_timeout{};
  /// How long a handler may go on after its job was stopped, before the job is given up: its outcome is
  /// delivered, and what the handler returns later is ignored. The handler keeps its slot until it returns,
  /// because a running thread cannot be interrupted. While the worker leaves, at most 1 s. 0 or more.
  /// Default: 2 s.
  duration stop_patience = std::chrono::seconds(2);
  /// How long a job's coroutine may block the event loop before the log names the job, once, while it blocks.
  /// Costs a thread, which looks twice in that time while there are jobs, and a lock at each wait of a job.
  /// Only in run() and start(). 0 or more. Default: 0, off.
  duration loop_block_limit{};
  /// Runs handlers that are coroutines on the pool, each on any of its threads, instead of all on the
  /// worker's own thread. For handlers that compute. Default: off.
  bool coroutines_on_pool = false;
  /// The shortest time between two reports of a job's progress; each sends the latest value. The last value
  /// is sent in any case, before the outcome. 0 or more; 0 sends each report once the one before has arrived.
  /// Default: 0.5 s.
  duration progress_interval = std::chrono::milliseconds(500);
  /// How the elements of a streaming handler become chunks. Default: see stream_options.
  stream_options stream = {};
  /// Sends nothing but outcomes: no progress, and the elements of a stream in its final output. For servers
  /// that treat every post as the outcome. Default: off.
  bool only_outcomes = false;
  /// The longest output, in bytes of compact JSON; a job with a longer one fails with an error that says so.
  /// 0, or 1000 or more. Default: 0, the limit that the queue states.
  std::size_t output_limit = 0;
  /// Measures where each job's time goes (job::checkpoint()) and passes that to the queue with the result.
  /// Default: off.
  bool measure_times = false;
  /// Where log lines go; null means standard output. Used if `log` is null. Must outlive the run. Default:
  /// null.
  log_sink* sink = nullptr;
  /// The worker's log; null means one of its own at INFO. start() always makes its own. Must outlive the
  /// worker. Default: null.
  logger* log = nullptr;
  /// Where plain functions run, and coroutines with coroutines_on_pool. Default: empty, a thread pool of the
  /// worker's own, with a thread for each job in progress, or for each processor with coroutines_on_pool.
  executor_ref pool = {};
  /// Reads the process's use of processors, memory and GPU into the metrics, on the worker's thread, when the
  /// modifier is asked and the reader's interval is over. Must outlive the worker; one reader serves one
  /// worker. Default: null, modifiers see no such figures; start() always makes one.
  resource_reader* resources = nullptr;

  // The following are used by start() only.

  /// Reads how a GPU is doing; called about ten times a second on the worker's thread: see resource_options.
  /// Default: null.
  gpu_reading (*gpu_probe)() noexcept = nullptr;
  /// Gives the members `error` and `refresh_worker` of an object that a handler returns as `json` the meaning
  /// that the platform's documentation gives them, also in local mode. If a handler returns what a client
  /// sent, the client can set them: then turn this off, or return a struct. Default: on.
  bool magic_members = true;
  /// How long a result is posted again before it is given up. 0 or more. Default: 10 min.
  duration delivery_deadline = std::chrono::minutes(10);
  /// A folder, which must exist, for results that could not be posted. The next start posts them, one at a
  /// time, beside its jobs. Several workers may share it: the results of one are taken over only once its
  /// process has ended. Results of more than 64 MiB are not kept. Default: empty, none.
  std::string spool_folder = {};
  /// A port that serves /metrics, the health path and a web console beside the queue. Default: 0, none.
  std::uint16_t metrics_port = 0;
  /// The address that metrics_port listens on. Default: 127.0.0.1, this machine only.
  std::string metrics_host = "127.0.0.1";
  /// How many jobs may wait at an HTTP endpoint; more are refused with status 429. Default: 1000.
  std::size_t most_waiting = 1000;
  /// How many connections an HTTP endpoint has at once; more are answered with status 503. Where the process
  /// may not open as many files, start() raises its own limit as far as it may. Default: 1024.
  std::size_t most_connections = 1024;
  /// Whether the handler takes {"openai_route", "openai_input"}, so that an HTTP endpoint serves the routes
  /// of OpenAI's API. Default: true if the input is a struct with a member openai_route.
  bool openai_routes = false;
};

/// The name for programs that make a `worker` themselves.
using worker_options = options;

namespace detail {

inline options checked(options wanted) {
  const auto require_option = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("options::") + problem);
  };
  require_option(wanted.grace_period >= duration::zero(), "grace_period is negative; it must be 0 or more");
  require_option(wanted.modifier_interval > duration::zero(),
                 "modifier_interval must be above 0, such as 1 s");
  require_option(wanted.job_timeout >= duration::zero(), "job_timeout is negative; 0 sets none");
  require_option(wanted.stop_patience >= duration::zero(), "stop_patience is negative; it must be 0 or more");
  require_option(wanted.loop_block_limit >= duration::zero(), "loop_block_limit is negative; 0 turns it off");
  require_option(wanted.progress_interval >= duration::zero(),
                 "progress_interval is negative; 0 sends each report once the one before has arrived");
  require_option(wanted.stream.gather_for >= duration::zero(),
                 "stream.gather_for is negative; 0 gathers none");
  require_option(
      wanted.output_limit == 0 || wanted.output_limit >= 1000,
      "output_limit is below 1000 bytes, which an error must fit into; 0 means the queue's own limit");
  require_option(wanted.delivery_deadline >= duration::zero(),
                 "delivery_deadline is negative; it must be 0 or more");
  return wanted;
}

}  // namespace detail

/// What a worker did from start to end.
struct worker_summary {
  std::uint64_t jobs = 0;     ///< jobs taken
  std::uint64_t failed = 0;   ///< jobs that ended with an error, without stopped ones
  std::uint64_t stopped = 0;  ///< jobs that ended because they were asked to stop
  /// Jobs whose outcome the queue refused or could not be given, without those that it no longer wants.
  std::uint64_t undelivered = 0;
  /// The most jobs whose handler ran or whose outcome was being delivered at once. Unlike
  /// metrics::most_in_progress, without jobs that waited for a slot.
  int highest_in_progress = 0;
  /// How long the run took.
  duration elapsed{};
};

}  // namespace coworker::inline v0_1
