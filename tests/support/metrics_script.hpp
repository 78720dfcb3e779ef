#pragma once
// Metrics as a worker would report them, composed step by step, for tests of a modifier alone.

#include <chrono>
#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <cstdint>

namespace coworker::testing {

struct metrics_script {
  metrics now;

  /// Adds `count` ended jobs, each of which took `seconds_each` with `in_progress` jobs in progress.
  const metrics& jobs(std::uint64_t count, double seconds_each, double in_progress,
                      std::uint64_t failed = 0) {
    const double jobs = static_cast<double>(count);
    const double took = jobs * seconds_each / in_progress;
    now.now += std::chrono::duration_cast<duration>(std::chrono::duration<double>(took));
    now.resources_at = now.now;
    now.jobs_succeeded += count - failed;
    now.jobs_failed += failed;
    now.jobs_taken += count;
    now.job_seconds += jobs * seconds_each;
    now.job_seconds_squared += jobs * seconds_each * seconds_each;
    now.in_progress_seconds += in_progress * took;
    now.in_progress = static_cast<int>(in_progress);
    if (now.in_progress > now.most_in_progress) now.most_in_progress = now.in_progress;
    return now;
  }
};

}  // namespace coworker::testing
