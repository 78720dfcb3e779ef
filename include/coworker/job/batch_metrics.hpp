#pragma once
// Counts and sums of jobs that run together in batches, and the concept of a handler that reports them. Must
// not know who collects them.

#include <concepts>
#include <cstdint>

namespace coworker::inline v0_1 {

/// Counts and sums of batches since the start. They never decrease.
struct batch_metrics {
  std::uint64_t batches = 0;  ///< number of batches that were started
  std::uint64_t jobs = 0;     ///< number of jobs in them: `jobs / batches` is the mean batch size
  double wait_seconds = 0;    ///< time from a job's arrival to the start of its batch, summed over all jobs
  double run_seconds = 0;     ///< time from a batch's start to its end, summed over all ended batches
};

/// A handler that runs jobs in batches and reports their metrics. A worker shows them in metrics::batches. A
/// wrapper around another handler forwards them, as with preparing_handler:
///
///     batch_metrics batches() const requires batching_handler<Handler> { return handler_.batches(); }
template <class Handler>
concept batching_handler = requires(const Handler& handler) {
  { handler.batches() } -> std::same_as<batch_metrics>;
};

}  // namespace coworker::inline v0_1
