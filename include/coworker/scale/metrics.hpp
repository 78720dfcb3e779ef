#pragma once
// What a worker measures of itself, and how it counts events per second. Must not know what is done with the
// figures.

#include <array>
#include <coworker/coro/clock.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/scale/demand.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <cstddef>
#include <cstdint>

namespace coworker::inline v0_1 {

/// A snapshot for concurrency modifiers that ask for one. Counts and sums are since the worker's start and
/// never fall, so that the difference of two snapshots says what happened between them, however far apart
/// they are.
struct metrics {
  time_point now{};     ///< when the snapshot was made, by the worker's executor: modifiers read no clock
  int limit = 1;        ///< jobs that may be in progress at once
  int in_progress = 0;  ///< jobs taken whose outcome the queue does not have yet
  int most_in_progress = 0;  ///< at once, since the start
  std::uint64_t jobs_taken = 0;
  std::uint64_t jobs_succeeded = 0;
  std::uint64_t jobs_failed = 0;
  std::uint64_t jobs_stopped = 0;

  // What there is to do. A modifier that follows the load goes by `demand`.
  /// Whether jobs wait for slots or slots for jobs. A queue that is asked for jobs does not tell how many it has;
  /// what tells is whether takes come back full and at once, or are held until jobs come.
  demand_level demand = demand_level::steady;
  /// Jobs known to wait for a slot: those taken beyond a limit that has fallen, and, where the queue counts what it
  /// has (an HTTP endpoint, a local file, a queue in memory), those in it.
  int jobs_waiting = 0;
  /// Slots that stood empty because no job came, on average over the last half second.
  double slots_waiting = 0;
  /// Jobs offered in the last second, as far as they can be known: those taken, and, where the queue counts what it
  /// has, the growth of that; at an HTTP endpoint every request for a job, when it comes, also one that is refused as too
  /// many wait. Trap: from any other queue a worker takes no more than it has slots for, so while
  /// `demand` is high this is its own throughput, and the jobs that wait behind that do not show in it.
  double arrivals_per_second = 0;
  double completions_per_second = 0;  ///< outcomes delivered in the last second

  // Jobs from the moment they are taken until the queue has their outcome.
  double job_seconds = 0;          ///< the sum over all ended jobs
  double job_seconds_squared = 0;  ///< the sum of the squares, for their spread
  double in_progress_seconds = 0;  ///< the integral of in_progress over time: two jobs for 3 s make 6
  latency_summary handler;         ///< of the recent past: from a handler's start to its end
  latency_summary delivery;        ///< of the recent past: from there until the queue has the outcome

  // Asking the queue.
  std::uint64_t takes = 0;       ///< answered
  std::uint64_t takes_full = 0;  ///< those that brought as many jobs as were asked for
  double take_wait_seconds = 0;  ///< the sum over all takes; grows as fast as time while the queue is empty
  latency_summary take_wait;     ///< of the recent past; the minimum is the way to the queue and back

  batch_metrics batches;  ///< of a handler that runs jobs together, such as batched()

  double loop_lag_seconds = 0;  ///< how late the event loop's last timer was

  // Of the process, and of what it may use: its control group's limits, else the machine's. Read now and
  // then.
  time_point resources_at{};         ///< when; the following are zero before the first time
  double cpu_seconds = 0;            ///< processor time used since the process began
  double cpu_load = 0;               ///< between the last two readings, as a share of `cpus`: 0 to 1
  double cpus = 0;                   ///< how many processors the process may keep busy; may be fractional
  std::uint64_t resident_bytes = 0;  ///< this process's own
  std::uint64_t peak_resident_bytes = 0;  ///< the most it has ever been
  std::uint64_t memory_used_bytes = 0;    ///< what counts against the limit, other processes' included
  std::uint64_t memory_limit_bytes = 0;   ///< 0: not known

  // From the user's probe, where there is one.
  bool gpu_probed = false;  ///< whether there is one, and it has been asked
  double gpu_load = 0;      ///< 0 to 1
  std::uint64_t gpu_memory_used_bytes = 0;
  std::uint64_t gpu_memory_limit_bytes = 0;  ///< 0: not known

  std::uint64_t jobs_ended() const noexcept { return jobs_succeeded + jobs_failed + jobs_stopped; }
};

/// Counts events over the last second, in slices of a tenth. Time is given to it, never read.
class rate_meter {
 public:
  void add(time_point now, std::uint64_t events = 1) noexcept {
    advance(now);
    slices_[index(current_)] += events;
  }

  /// Events in the second before `now`, to within the slice that is just leaving it.
  double per_second(time_point now) noexcept {
    advance(now);
    std::uint64_t sum = 0;
    for (const std::uint64_t events : slices_) sum += events;
    return static_cast<double>(sum);
  }

 private:
  static constexpr duration slice = std::chrono::milliseconds(100);
  static constexpr std::int64_t slice_count = 10;

  static std::size_t index(std::int64_t slice_number) noexcept {
    return static_cast<std::size_t>(slice_number % slice_count);
  }

  void advance(time_point now) noexcept {
    const std::int64_t reached = now.time_since_epoch() / slice;
    if (reached - current_ >= slice_count) {
      slices_.fill(0);
      current_ = reached;
    }
    while (current_ < reached) slices_[index(++current_)] = 0;
  }

  std::array<std::uint64_t, slice_count> slices_{};
  std::int64_t current_ = 0;
};

}  // namespace coworker::inline v0_1
