#pragma once
// The settings of a worker, and what it says of a run afterwards. Must not know the worker.

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

/// Settings of a worker, for start() and for `worker` alike; for designated initialisers:
/// `start(argc, argv, handle, {}, {.grace_period = 5s})`.
struct options {
  /// How long jobs in progress may go on once the worker is to leave, before they are asked to stop. start() ends the
  /// process three seconds later at the latest. 0 or more. Default: 6 s, as `docker stop` kills after ten.
  duration grace_period = std::chrono::seconds(6);
  /// How often the concurrency modifier is asked while jobs are in progress and no slot opens. Above 0. Default: 1 s.
  duration modifier_interval = std::chrono::seconds(1);
  /// Opens a job's slot as soon as its handler has ended, while its outcome is still being delivered. Up to the limit
  /// such outcomes may be under way; beyond that, slots wait for them. Default: off, a slot opens once the queue has
  /// the outcome.
  bool overlap_delivery = false;
  /// Takes one extra job per slot, so that it can start the moment the slot is free. Default: off, because a job
  /// waiting here could run on another worker.
  bool prefetch = false;
  /// How long a handler may run before its job is stopped and fails. A job that brings a limit of its own has the
  /// smaller of the two. 0 or more. Default: 0, as long as it likes.
  duration job_timeout{};
  /// How long a handler whose job was stopped may go on before it is given up: the job's outcome is handed over, and what
  /// the handler returns later is thrown away. It keeps its slot until then: what runs cannot be taken away from a thread.
  /// While the worker leaves, a second at most. 0 or more. Default: 2 s.
  duration stop_patience = std::chrono::seconds(2);
  /// How long a job's coroutine may keep the event loop to itself before the log names the job, once, while it does so.
  /// Costs a thread, which looks twice in that time while there are jobs, and a lock at each wait of a job. Only in
  /// run() and start(). 0 or more. Default: 0, off.
  duration loop_block_limit{};
  /// Runs handlers that are coroutines on the pool, each on any of its threads at a time, instead of all on the worker's
  /// own thread. For those that compute. Default: off.
  bool coroutines_on_pool = false;
  /// How long after one report of a job's progress the next is sent, which is the latest by then. 0 or more; 0 sends each
  /// once the one before has arrived. Default: 0.5 s. What was reported last is sent in any case, before the outcome.
  duration progress_interval = std::chrono::milliseconds(500);
  /// How streaming handlers' elements become chunks.
  stream_options stream = {};
  /// Sends nothing but outcomes: no progress, and the elements of a stream in its final output. For servers that take
  /// any post for the outcome. Default: off.
  bool only_outcomes = false;
  /// The longest output in bytes of compact JSON; beyond it a job fails with an error that says so. 0, or 1000 or more.
  /// Default: 0, what the queue states as its own limit.
  std::size_t output_limit = 0;
  /// Measures where each job's time goes (job::checkpoint()) and hands that to the queue with the result. Default: off.
  bool measure_times = false;
  /// Where log lines go; null means standard output. Used where `log` is null. Must outlive the run.
  log_sink* sink = nullptr;
  /// The worker's log; null means one of its own at INFO. start() makes its own in any case. Must outlive the worker.
  logger* log = nullptr;
  /// Where plain functions run, and coroutines where they are to. Default: empty, a thread pool of the worker's own, as
  /// large as jobs in progress need, or as the machine has processors for coroutines.
  executor_ref pool = {};
  /// Reads what the process uses of processors, memory and GPU into the metrics, on the worker's thread, when the
  /// modifier is asked and its interval is over. Default: null, modifiers see nothing of that; start() makes one in any
  /// case. Must outlive the worker; one reader, one worker.
  resource_reader* resources = nullptr;

  // For what start() makes.

  /// How a GPU is doing; called some ten times a second on the worker's thread: see resource_options. Default: null.
  gpu_reading (*gpu_probe)() noexcept = nullptr;
  /// Gives the members `error` and `refresh_worker` of an object that a handler returns as `json` the meaning that the
  /// platform's documentation gives them, on a desk too. A handler that returns what a client sent lets the client set
  /// them: turn this off there, or return a struct. Default: on.
  bool magic_members = true;
  /// How long a result is posted again and again before it is given up. 0 or more. Default: 10 min.
  duration delivery_deadline = std::chrono::minutes(10);
  /// A folder, which must exist, for results that could not be posted; the next start posts them, one at a time beside
  /// its jobs. Several workers may share it: what one keeps there is taken over only once its process has ended. Results
  /// of more than 64 MiB are not kept. Default: none.
  std::string spool_folder = {};
  /// A port on which /metrics, the health path and a console to look at are served beside the queue. Default: 0, none.
  std::uint16_t metrics_port = 0;
  /// The address of that port. Default: only this machine.
  std::string metrics_host = "127.0.0.1";
  /// How many jobs may wait at an HTTP endpoint; more are refused with 429. Default: 1000.
  std::size_t most_waiting = 1000;
  /// How many connections an HTTP endpoint has at once; more are told 503. Where the process may not open as many files,
  /// start() raises its own limit as far as it may. Default: 1024.
  std::size_t most_connections = 1024;
  /// Whether the handler takes {"openai_route", "openai_input"}, so that an HTTP endpoint has the routes of OpenAI's API.
  /// Default: where the input is a struct with a member openai_route.
  bool openai_routes = false;
};

/// The name that a program uses which makes a `worker` itself.
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
  std::uint64_t jobs = 0;     ///< taken
  std::uint64_t failed = 0;   ///< ended with an error; stopped ones are not counted here
  std::uint64_t stopped = 0;  ///< ended because they were asked to
  std::uint64_t undelivered =
      0;  ///< whose outcome the queue refused or could not be given; one that it no longer wants is not counted
  int highest_in_progress = 0;
  duration elapsed{};
};

}  // namespace coworker::inline v0_1
