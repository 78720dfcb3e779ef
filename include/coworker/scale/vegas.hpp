#pragma once
// vegas: estimates how many jobs wait inside the machine, and keeps them few.

#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1 {

/// Takes the shortest mean job time seen in a window for that of an unloaded machine, so that the jobs that
/// wait are q = ceil(L (1 - unloaded / now)), and with l = max(1, floor(log10 L)) sets
///
///     L + 6 l   while q <= l        L + l   while q < 3 l
///     L - l     while q > 6 l, or where a job failed
///
/// It holds while less than half of the limit is in use. Blind to what happens below about six jobs at once,
/// where it cannot stay: for one GPU that does one thing at a time use hill_climb.
/// Source: Brakmo and Peterson 1994 (TCP Vegas); form and defaults as VegasLimit in Netflix's
/// concurrency-limits, per window instead of per request, and without its random spread of the moments at
/// which the unloaded time is taken afresh.
struct vegas {
  int min = 1;            ///< the lowest limit; 1 or more, default 1
  int max = 1000;         ///< the highest; `min` or more, default 1000
  int window = 10;        ///< jobs ended between two decisions; 1 or more, default 10
  int forget_after = 30;  ///< the unloaded time is taken afresh after so many jobs for each slot; default 30
  double unloaded_seconds = 0;  ///< its own: 0 is not known
  double jobs_since = 0;        ///< its own: since the unloaded time was last taken afresh
  metrics from{};               ///< its own: when the window began

  int operator()(int current, const metrics& measured) noexcept {
    if (measured.jobs_ended() < from.jobs_ended()) from = {};  // the worker has started anew
    const throughput_sample seen(from, measured);
    if (seen.jobs < window || seen.empty()) return bounded(current);
    const bool failures = measured.jobs_failed > from.jobs_failed;
    from = measured;
    jobs_since += seen.jobs;
    const double now = seen.mean_seconds();
    const bool afresh = jobs_since > static_cast<double>(forget_after) * current;
    if (unloaded_seconds <= 0 || now < unloaded_seconds || afresh) {
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
  // max(1, floor(log10 limit))
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

}  // namespace coworker
