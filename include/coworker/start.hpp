#pragma once
// start(): from a program's arguments and environment to a worker on the right queue, and from there to an
// exit status. The only header that knows every engine of coworker. Must not know how any of them works.

#include <coworker/coro/clock.hpp>
#include <coworker/job/chunk_stream.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/job/preparation.hpp>
#include <coworker/log.hpp>
#include <coworker/net/broken_pipe.hpp>
#include <coworker/refusal.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/resources.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/local_mode.hpp>
#include <coworker/start/mode.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/start/serve_mode.hpp>
#include <coworker/start/standard_descriptors.hpp>
#include <coworker/transport/checks.hpp>
#include <coworker/transport/environment.hpp>
#include <coworker/typed/schema.hpp>
#include <coworker/version.hpp>
#include <coworker/worker.hpp>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

// The platform's queue, for programs that have an HTTP client: libcurl, the network of a simulation, or, with
// COWORKER_WITH_RUNPOD, one of their own.
#if defined(COWORKER_WITH_CURL) || defined(COWORKER_WITH_SIMULATION) || defined(COWORKER_WITH_RUNPOD)
#include <coworker/transport/runpod/attendant.hpp>
#include <coworker/transport/runpod/heartbeat.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/transport/runpod/stop_channel.hpp>
#include <coworker/transport/runpod/urls.hpp>
#endif

#ifdef COWORKER_WITH_CURL
#include <coworker/start/otlp_thread.hpp>
#include <coworker/start/runpod_mode.hpp>
#include <coworker/start/webhook_thread.hpp>
#endif

namespace coworker::inline v0_1 {

namespace detail {

// Prints a problem on one line of standard error, which may be a pipe that nobody reads. Masks secrets,
// because variables may hold anything.
inline int complain(std::string_view problem, int status) noexcept {
  try {
    const std::string readable = valid_utf8(secret_masks().masked(problem));
    std::string line = problem.starts_with("coworker: ") ? "" : "coworker: ";
    detail::append_printable(line, readable);
    detail::write_out_printed();
    line_output(2).write(line);
  } catch (...) {  // no memory for the line
  }
  return status;
}

inline const time_point loaded_at = clock_type::now();

inline log_level level_from_environment(log_level fallback) {
  for (const char* const name : {"RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"}) {
    if (const auto value = environment(name)) return detail::require_log_level(name, *value);
  }
  return fallback;
}

// Stands for: the program has no engine of its own.
struct no_engine {};

template <class Input>
int print_schema() {
  if constexpr (typed_input<Input>) {
    const std::string text = json_schema<Input>().dump(2) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return exit_ok;
  } else {
    throw usage_error(
        "--print_schema: the input that this handler takes is of a type without a JSON Schema; take a "
        "struct, as in job<request>");
  }
}

struct start_parts;

// The program that is started, without its types: everything else is compiled once and not for each handler.
struct started_program {
  handler_ref handler;
  modifier_ref modifier;
  void (*require_sound_defaults)();
  int (*print_schema)();
  int (*serve_platform)(start_parts&, const chosen_mode&);
  build_parts build;
  served_handler served;

  // `Build`: what the file that calls start() was compiled with.
  template <class Build, class Handler, class Modifier>
  started_program(Build, Handler& runs, Modifier& limits)
      : handler(runs),
        modifier(limits),
        require_sound_defaults(&detail::require_sound_defaults<handler_input<Handler>>),
        print_schema(&detail::print_schema<handler_input<Handler>>),
        serve_platform(&Build::template serve_platform<start_parts>),
        build(Build::parts()) {
    served.streams = is_streaming_handler<Handler>;
    served.raw = std::is_same_v<handler_input<Handler>, raw_body>;
    if constexpr (choosing_handler<Handler>) {
      served.routes = runs.describe();
      served.streams = Handler::streams;
    }
    if constexpr (typed_input<handler_input<Handler>>) served.schema = &json_schema<handler_input<Handler>>;
  }
};

// Everything that a mode needs besides its engine.
struct start_parts {
  const start_arguments& arguments;
  const started_program& program;
  const options& settings;
  logger& log;
  resource_reader resources;
  duration ready_delay = clock_type::now() - loaded_at;

  start_parts(const start_arguments& given, const started_program& runs, const options& wanted, logger& lines)
      : arguments(given),
        program(runs),
        settings(wanted),
        log{lines},
        resources({.gpu_probe = wanted.gpu_probe}) {}

  bare_worker make_worker() {
    program.require_sound_defaults();
    options made = settings;
    made.measure_times = settings.measure_times || arguments.rp_debugger;
    made.log = &log;
    made.resources = &resources;
    return bare_worker(program.handler, program.modifier, std::move(made));
  }
};

// Two names, so that files of one program may be compiled with and without libcurl.
struct build_without_curl {
  static build_parts parts() noexcept { return {}; }

  template <class Parts>
  static int serve_platform(Parts&, const chosen_mode&) {
    throw usage_error(
        "RUNPOD_WEBHOOK_GET_JOB is set, but this program was built without libcurl; build it with "
        "-DCOWORKER_WITH_CURL -lcurl");
  }
};

#ifdef COWORKER_WITH_CURL
struct build_with_curl {
  static build_parts parts() noexcept {
    build_parts made;
    made.begin_otlp = [](worker_access& worker, logger& log) -> shared_handle<side_work> {
      std::optional<otlp_settings> wanted = detail::otlp_from_environment(log);
      if (!wanted) return {};
      return shared_handle<side_work>(new otlp_thread(*std::move(wanted), worker, log));
    };
    made.begin_webhooks = [](http_endpoint& endpoint) -> shared_handle<side_work> {
      return shared_handle<side_work>(new webhook_thread(endpoint));
    };
    return made;
  }

  template <class Parts>
  static int serve_platform(Parts& parts, const chosen_mode& chosen) {
    runpod_options found = detail::read_runpod_options(parts.settings, parts.ready_delay, parts.log);
    parts.log.write(log_level::info, detail::mode_line(chosen));
    bare_worker runner = parts.make_worker();
    watched_worker watched(runner);
    const monitor_server beside(watched, parts.settings, parts.log);
    return detail::run_runpod_mode(runner, std::move(found), parts.settings.grace_period, parts.log,
                                   parts.program.build);
  }
};
using this_build = build_with_curl;
#else
using this_build = build_without_curl;
#endif

// A template, as is the next, so that the worker costs only those files that start one.
template <class Parts>
int start_local_mode(Parts& parts) {
  local_plan plan = detail::plan_local_run(parts.arguments, parts.log);
  bare_worker runner = parts.make_worker();
  return detail::run_local_mode(runner, std::move(plan), parts.ready_delay, parts.settings, parts.log);
}

template <class Parts>
int start_serve_mode(Parts& parts, const chosen_mode& chosen) {
  serve_plan plan = detail::plan_serving(parts.arguments, chosen, parts.settings, parts.program.served);
  parts.log.write(log_level::info, detail::mode_line(chosen));
  bare_worker runner = parts.make_worker();
  return detail::run_serve_mode(runner, std::move(plan), parts.ready_delay, parts.settings, parts.log,
                                parts.program.build);
}

// Runs the mode that choose_mode() returns.
template <class Engine>
int start_checked(int argc, char** argv, const started_program& program, const options& settings,
                  Engine& engine) {
  constexpr bool own_engine = !std::is_same_v<Engine, no_engine>;
  detail::fill_standard_descriptors();
  const start_arguments arguments = argument_reader(argc, argv).read();
  if (arguments.help) {
    std::fputs(usage_text, stdout);
    return exit_ok;
  }
  if (arguments.print_schema) return program.print_schema();
  const chosen_mode chosen = detail::choose_mode(arguments, own_engine);
  const bool local = chosen.mode == start_mode::local;
  if (!local) detail::ignore_broken_pipes();  // local mode ends with its reader, as filters do
  const log_level usual = local ? log_level::debug : log_level::info;
  logger log{arguments.level ? *arguments.level : detail::level_from_environment(usual),
             environment("RUNPOD_ENDPOINT_ID") ? log_form::json : log_form::text};
  if (settings.sink != nullptr) log.set_sink(*settings.sink);
  stdout_sink standard_output;
  log_sink& first_line = settings.sink != nullptr ? *settings.sink : standard_output;
  first_line.write(log_level::info, "--- Starting coworker |  Version " COWORKER_VERSION " ---");
  start_parts parts(arguments, program, settings, log);
  if (chosen.mode == start_mode::lambda) detail::refuse_lambda();
  try {
    if (local) return detail::start_local_mode(parts);
    if (chosen.mode == start_mode::runpod) return program.serve_platform(parts, chosen);
    if constexpr (own_engine) {
      if (chosen.mode == start_mode::own_engine) {
        bare_worker runner = parts.make_worker();
        log.write(log_level::info, detail::mode_line(chosen));
        watched_worker watched(runner);
        const monitor_server beside(watched, settings, log);
        return detail::serve_engine(runner, engine, settings.grace_period, log, program.build);
      }
    }
    return detail::start_serve_mode(parts, chosen);
  } catch (const preparation_error& error) {
    log.write(log_level::error,
              "The handler could not be prepared, so no job was taken: " + ((error.error)().trace)());
    return exit_not_prepared;
  }
}

template <class Engine>
int start_and_report(int argc, char** argv, const started_program& program, const options& settings,
                     Engine& engine) {
  try {
    return detail::start_checked(argc, argv, program, settings, engine);
  } catch (const usage_error& error) {
    return detail::complain(error.what(), exit_usage);
  } catch (const environment_error& error) {
    return detail::complain(error.what(), exit_usage);
  } catch (const std::exception& error) {
    return detail::complain(error.what(), exit_failed);
  }
}

}  // namespace detail

/// Runs a worker as the arguments and the environment say, and logs to standard output. Blocks until the jobs
/// are done or a signal asks the process to leave: SIGTERM, SIGINT or SIGHUP drains the worker.
///
/// Arguments come first: --test_input and --test_file run local jobs once, --rp_serve_api and --serve run an
/// HTTP server. Without them the worker serves the platform whose variables are set; without a platform it
/// runs the jobs in test_input.json. --help prints the table.
///
/// `handler` is called with a job: a plain function, one that returns task<T>, or one that returns
/// async_generator<T>. `modifier` decides how many jobs may have a slot at once: see concurrency_modifier.
///
/// Returns the exit status for main to return: 0 if all went well; 1 for bad input or a failed local job; 2
/// for arguments, an environment or a build that do not fit; 3 if the queue did not get all results; 5 if the
/// handler could not be prepared. If something prevents the process from leaving, it ends with status 4.
template <class Handler, class Modifier = fixed_concurrency, class Build = detail::this_build>
requires(job_handler<Handler> && !detail::spoiled_handler<Handler> &&
         concurrency_modifier<Modifier>) int start(int argc, char** argv, Handler handler,
                                                   Modifier modifier = Modifier(), options settings = {}) {
  detail::no_engine none;
  return detail::start_and_report(argc, argv, detail::started_program(Build(), handler, modifier), settings,
                                  none);
}

/// As above, over an engine of the program's own unless the arguments ask for local jobs or an HTTP server:
/// see the concept `transport`. Serves until the engine is closed or a signal comes.
template <class Handler, class Modifier, class Engine, class Build = detail::this_build>
requires(job_handler<Handler> && !detail::spoiled_handler<Handler> &&
         concurrency_modifier<Modifier>) COWORKER_CHECKS_ENGINE
    int start(int argc, char** argv, Handler handler, Modifier modifier, options settings, Engine& engine,
              detail::engine_checked = detail::check_engine<Engine>()) {
  if constexpr (detail::fitting_engine<Engine>) {
    return detail::start_and_report(argc, argv, detail::started_program(Build(), handler, modifier), settings,
                                    engine);
  } else {
    return detail::exit_usage;
  }
}

// One overload for each number of arguments, none of which can throw: g++ then reports one error only.
template <class Handler>
requires(detail::spoiled_handler<std::decay_t<Handler>>) int start(
    int, char**, Handler&&, detail::refusal_of_handler<std::decay_t<Handler>> = {}) noexcept {
  return detail::exit_usage;
}
template <class Handler, class Modifier = fixed_concurrency>
requires(detail::spoiled_handler<std::decay_t<Handler>>) int start(
    int, char**, Handler&&, const Modifier&,
    detail::refusal_of_handler<std::decay_t<Handler>> = {}) noexcept {
  return detail::exit_usage;
}
template <class Handler, class Modifier = fixed_concurrency>
requires(detail::spoiled_handler<std::decay_t<Handler>>) int start(
    int, char**, Handler&&, const Modifier&, const options&,
    detail::refusal_of_handler<std::decay_t<Handler>> = {}) noexcept {
  return detail::exit_usage;
}
template <class Handler, class Modifier, class Engine>
requires(detail::spoiled_handler<std::decay_t<Handler>>) int start(
    int, char**, Handler&&, const Modifier&, const options&, Engine&,
    detail::refusal_of_handler<std::decay_t<Handler>> = {}) noexcept {
  return detail::exit_usage;
}

template <class Handler, class Modifier = fixed_concurrency>
requires(!job_handler<Handler> && !detail::spoiled_handler<Handler>)
    COWORKER_REFUSE_HANDLER("coworker::start")
int start(int, char**, Handler, Modifier = Modifier(), options = {}) { return detail::exit_usage; }
template <class Handler, class Modifier, class Engine>
requires(!job_handler<Handler> && !detail::spoiled_handler<Handler>)
    COWORKER_REFUSE_HANDLER("coworker::start")
int start(int, char**, Handler, Modifier, options, Engine&) { return detail::exit_usage; }

template <class Handler, class Modifier>
requires(job_handler<Handler> && !detail::spoiled_handler<Handler> && !concurrency_modifier<Modifier>)
    COWORKER_REFUSE_MODIFIER("coworker::start")
int start(int, char**, Handler, Modifier, options = {}) { return detail::exit_usage; }
template <class Handler, class Modifier, class Engine>
requires(job_handler<Handler> && !detail::spoiled_handler<Handler> && !concurrency_modifier<Modifier>)
    COWORKER_REFUSE_MODIFIER("coworker::start")
int start(int, char**, Handler, Modifier, options, Engine&) { return detail::exit_usage; }

}  // namespace coworker::inline v0_1
