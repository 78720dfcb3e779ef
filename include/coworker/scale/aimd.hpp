#pragma once
// aimd: additive increase, multiplicative decrease, as TCP does it.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/modifier.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1 {

/// One more after each window that went well, a share fewer after one in which a job failed or jobs took too
/// long: L + 1, or floor(backoff x L). It grows only while at least half of the limit is in use. It does not
/// look for the best limit but for the highest that does no harm: say what harm is in `too_slow`.
/// Source: Chiu and Jain 1989; form and defaults as AIMDLimit in Netflix's concurrency-limits, per window
/// instead of per request.
struct aimd {
  int min = 1;                                  ///< the lowest limit; 1 or more, default 1
  int max = 200;                                ///< the highest; `min` or more, default 200
  double backoff = 0.9;                         ///< what is left of the limit; above 0, below 1, default 0.9
  duration too_slow = std::chrono::seconds(5);  ///< a mean job time above this is harm; default 5 s
  int window = 10;                              ///< jobs ended between two decisions; 1 or more, default 10
  metrics from{};                               ///< its own: when the window began

  int operator()(int current, const metrics& measured) noexcept {
    if (measured.jobs_ended() < from.jobs_ended()) from = {};  // the worker has started anew
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

}  // namespace coworker
