#pragma once
// start: from a program's arguments and environment to a worker on the right queue, and from there to an exit
// status. The only place that knows all transports.

#include <coworker/coro/clock.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/log.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/environment.hpp>
#include <coworker/start/local_run.hpp>
#include <coworker/typed/schema.hpp>
#include <coworker/version.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#ifdef COWORKER_WITH_CURL
#include <coworker/start/production_run.hpp>
#include <coworker/start/production_settings.hpp>
#endif

namespace coworker {

/// Settings of start(), for designated initialisers: `start(argc, argv, handle, {}, {.grace_period = 5s})`.
struct options {
  /// How long jobs in progress may go on once the worker is to leave. 0 or more; default 30 s.
  duration grace_period = std::chrono::seconds(30);
  /// How often the concurrency modifier is asked while jobs are in progress and no take asks it. Above 0;
  /// default 1 s.
  duration modifier_interval = std::chrono::seconds(1);
  /// Whether a slot opens before the queue has its last job's outcome: see worker_options. Default: it does
  /// not.
  bool overlap_delivery = false;
  /// Whether one more job is taken for each slot, to be at hand: see worker_options. Default: none is.
  bool prefetch = false;
  /// How long a handler may run before its job is stopped and fails; a job's own policy comes first: see
  /// worker_options. Default 0: as long as it likes.
  duration job_timeout{};
  /// How long a job that was stopped may go on before the log names it. Default 10 s.
  duration stop_patience = std::chrono::seconds(10);
  /// How long a coroutine may keep the event loop to itself before the log names its job: see worker_options.
  /// Default 0: nobody looks.
  duration loop_block_limit{};
  /// Whether handlers that are coroutines run on a pool of threads: see worker_options. Default: all on one
  /// thread.
  bool coroutines_on_pool = false;
  /// How streaming handlers' elements become chunks.
  stream_options stream = {};
  /// Whether nothing but outcomes is sent, for servers that take any post for the outcome: see
  /// worker_options. Default: progress and chunks are sent.
  bool only_outcomes = false;
  /// The longest outcome that the queue takes, in bytes of JSON. Default 20 MB, the platform's limit.
  std::size_t output_limit = 20'000'000;
  /// How long a result is posted again and again before it is given up. Default 10 min.
  duration delivery_deadline = std::chrono::minutes(10);
  /// A folder, which must exist, for results that could not be posted; the next start posts them. Where
  /// several workers share it, one that starts may post what another still tries to, so that it arrives
  /// twice. Default: none.
  std::string spool_folder = {};
  /// Says how a GPU is doing, some ten times a second, on the worker's thread: see resource_options. Default:
  /// none.
  gpu_reading (*gpu_probe)() noexcept = nullptr;
  /// Where log lines go; null means standard output. Must outlive the call of start().
  log_sink* sink = nullptr;
};

namespace detail {

inline int complain(const char* problem, int status) noexcept {
  std::fflush(stdout);
  std::fprintf(stderr, "coworker: %s\n", problem);
  return status;
}

inline const time_point loaded_at = clock_type::now();

inline worker_options worker_options_of(const start_arguments& arguments, const options& settings,
                                        resource_reader& resources, logger& log) {
  worker_options made;
  made.grace_period = settings.grace_period;
  made.modifier_interval = settings.modifier_interval;
  made.overlap_delivery = settings.overlap_delivery;
  made.prefetch = settings.prefetch;
  made.job_timeout = settings.job_timeout;
  made.stop_patience = settings.stop_patience;
  made.loop_block_limit = settings.loop_block_limit;
  made.coroutines_on_pool = settings.coroutines_on_pool;
  made.stream = settings.stream;
  made.only_outcomes = settings.only_outcomes;
  made.output_limit = settings.output_limit;
  made.rp_debugger = arguments.rp_debugger;
  made.ready_delay = clock_type::now() - loaded_at;
  made.log = &log;
  made.resources = &resources;
  return made;
}

template <class Handler, class Modifier>
int start_local(const start_arguments& arguments, Handler handler, Modifier modifier, const options& settings,
                logger& log) {
  local_plan plan = plan_local_run(arguments, log);
  resource_reader resources({.gpu_probe = settings.gpu_probe});
  worker runner(std::move(handler), std::move(modifier),
                worker_options_of(arguments, settings, resources, log));
  return detail::run_local(runner, std::move(plan), log);
}

#ifdef COWORKER_WITH_CURL
template <class Handler, class Modifier>
int start_production(const start_arguments& arguments, Handler handler, Modifier modifier,
                     const options& settings, logger& log) {
  production_settings found = read_production_settings();
  log.hide(found.queue.api_key);
  found.queue.delivery_deadline = settings.delivery_deadline;
  found.queue.spool_folder = settings.spool_folder;
  resource_reader resources({.gpu_probe = settings.gpu_probe});
  worker_options wanted = worker_options_of(arguments, settings, resources, log);
  wanted.identity = std::move(found.identity);
  worker runner(std::move(handler), std::move(modifier), std::move(wanted));
  detail::run_production(runner, std::move(found.queue), found.ping_interval, log);
  return exit_ok;
}
#else
template <class Handler, class Modifier>
int start_production(const start_arguments&, Handler, Modifier, const options&, logger&) {
  throw usage_error(
      "RUNPOD_WEBHOOK_GET_JOB is set, but this program was built without libcurl; build it with "
      "-DCOWORKER_WITH_CURL -lcurl");
}
#endif

template <class Input>
int print_schema() {
  if constexpr (typed_input<Input>) {
    const std::string text = json_schema<Input>().dump(2) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return exit_ok;
  } else {
    throw usage_error(
        "--print_schema: the input that this handler takes is of a type without a JSON Schema; take a "
        "struct, "
        "as in job<request>");
  }
}

template <class Handler, class Modifier>
int start_checked(int argc, char** argv, Handler handler, Modifier modifier, const options& settings) {
  const start_arguments arguments = argument_reader(argc, argv).read();
  if (arguments.help) {
    std::fwrite(usage_text.data(), 1, usage_text.size(), stdout);
    return exit_ok;
  }
  if (arguments.print_schema) return print_schema<handler_input<Handler>>();
  const bool local = arguments.test_input || arguments.test_file || !environment("RUNPOD_WEBHOOK_GET_JOB");
  const log_level usual = local ? log_level::debug : log_level::info;
  logger log{arguments.level ? *arguments.level : level_from_environment(usual),
             environment("RUNPOD_ENDPOINT_ID") ? log_form::json : log_form::text};
  if (settings.sink != nullptr) log.set_sink(*settings.sink);
  stdout_sink standard_output;
  log_sink& first_line = settings.sink != nullptr ? *settings.sink : standard_output;
  first_line.write(log_level::info, "--- Starting coworker |  Version " COWORKER_VERSION " ---");
  if (!local)
    return detail::start_production(arguments, std::move(handler), std::move(modifier), settings, log);
  return detail::start_local(arguments, std::move(handler), std::move(modifier), settings, log);
}

}  // namespace detail

/// Runs a worker as the arguments and the environment say, and gives the exit status for main to return: 0
/// when all went well, 1 for bad input or a failed job, 2 for arguments, an environment or a build that
/// cannot be followed. With
/// --test_input or --test_file, or where RUNPOD_WEBHOOK_GET_JOB is not set, it runs local jobs once; else it
/// serves the platform's queue until SIGTERM or SIGINT and has drained. Blocks. Logs to standard output.
///
/// `handler` is called with a job: a plain function, one that returns task<T>, or one that returns
/// async_generator<T>. `modifier` says how many jobs may be in progress: see concurrency_modifier.
template <class Handler, class Modifier = fixed_concurrency>
requires(job_handler<Handler>&& concurrency_modifier<Modifier>) int start(int argc, char** argv,
                                                                          Handler handler,
                                                                          Modifier modifier = Modifier(),
                                                                          options settings = {}) {
  try {
    return detail::start_checked(argc, argv, std::move(handler), std::move(modifier), settings);
  } catch (const detail::usage_error& error) {
    return detail::complain(error.what(), detail::exit_usage);
  } catch (const std::exception& error) {
    return detail::complain(error.what(), detail::exit_failed);
  }
}

template <class Handler, class Modifier = fixed_concurrency>
requires(!job_handler<Handler>) COWORKER_REFUSE(
    "coworker::start: the handler does not fit; it must be callable with a job and give something that turns "
    "into json, as in `task<std::string> handle(job<> work)` or `json handle(job<> work)`")
int start(int, char**, Handler, Modifier = Modifier(), options = {}) { return detail::exit_usage; }

template <class Handler, class Modifier>
requires(job_handler<Handler> && !concurrency_modifier<Modifier>) COWORKER_REFUSE(
    "coworker::start: the concurrency modifier does not fit; it must be callable as `int(int current)` or "
    "`int(int current, const metrics&)` and give an integer")
int start(int, char**, Handler, Modifier, options = {}) { return detail::exit_usage; }

}  // namespace coworker
