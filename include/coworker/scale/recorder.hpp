#pragma once
// metrics_recorder: turns what happens in a worker into metrics. The worker tells it each event and its
// moment; it reads no clock, takes no lock and allocates nothing.

#include <coworker/coro/clock.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/scale/demand.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <coworker/scale/metrics.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace coworker::inline v0_1 {

/// What a worker keeps of its own past. All calls are on the worker's executor; snapshots are values, to be
/// handed wherever they are wanted.
class metrics_recorder {
 public:
  explicit metrics_recorder(time_point start = {}) noexcept : counted_until_(start) {}

  /// A take is under way that asks for so many jobs.
  void take_sent(time_point now, std::size_t asked) { demand_.take_sent(now, asked); }

  /// The take that was sent at that moment has been answered with so many jobs of those asked for.
  void take_answered(time_point now, time_point sent, std::size_t asked, std::size_t brought) noexcept {
    const duration wait = now - sent;
    ++measured_.takes;
    if (brought >= asked) ++measured_.takes_full;
    measured_.take_wait_seconds += seconds(wait);
    demand_.take_answered(now, sent, asked, brought, round_trips());
    take_waits_.add(now, wait);
    measured_.jobs_taken += brought;
    // Those that were seen waiting have been counted when they came.
    const std::size_t counted = brought < queued_ ? brought : queued_;
    queued_ -= counted;
    if (brought > counted) arrivals_.add(now, brought - counted);
  }

  /// So many jobs are known to wait: `taken` by the worker beyond its limit, and `queued` where the queue counts
  /// them.
  void jobs_waiting(time_point now, std::size_t taken, std::size_t queued) noexcept {
    if (queued > queued_) arrivals_.add(now, queued - queued_);
    queued_ = queued;
    constexpr std::size_t most = (std::numeric_limits<int>::max)();
    measured_.jobs_waiting = static_cast<int>(taken + queued < most ? taken + queued : most);
  }

  /// What a queue counts that knows of each job when it comes; below 0: it does not.
  void jobs_arriving(double per_second) noexcept { told_arrivals_ = per_second; }

  /// So many jobs are in progress from now on.
  void in_progress(time_point now, int jobs) noexcept {
    count_until(now);
    demand_.slots_in_use(now, jobs);
    measured_.in_progress = jobs;
    if (jobs > measured_.most_in_progress) measured_.most_in_progress = jobs;
  }

  /// A handler has ended, so long after its start.
  void handler_ended(time_point now, duration ran) noexcept { handlers_.add(now, ran); }

  /// A job has ended: so long after it was taken, and after its handler ended, its outcome was delivered.
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

  /// A timer of the worker's own went off so much late.
  void timer_late(duration lag) noexcept { measured_.loop_lag_seconds = seconds(lag); }

  /// For whoever reads the process's resources or a probe: their fields may be written at any time.
  metrics& external() noexcept { return measured_; }

  /// The figures at this moment. The latency summaries are up to a tenth of a second old.
  const metrics& snapshot(time_point now, int limit) noexcept {
    count_until(now);
    measured_.now = now;
    measured_.limit = limit;
    measured_.arrivals_per_second = told_arrivals_ >= 0 ? told_arrivals_ : arrivals_.per_second(now);
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
  std::size_t queued_ = 0;  // seen in the queue, and counted as arrived
  rate_meter arrivals_;
  double told_arrivals_ = -1;
  rate_meter completions_;
  latency_histogram handlers_;
  latency_histogram deliveries_;
  latency_histogram take_waits_;
  time_point counted_until_;
  time_point summarise_at_ = (time_point::min)();
};

}  // namespace coworker::inline v0_1
