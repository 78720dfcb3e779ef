#pragma once
// How many jobs a worker has in which state, and so how many it may ask for. Counts only.

#include <cstdint>
#include <limits>

namespace coworker::inline v0_1::detail {

struct job_slots {
  int limit = 1;       // jobs that may have slots
  int waiting = 0;     // taken, and without a slot yet
  int running = 0;     // handlers
  int delivering = 0;  // outcomes being handed back
  int stuck = 0;       // handlers that go on though their jobs have ended
  int requested = 0;   // jobs that takes under way may bring
  int takes = 0;       // under way

  int in_progress() const noexcept { return running + delivering + stuck + waiting; }

  int in_use(bool overlap_delivery) const noexcept {
    const int handlers = running + stuck;
    if (!overlap_delivery) return handlers + delivering;
    return delivering > limit ? handlers + delivering - limit : handlers;
  }

  // How many jobs may be asked for. A limit may have fallen from the largest int to 1, and what was asked for
  // then is still on its way: what is lacking may be more than an int can say.
  int capacity(bool overlap_delivery, bool prefetch) const noexcept {
    const std::int64_t most = (std::numeric_limits<int>::max)();
    const std::int64_t wanted = std::int64_t{limit} * (prefetch ? 2 : 1);
    const std::int64_t places = wanted < most ? wanted : most;
    const std::int64_t free = places - in_use(overlap_delivery) - waiting - requested;
    return free > 0 ? static_cast<int>(free) : 0;
  }
};

}  // namespace coworker::detail
