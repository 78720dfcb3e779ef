#pragma once
// How many jobs a worker may run: the modifier, what it is shown, and what is told of its answers. Must not
// know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/recorder.hpp>
#include <coworker/scale/resources.hpp>
#include <mutex>
#include <utility>

namespace coworker::detail {

// Used on the worker's thread, but for published().
template <class Modifier>
class limit_control {
 public:
  limit_control(Modifier modifier, resource_reader* resources, logger& log)
      : modifier_(std::move(modifier)), resources_(resources), log_(log) {}

  // A run begins.
  void begin(time_point now) {
    recorded = metrics_recorder(now);
    low_limit_logged_ = throwing_modifier_logged_ = false;
  }

  // The limit from now on.
  int ask(time_point now, int limit) {
    if (resources_ != nullptr) resources_->read_when_due(now, recorded.external());
    const metrics& measured = recorded.snapshot(now, limit);
    const limit_decision decision = decide_limit(modifier_, measured);
    {
      const std::lock_guard lock(mutex_);
      published_ = measured;
      published_.limit = decision.limit;
    }
    if (decision.found != limit_decision::fault::none) complain(decision);
    return decision.limit;
  }

  // What the modifier was last shown. Any thread.
  metrics published() const {
    const std::lock_guard lock(mutex_);
    return published_;
  }

  metrics_recorder recorded;

 private:
  void complain(const limit_decision& decision) {
    const bool threw = decision.found == limit_decision::fault::threw;
    bool& logged = threw ? throwing_modifier_logged_ : low_limit_logged_;
    if (!std::exchange(logged, true)) log_.warn(decision.problem);
  }

  Modifier modifier_;
  resource_reader* resources_;
  logger& log_;
  mutable std::mutex mutex_;
  metrics published_;
  bool low_limit_logged_ = false;
  bool throwing_modifier_logged_ = false;
};

}  // namespace coworker::detail
