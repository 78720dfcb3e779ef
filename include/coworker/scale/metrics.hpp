#pragma once
// The measurements of a worker, which concurrency modifiers read, and a counter of events per second. Must
// not know what is done with them.

#include <array>
#include <coworker/coro/clock.hpp>
#include <coworker/job/batch_metrics.hpp>
#include <coworker/scale/demand.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace coworker::inline v0_1 {

/// A snapshot of a worker's measurements, for concurrency modifiers. Counts and sums are since the worker's
/// start and never decrease, so the difference of two snapshots describes what happened between them, however
/// far apart they are.
struct metrics {
  time_point now{};              ///< time of the snapshot, by the worker's executor; modifiers read no clock
  int limit = 1;                 ///< how many jobs may have a slot at once
  int in_progress = 0;           ///< number of jobs taken whose outcome the queue does not have yet, or whose
                                 ///< handler was given up and still runs
  int most_in_progress = 0;      ///< the highest in_progress since the start
  std::uint64_t jobs_taken = 0;  ///< number of jobs that the queue has handed over
  std::uint64_t jobs_succeeded = 0;  ///< number of jobs whose outcome is an output
  std::uint64_t jobs_failed = 0;     ///< number of jobs whose outcome is an error
  std::uint64_t jobs_stopped = 0;    ///< number of jobs that ended because they were stopped

  // The load. A modifier that follows the load uses `demand`.
  /// Whether jobs wait for slots or slots for jobs. Most queues do not say how many jobs they hold, so this
  /// is derived from how takes return: full and at once, or held until jobs come.
  demand_level demand = demand_level::steady;
  /// Number of jobs known to wait for a slot: those taken beyond a limit that has since fallen and, if the
  /// queue counts its jobs (an HTTP endpoint, a local file, a queue in memory), those in the queue.
  int jobs_waiting = 0;
  /// Number of slots that were empty because no job came, on average over the last half second.
  double slots_waiting = 0;
  /// Jobs offered in the last second, as far as that is known: those taken and, if the queue counts its jobs,
  /// the growth of their number. At an HTTP endpoint: every request for a job, counted when it comes, even if
  /// it is refused because too many wait. Note: from any other queue a worker takes no more than it has slots
  /// for, so while `demand` is high this is the worker's own throughput, and does not include the jobs that
  /// wait.
  double arrivals_per_second = 0;
  double completions_per_second = 0;  ///< outcomes delivered in the last second

  // Times of jobs, from being taken until the queue has their outcome.
  double job_seconds = 0;          ///< sum over all ended jobs
  double job_seconds_squared = 0;  ///< sum of the squares, from which the spread is computed
  double in_progress_seconds = 0;  ///< integral of in_progress over time: two jobs for 3 s add 6
  latency_summary handler;         ///< recent times from a handler's start to its end
  latency_summary delivery;        ///< recent times from a handler's end until the queue has the outcome

  // Takes: the requests for jobs.
  std::uint64_t takes = 0;       ///< number of takes that have returned
  std::uint64_t takes_full = 0;  ///< number of those that brought as many jobs as they asked for
  double take_wait_seconds = 0;  ///< sum over all takes; grows as fast as time while the queue is empty
  latency_summary take_wait;     ///< recent times of takes; the minimum is the round trip to the queue

  batch_metrics batches;  ///< of a handler that runs jobs together, such as batched()

  double loop_lag_seconds = 0;  ///< by how much the event loop's last timer was late

  // Resources of the process. The limits are those of its control group, else the
  // machine's. Read periodically.
  time_point resources_at{};         ///< time of the last reading; before the first, the fields
                                     ///< below are zero
  double cpu_seconds = 0;            ///< processor time used since the process began
  double cpu_load = 0;               ///< between the last two readings, as a share of `cpus`: 0 to 1
  double cpus = 0;                   ///< number of processors that the process may use; may be fractional
  std::uint64_t resident_bytes = 0;  ///< memory of this process
  std::uint64_t peak_resident_bytes = 0;  ///< highest memory of this process since it began
  std::uint64_t memory_used_bytes = 0;    ///< memory that counts against the limit, of other processes too
  std::uint64_t memory_limit_bytes = 0;   ///< 0: unknown

  // From the user's GPU probe, if there is one.
  bool gpu_probed = false;                   ///< whether there is a probe that has been called
  double gpu_load = 0;                       ///< 0 to 1
  std::uint64_t gpu_memory_used_bytes = 0;   ///< memory in use on the GPU
  std::uint64_t gpu_memory_limit_bytes = 0;  ///< 0: unknown

  std::uint64_t jobs_ended() const noexcept { return jobs_succeeded + jobs_failed + jobs_stopped; }
};

/// Counts events over the last second, in slices of a tenth of a second. Callers pass the time; it
/// reads no clock.
class rate_meter {
 public:
  void add(time_point now, std::uint64_t events = 1) noexcept {
    advance(now);
    slices_[index(current_)] += events;
    sum_ += events;
  }

  /// Returns the number of events in the second before `now`, accurate to the oldest slice.
  double per_second(time_point now) noexcept {
    advance(now);
    return static_cast<double>(sum_);
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
      sum_ = 0;
      current_ = reached;
    }
    while (current_ < reached) sum_ -= std::exchange(slices_[index(++current_)], 0U);
  }

  std::array<std::uint64_t, slice_count> slices_{};
  std::uint64_t sum_ = 0;  // of all slices
  std::int64_t current_ = 0;
};

}  // namespace coworker::inline v0_1
