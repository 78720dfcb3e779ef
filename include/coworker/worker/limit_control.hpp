#pragma once
// limit_control: asks the concurrency modifier for the limit, publishes the metrics that it sees, and logs
// how the limit changes. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/job/handler.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/recorder.hpp>
#include <coworker/scale/resources.hpp>
#include <mutex>
#include <string>
#include <utility>

namespace coworker::inline v0_1::detail {

// Used on the worker's thread, except published().
class limit_control {
 public:
  limit_control(modifier_ref modifier, handler_ref handler, resource_reader* resources, logger& log) noexcept
      : modifier_(modifier), handler_(handler), resources_(resources), log_(log) {}

  // Begins a run over an engine that allows a limit of at most `most`.
  void begin(time_point now, int most) {
    most_ = most;
    recorded = metrics_recorder(now);
    low_limit_logged_ = throwing_modifier_logged_ = false;
    logged_limit_ = 0;
    next_log_at_ = (time_point::min)();
  }

  // Returns the limit from now on.
  int ask(time_point now, int limit) {
    const metrics& measured = look(now, limit);
    limit_decision decision = modifier_.decide(measured);
    if (decision.limit > most_) decision.limit = most_;
    publish(measured, decision.limit);
    if (decision.found != limit_decision::fault::none) complain(decision);
    log_change(now, decision.limit);
    return decision.limit;
  }

  // Logs a change that came too soon after the last logged one. For the end of a run.
  void log_last_change(int limit) { log_change((time_point::max)(), limit); }

  // Publishes the current figures without asking the modifier.
  void publish(time_point now, int limit) { publish(look(now, limit), limit); }

  // Returns whether publish() must be called again even if no job is in progress: what was published last
  // changes with time alone, or the latest change of the limit is not logged yet.
  bool goes_stale() const noexcept {
    return published_.limit != logged_limit_ || published_.in_progress > 0 ||
           published_.arrivals_per_second > 0 || published_.completions_per_second > 0;
  }

  // Returns what was published last. Any thread.
  metrics published() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }

  metrics_recorder recorded;

 private:
  const metrics& look(time_point now, int limit) {
    if (resources_ != nullptr) resources_->read_when_due(now, recorded.external());
    if (handler_.runs_batches()) recorded.external().batches = handler_.batches();
    return recorded.snapshot(now, limit);
  }

  void publish(const metrics& measured, int limit) {
    const std::lock_guard lock(mutex_);
    published_ = measured;
    published_.limit = limit;
  }

  // Logs at most one line a second, because a limit may change with every job.
  void log_change(time_point now, int limit) {
    if (logged_limit_ == 0) logged_limit_ = limit;  // the limit at the start of a run is no change
    if (limit == logged_limit_ || now < next_log_at_) return;
    try {
      log_.write(log_level::info,
                 "Concurrency limit " + std::to_string(logged_limit_) + " -> " + std::to_string(limit) + ".");
    } catch (const std::bad_alloc&) {  // the line is lost
    }
    logged_limit_ = limit;
    next_log_at_ = after(now, std::chrono::seconds(1));
  }

  void complain(const limit_decision& decision) {
    const bool threw = decision.found == limit_decision::fault::threw;
    bool& logged = threw ? throwing_modifier_logged_ : low_limit_logged_;
    if (!std::exchange(logged, true)) log_.write(log_level::warn, decision.problem);
  }

  const modifier_ref modifier_;
  const handler_ref handler_;
  resource_reader* resources_;
  logger& log_;
  mutable std::mutex mutex_;
  metrics published_;
  int most_ = 1;
  int logged_limit_ = 0;  // the latest limit in the log; 0: none yet
  time_point next_log_at_ = (time_point::min)();
  bool low_limit_logged_ = false;
  bool throwing_modifier_logged_ = false;
};

}  // namespace coworker::inline v0_1::detail
