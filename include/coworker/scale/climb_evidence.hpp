#pragma once
// climb_evidence: the statistics with which hill_climb tells a gain from chance. Must not know when
// they are computed.

#include <coworker/scale/real_functions.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1::detail {

// What was measured at one limit.
struct climb_arm {
  int limit = 0;
  throughput_sample seen{};
};

inline double log_ratio(int high, int low) { return natural_log(static_cast<double>(high) / low); }

// The natural spread of job times determines how many jobs are needed to see a difference.
struct climb_evidence {
  double spread = 0.2;     // variance over mean squared; a guess at first
  double spread_jobs = 6;  // number of jobs that it is based on

  void learn(const throughput_sample& seen) {
    constexpr double most_jobs = 500;  // older jobs lose weight
    if (spread_jobs > most_jobs) spread_jobs = most_jobs;
    const double jobs = spread_jobs + seen.jobs;
    spread = (spread * spread_jobs + seen.spread() * seen.jobs) / jobs;
    spread_jobs = jobs;
  }

  // Returns the variance of the logarithm of a sample's mean.
  double variance(const throughput_sample& seen) const { return spread / seen.jobs; }

  double doubt(const throughput_sample& a, const throughput_sample& b) const {
    return square_root(variance(a) + variance(b));
  }

  // Returns by how many standard deviations the gain of the step from one limit to the other exceeds the
  // least gain wanted.
  double score(const climb_arm& low, const climb_arm& high, double least) const {
    const double gain = high.seen.log_rate(spread) - low.seen.log_rate(spread);
    return (gain - least * log_ratio(high.limit, low.limit)) / doubt(low.seen, high.seen);
  }

  // Returns the number of jobs in which the full gain of a step of that ratio exceeds the least gain
  // by two deviations.
  double decisive(double ratio, double least) const {
    const double deviation = (1 - least) * natural_log(ratio) / 2;
    return 2 * spread / (deviation * deviation);
  }

  // Adds a sample to the earlier ones. The earlier ones count as far as they are needed to tell a seventh of
  // the gain of a step from none, and for at least `fewest` jobs.
  void pool(throughput_sample& past, const throughput_sample& seen, double log_step, double fewest) const {
    const double fine = 0.15 * log_step;
    const double jobs = spread / (fine * fine);
    past.fade_to(jobs > fewest ? jobs : fewest);
    past.add(seen);
  }

  // If jobs take equally long at both limits, what is known of their times at one holds at the other.
  void share_times(const throughput_sample& from, throughput_sample& to) const {
    if (magnitude(natural_log(to.mean_seconds() / from.mean_seconds())) >= doubt(to, from)) return;
    const throughput_sample own = to;
    to.weigh(1 + from.jobs / own.jobs);
    to.job_seconds = own.job_seconds + from.job_seconds;
    to.job_seconds_squared = own.job_seconds_squared + from.job_seconds_squared;
  }
};

}  // namespace coworker::inline v0_1::detail
