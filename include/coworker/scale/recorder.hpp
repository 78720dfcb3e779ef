#pragma once
// metrics_recorder: computes metrics from the events in a worker. The worker passes each event with its time.
// Must not read a clock, take a lock or allocate.

#include <coworker/coro/clock.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/scale/demand.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <coworker/scale/metrics.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace coworker::inline v0_1 {

/// Records the events of a worker. All calls are made on the worker's executor; snapshots are values, which
/// may be passed anywhere.
class metrics_recorder {
 public:
  explicit metrics_recorder(time_point start = {}) noexcept : counted_until_(start) {}

  /// A take was sent that asks for `asked` jobs.
  void take_sent(time_point now, std::size_t asked) { demand_.take_sent(now, asked); }

  /// The take that was sent at `sent` has returned with `brought` of the `asked` jobs.
  void take_answered(time_point now, time_point sent, std::size_t asked, std::size_t brought) noexcept {
    const duration wait = now - sent;
    ++measured_.takes;
    if (brought >= asked) ++measured_.takes_full;
    measured_.take_wait_seconds += seconds(wait);
    demand_.take_answered(now, sent, asked, brought, round_trips());
    take_waits_.add(now, wait);
    measured_.jobs_taken += brought;
    // Jobs that were seen waiting in the queue were counted when they came.
    const std::size_t counted = brought < queued_ ? brought : queued_;
    queued_ -= counted;
    if (brought > counted) arrivals_.add(now, brought - counted);
  }

  /// So many jobs are known to wait: `taken` by the worker beyond its limit, and `queued` in the queue, if
  /// it counts them.
  void jobs_waiting(time_point now, std::size_t taken, std::size_t queued) noexcept {
    if (queued > queued_) arrivals_.add(now, queued - queued_);
    queued_ = queued;
    constexpr std::size_t most = (std::numeric_limits<int>::max)();
    measured_.jobs_waiting = static_cast<int>(taken + queued < most ? taken + queued : most);
  }

  /// Sets the arrival rate that the queue measured, in jobs a second; below 0: the queue does not measure it.
  void jobs_arriving(double per_second) noexcept { queue_arrivals_ = per_second; }

  /// `jobs` jobs are in progress from now on.
  void in_progress(time_point now, int jobs) noexcept {
    count_until(now);
    demand_.slots_in_use(now, jobs);
    measured_.in_progress = jobs;
    if (jobs > measured_.most_in_progress) measured_.most_in_progress = jobs;
  }

  /// A handler has ended that ran for `ran`.
  void handler_ended(time_point now, duration ran) noexcept { handlers_.add(now, ran); }

  /// A job's outcome was delivered: `since_taken` after the job was taken, `delivering` after
  /// its handler ended.
  void job_ended(time_point now, outcome_status ended, duration since_taken, duration delivering) noexcept {
    switch (ended) {
      case outcome_status::succeeded:
        ++measured_.jobs_succeeded;
        break;
      case outcome_status::failed:
        ++measured_.jobs_failed;
        break;
      case outcome_status::stopped:
        ++measured_.jobs_stopped;
        break;
    }
    const double took = seconds(since_taken);
    measured_.job_seconds += took;
    measured_.job_seconds_squared += took * took;
    completions_.add(now);
    deliveries_.add(now, delivering);
  }

  /// A timer of the worker fired late by `lag`.
  void timer_late(duration lag) noexcept { measured_.loop_lag_seconds = seconds(lag); }

  /// Returns the metrics, for code that reads the process's resources or a probe: it may write their fields
  /// at any time.
  metrics& external() noexcept { return measured_; }

  /// Returns the metrics at this time. The latency summaries are up to a tenth of a second old.
  const metrics& snapshot(time_point now, int limit) noexcept {
    count_until(now);
    measured_.now = now;
    measured_.limit = limit;
    measured_.arrivals_per_second = queue_arrivals_ >= 0 ? queue_arrivals_ : arrivals_.per_second(now);
    measured_.completions_per_second = completions_.per_second(now);
    measured_.slots_waiting = demand_.slots_waiting(now, limit, round_trips());
    measured_.demand = demand_.level(measured_.slots_waiting, measured_.jobs_waiting);
    if (now >= summarise_at_) {
      summarise_at_ = now + std::chrono::milliseconds(100);
      handlers_.update(measured_.handler);
      deliveries_.update(measured_.delivery);
      take_waits_.update(measured_.take_wait);
    }
    return measured_;
  }

 private:
  detail::demand_meter::round_trips round_trips() const noexcept {
    return {take_waits_.shortest(), deliveries_.shortest()};
  }

  static double seconds(duration span) noexcept { return std::chrono::duration<double>(span).count(); }

  void count_until(time_point now) noexcept {
    if (now <= counted_until_) return;
    measured_.in_progress_seconds += measured_.in_progress * seconds(now - counted_until_);
    counted_until_ = now;
  }

  metrics measured_;
  detail::demand_meter demand_;
  std::size_t queued_ = 0;  // number of jobs seen in the queue and counted as arrived
  rate_meter arrivals_;
  double queue_arrivals_ = -1;
  rate_meter completions_;
  latency_histogram handlers_;
  latency_histogram deliveries_;
  latency_histogram take_waits_;
  time_point counted_until_;
  time_point summarise_at_ = (time_point::min)();
};

}  // namespace coworker::inline v0_1
