#pragma once
// throughput_sample: what a stretch of a worker's time says of its throughput. Must not know who compares
// samples or why.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/real_functions.hpp>

namespace coworker::inline v0_1 {

/// Jobs that ended in some stretch of time, how long they took, and how many were in progress meanwhile.
struct throughput_sample {
  double jobs = 0;
  double job_seconds = 0;
  double job_seconds_squared = 0;
  double in_progress_seconds = 0;
  double seconds = 0;

  throughput_sample() noexcept {}

  /// What happened between two snapshots.
  throughput_sample(const metrics& from, const metrics& to) noexcept
      : jobs(static_cast<double>(to.jobs_ended() - from.jobs_ended())),
        job_seconds(to.job_seconds - from.job_seconds),
        job_seconds_squared(to.job_seconds_squared - from.job_seconds_squared),
        in_progress_seconds(to.in_progress_seconds - from.in_progress_seconds),
        seconds(std::chrono::duration<double>(to.now - from.now).count()) {}

  /// Whether it says nothing: no job, or no time. The other figures need a sample that is not empty.
  bool empty() const noexcept { return jobs <= 0 || job_seconds <= 0 || seconds <= 0; }

  double mean_seconds() const noexcept { return job_seconds / jobs; }
  double in_progress() const noexcept { return in_progress_seconds / seconds; }

  /// The variance of a job's time over the square of its mean; never below 0.0001.
  double spread() const noexcept {
    constexpr double least = 1e-4;
    const double mean = mean_seconds();
    const double found = job_seconds_squared / jobs / (mean * mean) - 1;
    return found > least ? found : least;
  }

  /// What 99 of 100 jobs stay within, if their times are lognormal: exp(m + 2.326 s), with the logarithm's
  /// mean m and deviation s taken from the two moments.
  double p99_seconds() const noexcept {
    const double variance = detail::natural_log_of_1_and(spread());
    return mean_seconds() * detail::exponential(2.326 * detail::square_root(variance) - variance / 2);
  }

  /// The logarithm of the jobs ended per second, given how spread the times of such jobs are known to be. Two
  /// estimates with opposite weaknesses, weighed by the spread: jobs over time is off by whole rounds where
  /// jobs of equal length start and end in step; Little's law (jobs in progress over the mean time of one) is
  /// not, but for some time after a change of the limit it sees too many of the short jobs or the long.
  double log_rate(double known_spread) const noexcept {
    constexpr double in_step = 0.1;  // the spread at which both count the same
    const double counted = known_spread * known_spread / (known_spread * known_spread + in_step * in_step);
    return counted * detail::natural_log(jobs / seconds) +
           (1 - counted) * detail::natural_log(in_progress() / mean_seconds());
  }

  void add(const throughput_sample& other) noexcept {
    jobs += other.jobs;
    job_seconds += other.job_seconds;
    job_seconds_squared += other.job_seconds_squared;
    in_progress_seconds += other.in_progress_seconds;
    seconds += other.seconds;
  }

  /// The same figures, as if from so many times the jobs.
  void weigh(double factor) noexcept {
    jobs *= factor;
    job_seconds *= factor;
    job_seconds_squared *= factor;
    in_progress_seconds *= factor;
    seconds *= factor;
  }

  /// Lets the past count for no more than so many jobs.
  void fade_to(double most_jobs) noexcept {
    if (jobs > most_jobs) weigh(most_jobs / jobs);
  }
};

}  // namespace coworker
