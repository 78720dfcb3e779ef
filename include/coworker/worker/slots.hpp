#pragma once
// How many jobs a worker has in which state, and so how many it may ask for. Counts only.

#include <limits>

namespace coworker::detail {

struct job_slots {
  int limit = 1;       // jobs that may have slots
  int waiting = 0;     // taken, and without a slot yet
  int running = 0;     // handlers
  int delivering = 0;  // outcomes being handed back
  int requested = 0;   // jobs that takes under way may bring
  int takes = 0;       // under way

  int in_progress() const noexcept { return running + delivering + waiting; }

  int in_use(bool overlap_delivery) const noexcept {
    if (!overlap_delivery) return running + delivering;
    return delivering > limit ? running + delivering - limit : running;
  }

  // How many jobs may be asked for.
  int capacity(bool overlap_delivery, bool prefetch) const noexcept {
    const int places = prefetch ? saturated_double(limit) : limit;
    return places - in_use(overlap_delivery) - waiting - requested;
  }

 private:
  static int saturated_double(int value) noexcept {
    return value > std::numeric_limits<int>::max() / 2 ? std::numeric_limits<int>::max() : value * 2;
  }
};

}  // namespace coworker::detail
