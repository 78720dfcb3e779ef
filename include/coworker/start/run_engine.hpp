#pragma once
// What every mode shares: signals, the drain, the summary, the exit status. Must not know any engine.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/json/decimal.hpp>
#include <coworker/log.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/termination.hpp>
#include <coworker/worker.hpp>
#include <string>

namespace coworker::detail {

inline std::string summary_line(const worker_summary& summary) {
  const double elapsed = std::chrono::duration<double>(summary.elapsed).count();
  return std::to_string(summary.jobs) + (summary.jobs == 1 ? " job, " : " jobs, ") +
         std::to_string(summary.failed + summary.stopped) + " failed, " +
         detail::decimal_text(elapsed, std::chars_format::fixed, 2) + " s, highest concurrency " +
         std::to_string(summary.highest_in_progress) + ".";
}

// Serves the engine until it is closed or a signal asks the process to leave, and the worker has drained.
template <class Worker, class Engine>
worker_summary run_engine(Worker& runner, Engine& engine, logger& log) {
  const termination_watch watch([&runner, &log] {
    runner.stop();
    log.info(
        "Asked to leave: no more jobs are taken, those in progress are finished. A second signal leaves at "
        "once.");
  });
  return runner.run(engine);
}

// The same for an engine that serves until it is told to leave.
template <class Worker, class Engine>
int serve_engine(Worker& runner, Engine& engine, logger& log) {
  const worker_summary summary = detail::run_engine(runner, engine, log);
  log.info("Drained: " + std::to_string(summary.jobs) + " jobs taken, " + std::to_string(summary.failed) +
           " failed, " + std::to_string(summary.stopped) + " stopped, " +
           std::to_string(summary.undelivered) + " not delivered, highest concurrency " +
           std::to_string(summary.highest_in_progress) + ".");
  return summary.undelivered == 0 ? exit_ok : exit_undelivered;
}

}  // namespace coworker::detail
