#pragma once
// The library's clock and units of time.

// libstdc++'s <chrono> brings calendars and the stream classes to print them, which would be a tenth of all
// that including coworker costs. Its <mutex> brings the durations and clocks without them.
#include <version>
#ifdef __GLIBCXX__
#include <mutex>
#else
#include <chrono>
#endif

namespace coworker::inline v0_1 {

/// Monotonic, in nanoseconds. A simulated executor counts the same units from its own zero.
using clock_type = std::chrono::steady_clock;
using time_point = clock_type::time_point;
using duration = clock_type::duration;

namespace detail {

// The moment `span` after `start`; where that is beyond the clock, time_point::max(), which never comes.
inline time_point after(time_point start, duration span) noexcept {
  const bool beyond = span > duration::zero() && start > (time_point::max)() - span;
  return beyond ? (time_point::max)() : start + span;
}

}  // namespace detail
}  // namespace coworker
