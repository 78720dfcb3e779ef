#pragma once
// What is measured of jobs that are run together, and how a handler tells it. Must not know who gathers them.

#include <concepts>
#include <cstdint>

namespace coworker::inline v0_1 {

/// Counts and sums of batches since the start; they never fall.
struct batch_metrics {
  std::uint64_t batches = 0;  ///< that were started
  std::uint64_t jobs = 0;     ///< in them: `jobs / batches` is the mean size
  double wait_seconds = 0;    ///< from a job's arrival to its batch's start, summed over all jobs
  double run_seconds = 0;     ///< from a batch's start to its end, summed over all that have ended
};

/// A handler that runs jobs in batches, and tells how: a worker shows it in metrics::batches. A wrapper around another
/// handler passes it on, as with preparing_handler:
///
///     batch_metrics batches() const requires batching_handler<Handler> { return handler_.batches(); }
template <class Handler>
concept batching_handler = requires(const Handler& handler) {
  { handler.batches() } -> std::same_as<batch_metrics>;
};

}  // namespace coworker
