#pragma once
// throughput_sample: the throughput of a worker over a span of time. Must not know who compares samples or
// why.

#include <coworker/coro/clock.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/scale/real_functions.hpp>

namespace coworker::inline v0_1 {

/// The jobs that ended in a span of time, how long they took, and how many were in progress meanwhile.
struct throughput_sample {
  double jobs = 0;
  double job_seconds = 0;
  double job_seconds_squared = 0;
  double in_progress_seconds = 0;
  double seconds = 0;

  throughput_sample() noexcept {}

  /// Computes what happened between two snapshots.
  throughput_sample(const metrics& from, const metrics& to) noexcept
      : jobs(static_cast<double>(to.jobs_ended() - from.jobs_ended())),
        job_seconds(to.job_seconds - from.job_seconds),
        job_seconds_squared(to.job_seconds_squared - from.job_seconds_squared),
        in_progress_seconds(to.in_progress_seconds - from.in_progress_seconds),
        seconds(std::chrono::duration<double>(to.now - from.now).count()) {}

  /// Returns whether the sample has no job or no time. The other functions need a sample that is not empty.
  bool empty() const noexcept { return jobs <= 0 || job_seconds <= 0 || seconds <= 0; }

  double mean_seconds() const noexcept { return job_seconds / jobs; }
  double in_progress() const noexcept { return in_progress_seconds / seconds; }

  /// Returns the variance of job times over the square of their mean; never below 0.0001.
  double spread() const noexcept {
    constexpr double least = 1e-4;
    const double mean = mean_seconds();
    const double found = job_seconds_squared / jobs / (mean * mean) - 1;
    return found > least ? found : least;
  }

  /// Returns the time within which 99 of 100 jobs stay, if job times are lognormal: exp(m + 2.326 s), where m
  /// and s are the mean and the deviation of the logarithm, computed from the two moments.
  double p99_seconds() const noexcept {
    const double variance = detail::natural_log_of_1_and(spread());
    return mean_seconds() * detail::exponential(2.326 * detail::square_root(variance) - variance / 2);
  }

  /// Returns the logarithm of the jobs ended per second. `known_spread`: the spread of the times of such
  /// jobs. Combines two estimates with opposite weaknesses, weighted by the spread. Jobs over time is wrong
  /// by whole rounds if jobs of equal length start and end in step. Little's law (jobs in progress over the
  /// mean time of one) is not, but after a change of the limit it sees, for some time, too many of the short
  /// jobs or of the long ones.
  double log_rate(double known_spread) const noexcept {
    constexpr double in_step = 0.1;  // at this spread both estimates have equal weight
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

  /// Multiplies the weight of the sample, as if it had come from `factor` times the jobs.
  void weigh(double factor) noexcept {
    jobs *= factor;
    job_seconds *= factor;
    job_seconds_squared *= factor;
    in_progress_seconds *= factor;
    seconds *= factor;
  }

  /// Reduces the weight of the sample to that of `most_jobs` jobs at most.
  void fade_to(double most_jobs) noexcept {
    if (jobs > most_jobs) weigh(most_jobs / jobs);
  }
};

}  // namespace coworker::inline v0_1
