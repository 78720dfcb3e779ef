#pragma once
// What a worker is told before it runs, and what it says of a run afterwards. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/resources.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace coworker {

struct worker_options {
  /// How long jobs in progress may go on after stop() before they are asked to stop. 0 or more; default 30 s.
  duration grace_period = std::chrono::seconds(30);
  /// How often the concurrency modifier is asked while jobs are in progress and no take asks it. Above 0;
  /// default 1 s.
  duration modifier_interval = std::chrono::seconds(1);
  /// How many takes may be under way at once, so that new slots need not wait for an idle long poll. 1 or
  /// more; default 2.
  int takes_at_once = 2;
  /// Whether a job's slot opens as soon as its handler has ended, while its outcome is still being handed
  /// back. Up to the limit such outcomes may be under way; beyond that, slots wait for them. Default: a slot
  /// opens once the queue has it.
  bool overlap_delivery = false;
  /// Whether one more job is taken for each slot, to be at hand the moment the slot opens. Default: it is
  /// not, since a job at hand here is one that another worker could run.
  bool prefetch = false;
  /// How long a handler may run before its job is stopped, as if the queue had asked for it, and ends as
  /// failed. A job whose `policy` says an `executionTimeout`, in milliseconds, has that instead. Default 0:
  /// as long as it likes.
  duration job_timeout{};
  /// How long a job that was stopped may go on before the log names it, once. It keeps its slot until it
  /// ends: what runs cannot be taken away from a thread. Default 10 s.
  duration stop_patience = std::chrono::seconds(10);
  /// How long a job's coroutine may keep the event loop to itself before the log names the job, once, while
  /// it does so. It costs a thread, which looks twice in that time while there are jobs, and a lock at each
  /// wait of a job. Only in run(). Default 0: nobody looks.
  duration loop_block_limit{};
  /// Whether handlers that are coroutines run on the pool, each on any of its threads at a time, instead of
  /// all on the worker's own thread. For those that compute. Default: they do not.
  bool coroutines_on_pool = false;
  /// How streaming handlers' elements become chunks.
  stream_options stream = {};
  /// Whether nothing but outcomes is sent: no progress, and the elements of a stream in its final output. For
  /// servers that take any post for the outcome. Default: all is sent.
  bool only_outcomes = false;
  /// The longest outcome, in bytes of JSON, that the queue takes; beyond it a job fails with an error that
  /// says so. Default 20 MB, the platform's limit.
  std::size_t output_limit = 20'000'000;
  /// Whether outputs that are objects get a member `rp_debugger`: how long the handler took and what it
  /// measured with job::checkpoint(), as the platform's clients read it. Default: they do not.
  bool rp_debugger = false;
  /// How long the process took until it could serve, for `rp_debugger`.
  duration ready_delay{};
  /// Named in error reports.
  worker_identity identity = {};
  /// Where lines go; null means standard output at INFO. Must outlive the worker.
  logger* log = nullptr;
  /// Where plain functions run, and coroutines where they are to; empty means a thread pool of the worker's
  /// own, as large as jobs in progress need, or the machine has processors for coroutines.
  executor_ref pool = {};
  /// Reads what the process uses of processors, memory and GPU into the metrics, on the worker's thread, when
  /// the modifier is asked and its interval is over. Default: nobody does, and modifiers see nothing of that.
  /// Must outlive the worker; one reader, one worker.
  resource_reader* resources = nullptr;
};

namespace detail {

inline worker_options checked(worker_options options) {
  const auto require_option = [](bool holds, const char* problem) {
    if (!holds) throw std::invalid_argument(std::string("worker_options::") + problem);
  };
  require_option(options.grace_period >= duration::zero(), "grace_period is negative; it must be 0 or more");
  require_option(options.modifier_interval > duration::zero(),
                 "modifier_interval must be above 0, such as 1 s");
  require_option(options.job_timeout >= duration::zero(), "job_timeout is negative; 0 sets none");
  require_option(options.stop_patience >= duration::zero(),
                 "stop_patience is negative; it must be 0 or more");
  require_option(options.loop_block_limit >= duration::zero(),
                 "loop_block_limit is negative; 0 means that nobody looks");
  require_option(options.stream.gather_for >= duration::zero(),
                 "stream.gather_for is negative; 0 gathers none");
  require_option(options.output_limit >= 1000,
                 "output_limit is below 1000 bytes, which an error must fit into");
  require_option(options.takes_at_once >= 1,
                 "takes_at_once must be 1 or more, or no job would ever be taken");
  return options;
}

}  // namespace detail

/// What a worker did from start to end.
struct worker_summary {
  std::uint64_t jobs = 0;         ///< taken
  std::uint64_t failed = 0;       ///< ended with an error; stopped ones are not counted here
  std::uint64_t stopped = 0;      ///< ended because they were asked to
  std::uint64_t undelivered = 0;  ///< whose outcome the queue refused or could not be given
  int highest_in_progress = 0;
  duration elapsed{};
};

}  // namespace coworker
