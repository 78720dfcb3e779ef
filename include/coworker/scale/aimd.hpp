#pragma once
// aimd: a modifier with additive increase and multiplicative decrease, as in TCP. Must not know the worker.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1 {

/// Raises the limit by one after a window without trouble; multiplies it by `backoff` after a window in which
/// a job failed or jobs took too long: L + 1, or floor(backoff x L). Grows only while at least half of the
/// limit is in use. It finds the highest limit that does no harm, not the best one: `too_slow` defines harm.
/// Source: Chiu and Jain 1989; form and defaults as AIMDLimit in Netflix's concurrency-limits, but per window
/// instead of per request.
struct aimd {
  int min = 1;                                  ///< the lowest limit; 1 or more. Default: 1
  int max = 200;                                ///< the highest limit; `min` or more. Default: 200
  double backoff = 0.9;                         ///< factor of a decrease; above 0, below 1. Default: 0.9
  duration too_slow = std::chrono::seconds(5);  ///< a higher mean job time is harm. Default: 5 s
  int window = 10;  ///< jobs that end between two decisions; 1 or more. Default: 10
  metrics from{};   ///< internal: the metrics at the start of the window

  int operator()(int current, const metrics& measured) noexcept {
    if (measured.jobs_ended() < from.jobs_ended()) from = {};  // the worker has started again
    const throughput_sample seen(from, measured);
    if (seen.jobs < window || seen.empty()) return bounded(current);
    const bool failures = measured.jobs_failed > from.jobs_failed;
    const double limit_seconds = std::chrono::duration<double>(too_slow).count();
    from = measured;
    if (failures || seen.mean_seconds() > limit_seconds) return bounded(static_cast<int>(current * backoff));
    return bounded(2 * seen.in_progress() >= current && current < max ? current + 1 : current);
  }

 private:
  int bounded(int limit) const noexcept { return detail::within(limit, min, max); }
};
static_assert(concurrency_modifier<aimd>);

}  // namespace coworker::inline v0_1
