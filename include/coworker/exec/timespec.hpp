#pragma once
// A moment of coworker's clock in the form that the system's waits take on Linux. Must not know who waits.

#if defined(__linux__)

#include <time.h>

#include <coworker/coro/clock.hpp>

namespace coworker::inline v0_1::detail {

// Returns `due` on CLOCK_MONOTONIC, which is the clock of clock_type; moments before its start become its start.
inline timespec monotonic_timespec(time_point due) noexcept {
  // Durations in timespec's own types, so that no cast is needed, nor one too many.
  using seconds = std::chrono::duration<time_t>;
  using nanoseconds = std::chrono::duration<long, std::nano>;
  const duration since_start = due > time_point() ? due.time_since_epoch() : duration::zero();
  const auto whole = std::chrono::duration_cast<seconds>(since_start);
  timespec moment{};
  moment.tv_sec = whole.count();
  moment.tv_nsec = std::chrono::duration_cast<nanoseconds>(since_start - whole).count();
  return moment;
}

}  // namespace coworker::inline v0_1::detail

#endif
