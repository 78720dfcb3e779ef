#pragma once
// vegas: a modifier that estimates how many jobs wait inside the machine, and keeps them few. Must not
// know the worker.

#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1 {

/// Takes the shortest mean job time of a window as that of an unloaded machine, so that the number of jobs
/// that wait is q = ceil(L (1 - unloaded / now)). With l = max(1, floor(log10 L)) it sets
///
///     L + 6 l   while q <= l        L + l   while q < 3 l
///     L - l     while q > 6 l, or if a job failed
///
/// It keeps the limit while less than half of it is in use. It cannot see what happens below about six jobs
/// at once, and cannot settle there: for one GPU that does one thing at a time use hill_climb.
/// Source: Brakmo and Peterson 1994 (TCP Vegas); form and defaults as VegasLimit in Netflix's
/// concurrency-limits, but per window instead of per request, and without randomly spread times at which the
/// unloaded time is measured again.
struct vegas {
  int min = 1;            ///< the lowest limit; 1 or more. Default: 1
  int max = 1000;         ///< the highest limit; `min` or more. Default: 1000
  int window = 10;        ///< jobs that end between two decisions; 1 or more. Default: 10
  int forget_after = 30;  ///< jobs per slot after which the unloaded time is measured again. Default: 30
  double unloaded_seconds = 0;  ///< internal; 0: unknown
  double jobs_since = 0;        ///< internal: number of jobs since the unloaded time was last measured
  metrics from{};               ///< internal: the metrics at the start of the window

  int operator()(int current, const metrics& measured) noexcept {
    if (measured.jobs_ended() < from.jobs_ended()) from = {};  // the worker has started again
    const throughput_sample seen(from, measured);
    if (seen.jobs < window || seen.empty()) return bounded(current);
    const bool failures = measured.jobs_failed > from.jobs_failed;
    from = measured;
    jobs_since += seen.jobs;
    const double now = seen.mean_seconds();
    const bool outdated = jobs_since > static_cast<double>(forget_after) * current;
    if (unloaded_seconds <= 0 || now < unloaded_seconds || outdated) {
      unloaded_seconds = now;
      jobs_since = 0;
    }
    const int step = digits_less_one(current);
    if (failures) return bounded(current - step);
    if (2 * seen.in_progress() < current) return bounded(current);
    const int waiting = rounded_up(current * (1 - unloaded_seconds / now));
    if (waiting <= step) return bounded(up(current, 6 * step));
    if (waiting < 3 * step) return bounded(up(current, step));
    return bounded(waiting > 6 * step ? current - step : current);
  }

 private:
  // Returns max(1, floor(log10 limit)).
  static int digits_less_one(int limit) noexcept {
    int digits = 0;
    while (limit /= 10) ++digits;
    return digits > 1 ? digits : 1;
  }
  static int rounded_up(double jobs) noexcept {
    const int whole = static_cast<int>(jobs);
    return whole < jobs ? whole + 1 : whole;
  }
  int up(int current, int by) const noexcept { return current > max - by ? max : current + by; }
  int bounded(int limit) const noexcept { return detail::within(limit, min, max); }
};
static_assert(concurrency_modifier<vegas>);

}  // namespace coworker::inline v0_1
