#pragma once
// What all modes share: signals, the drain, the summary, the exit status. Must not know how any engine works.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/shared_state.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/log.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/last_deadline.hpp>
#include <coworker/start/termination.hpp>
#include <coworker/start/watched_worker.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/engine_ref.hpp>
#include <coworker/transport/traced_engine.hpp>
#include <coworker/worker.hpp>
#include <string>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1::detail {

inline std::string summary_line(const worker_summary& summary) {
  const double elapsed = std::chrono::duration<double>(summary.elapsed).count();
  return std::to_string(summary.jobs) + (summary.jobs == 1 ? " job, " : " jobs, ") +
         std::to_string(summary.failed + summary.stopped) + " failed, " +
         detail::decimal_text(elapsed, std::chars_format::fixed, 2) + " s, highest concurrency " +
         std::to_string(summary.highest_in_progress) + ".";
}

// Whether the engine is served behind an engine_ref, so that what follows is compiled once for all modes.
template <class Engine>
inline constexpr bool is_served_by_reference =
    !waiting_transport<Engine> && !std::is_same_v<Engine, engine_ref>;

// Serves the engine until it is closed or a signal asks the process to leave, and the worker has drained.
// After a signal, the process ends at the latest three seconds after the grace period: a handler that does
// not end is given up after one second. If the network is gone, results have a second and a half, and a
// second more to receive responses that are on their way, so that the rest goes to the spool in time. While
// the handler is being prepared, a signal ends the process at once with status `unprepared`.
template <class Worker, class Engine>
worker_summary run_engine(Worker& runner, Engine& engine, duration grace_period, logger& log,
                          int unprepared) {
  if constexpr (is_served_by_reference<Engine>) {
    engine_ref any(engine);
    return detail::run_engine(runner, any, grace_period, log, unprepared);
  } else {
    bool logged = false;  // that it leaves at once
    last_deadline last(log);
    const termination_watch watch(
        [&runner, &last, grace_period, &log, unprepared](int) {
          runner.stop();
          if (runner.preparing()) {  // so no job was taken, and none will be
            return last.set(clock_type::now(), unprepared,
                            "Asked to leave before the handler was ready: no job was taken, and the process "
                            "ends at once.",
                            log_level::info);
          }
          last.set(after(clock_type::now(),
                         after(time_point(grace_period), std::chrono::seconds(3)).time_since_epoch()),
                   exit_unfinished,
                   "The grace period is over, and something still hangs: the process ends without waiting "
                   "for it.");
          log.write(
              log_level::info,
              "Asked to leave: no more jobs are taken, those in progress are finished. A second signal, two "
              "seconds later or more, leaves at once.");
        },
        [&runner, &last, &log, &logged](int number) {
          last.set(clock_type::now() + std::chrono::seconds(2), 128 + number,
                   "The process ends at once: results that are not delivered by now are given up.");
          runner.stop_at_once();
          if (std::exchange(logged, true)) return;
          log.write(
              log_level::warn,
              "Asked to leave at once: jobs in progress are stopped and answered, for two seconds at most.");
        });
    return runner.run(engine);
  }
}

template <class Worker, class Engine>
int run_until_asked_to_leave(Worker& runner, Engine& engine, duration grace_period, logger& log) {
  const worker_summary summary = detail::run_engine(runner, engine, grace_period, log, exit_ok);
  log.write(log_level::info,
            "Drained: " + std::to_string(summary.jobs) + " jobs taken, " + std::to_string(summary.failed) +
                " failed, " + std::to_string(summary.stopped) + " stopped, " +
                std::to_string(summary.undelivered) + " not delivered, highest concurrency " +
                std::to_string(summary.highest_in_progress) + ".");
  return summary.undelivered == 0 ? exit_ok : exit_undelivered;
}

// Something that runs beside a worker until it is destroyed.
class side_work : public shared_state {
 public:
  side_work() = default;
  side_work(const side_work&) = delete;
  side_work& operator=(const side_work&) = delete;
  virtual ~side_work() = default;
  // Where spans of jobs are recorded; null: nowhere.
  virtual span_list* spans() noexcept { return nullptr; }
};

// Functions that only a build with libcurl has; null in others. Files of one program may differ in that.
struct build_parts {
  // Returns an empty handle if no variable asks for it.
  shared_handle<side_work> (*begin_otlp)(worker_access& worker, logger& log) = nullptr;
  shared_handle<side_work> (*begin_webhooks)(http_endpoint& endpoint) = nullptr;
};

// As run_until_asked_to_leave(). Also sends metrics and a span for each job as the OTEL_* variables say.
template <class Worker, class Engine>
int serve_engine(Worker& runner, Engine& engine, duration grace_period, logger& log,
                 const build_parts& build) {
  watched_worker watched(runner);
  shared_handle<side_work> exporter;
  if (build.begin_otlp != nullptr) exporter = build.begin_otlp(watched, log);
  span_list* const spans = exporter ? exporter->spans() : nullptr;
  if constexpr (is_served_by_reference<Engine>) {
    engine_ref any(engine);
    traced_engine<engine_ref> traced(any, spans);
    engine_ref outer(traced);
    return detail::run_until_asked_to_leave(runner, spans == nullptr ? any : outer, grace_period, log);
  } else {
    traced_engine<Engine> traced(engine, spans);
    return detail::run_until_asked_to_leave(runner, traced, grace_period, log);
  }
}

}  // namespace coworker::inline v0_1::detail
