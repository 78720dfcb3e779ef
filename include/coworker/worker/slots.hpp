#pragma once
// job_slots: counts a worker's jobs by state, and so how many more it may ask for. Must not know the jobs.

#include <cstdint>
#include <limits>

namespace coworker::inline v0_1::detail {

struct job_slots {
  int limit = 1;       // jobs that may have slots
  int waiting = 0;     // jobs taken that have no slot yet
  int running = 0;     // handlers that run
  int delivering = 0;  // outcomes being delivered
  int stuck = 0;       // handlers that still run although their jobs have ended
  int requested = 0;   // jobs that current takes may bring
  int takes = 0;       // takes in flight

  int in_progress() const noexcept { return running + delivering + stuck + waiting; }

  int in_use(bool overlap_delivery) const noexcept {
    const int handlers = running + stuck;
    if (!overlap_delivery) return handlers + delivering;
    return delivering > limit ? handlers + delivering - limit : handlers;
  }

  // How many jobs may be asked for. Computed in 64 bits: if the limit fell from the largest int to 1 while
  // takes for the old limit are in flight, the difference does not fit into an int.
  int capacity(bool overlap_delivery, bool prefetch) const noexcept {
    const std::int64_t most = (std::numeric_limits<int>::max)();
    const std::int64_t wanted = std::int64_t{limit} * (prefetch ? 2 : 1);
    const std::int64_t places = wanted < most ? wanted : most;
    const std::int64_t free = places - in_use(overlap_delivery) - waiting - requested;
    return free > 0 ? static_cast<int>(free) : 0;
  }
};

}  // namespace coworker::inline v0_1::detail
