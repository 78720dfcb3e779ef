#pragma once
// The library's clock and units of time, in nanoseconds.
// Must not know who reads the clock.

// libstdc++'s <chrono> brings calendars and the stream classes to print them: a tenth of the compile time of
// all of coworker. Its <mutex> brings the durations and clocks without them.
#include <version>
#ifdef __GLIBCXX__
#include <mutex>
#else
#include <chrono>
#endif

namespace coworker::inline v0_1 {

/// The monotonic clock that every deadline and wait is measured with. Unit: nanoseconds.
using clock_type = std::chrono::steady_clock;
/// A moment of clock_type. A simulated executor counts from its own zero.
using time_point = clock_type::time_point;
/// A span of time, in nanoseconds; other std::chrono durations convert to it.
using duration = clock_type::duration;

namespace detail {

// Returns the moment `span` after `start`, or time_point::max(), which never comes, if that is beyond the
// range of the clock.
inline time_point after(time_point start, duration span) noexcept {
  const bool beyond = span > duration::zero() && start > (time_point::max)() - span;
  return beyond ? (time_point::max)() : start + span;
}

}  // namespace detail
}  // namespace coworker
