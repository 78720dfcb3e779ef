#pragma once
// The mode of the platform's queue. Needs libcurl. Must not know arguments.

#include <coworker/coro/clock.hpp>
#include <coworker/log.hpp>
#include <coworker/start/run_engine.hpp>
#include <coworker/transport/runpod/engine.hpp>
#include <coworker/transport/runpod/environment.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/worker/options.hpp>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

// Hides the secrets in the settings from the log; call it before anything is logged.
inline runpod_options read_runpod_options(const options& settings, duration ready_delay, logger& log) {
  runpod_options found = coworker::runpod_options_from_environment();
  log.hide(found.api_key);
  for (const std::string* const url :
       {&found.urls.take, &found.urls.done, &found.urls.stream, &found.urls.ping})
    log.hide_password_of(*url);
  found.delivery_deadline = settings.delivery_deadline;
  found.leave_within = settings.grace_period;
  found.spool_folder = settings.spool_folder;
  found.magic_members = settings.magic_members;
  if (settings.output_limit != 0) found.output_limit = settings.output_limit;
  found.ready_delay = ready_delay;
  return found;
}

template <class Worker>
int run_runpod_mode(Worker& runner, runpod_options wanted, duration grace_period, logger& log,
                    const build_parts& build) {
  runpod_engine engine(std::move(wanted), log);
  return detail::serve_engine(runner, engine, grace_period, log, build);
}

}  // namespace coworker::inline v0_1::detail
