#pragma once
// climb_evidence: the statistics by which hill_climb tells a gain from chance. Must not know when it is
// asked.

#include <coworker/scale/real_functions.hpp>
#include <coworker/scale/throughput_sample.hpp>

namespace coworker::inline v0_1::detail {

// What was seen at one limit.
struct climb_arm {
  int limit = 0;
  throughput_sample seen{};
};

inline double log_ratio(int high, int low) { return natural_log(static_cast<double>(high) / low); }

// How much job times differ by nature decides how many jobs it takes to see anything.
struct climb_evidence {
  double spread = 0.2;     // variance over mean squared; at first a guess
  double spread_jobs = 6;  // that it rests on

  void learn(const throughput_sample& seen) {
    constexpr double most_jobs = 500;  // the far past fades
    if (spread_jobs > most_jobs) spread_jobs = most_jobs;
    const double jobs = spread_jobs + seen.jobs;
    spread = (spread * spread_jobs + seen.spread() * seen.jobs) / jobs;
    spread_jobs = jobs;
  }

  // Of the logarithm of a sample's mean.
  double variance(const throughput_sample& seen) const { return spread / seen.jobs; }

  double doubt(const throughput_sample& a, const throughput_sample& b) const {
    return square_root(variance(a) + variance(b));
  }

  // By how many standard deviations the gain of the step from one limit to the other is above the least gain
  // wanted.
  double score(const climb_arm& low, const climb_arm& high, double least) const {
    const double gain = high.seen.log_rate(spread) - low.seen.log_rate(spread);
    return (gain - least * log_ratio(high.limit, low.limit)) / doubt(low.seen, high.seen);
  }

  // In how many jobs the full gain of a step of that ratio stands out by two deviations from the least.
  double decisive(double ratio, double least) const {
    const double deviation = (1 - least) * natural_log(ratio) / 2;
    return 2 * spread / (deviation * deviation);
  }

  // Adds to what was seen before, which counts as long as it is needed to tell a seventh of the gain of a
  // step from none, and for no fewer jobs than those.
  void pool(throughput_sample& past, const throughput_sample& seen, double log_step, double fewest) const {
    const double fine = 0.15 * log_step;
    const double jobs = spread / (fine * fine);
    past.fade_to(jobs > fewest ? jobs : fewest);
    past.add(seen);
  }

  // Where jobs take as long at both limits, what is known of their time at one holds at the other.
  void share_times(const throughput_sample& from, throughput_sample& to) const {
    if (magnitude(natural_log(to.mean_seconds() / from.mean_seconds())) >= doubt(to, from)) return;
    const throughput_sample own = to;
    to.weigh(1 + from.jobs / own.jobs);
    to.job_seconds = own.job_seconds + from.job_seconds;
    to.job_seconds_squared = own.job_seconds_squared + from.job_seconds_squared;
  }
};

}  // namespace coworker::detail
