#include <doctest/doctest.h>
#include <chrono>
#include <cmath>
#include <coworker/scale/throughput_sample.hpp>

#include "support/metrics_script.hpp"

namespace {

using coworker::metrics;
using coworker::throughput_sample;
using coworker::testing::metrics_script;

// Two jobs of 1 s and two of 3 s that ended within 4 s.
throughput_sample mixed_sample() {
  metrics_script script;
  const metrics from = script.jobs(7, 1, 1);
  script.jobs(2, 1, 2);
  const metrics to = script.jobs(2, 3, 2);
  return {from, to};
}

}  // namespace

TEST_CASE("a sample is the difference of two snapshots") {
  const throughput_sample sample = mixed_sample();
  CHECK(sample.jobs == 4);
  CHECK(sample.seconds == doctest::Approx(4));
  CHECK(sample.mean_seconds() == doctest::Approx(2));
  CHECK(sample.in_progress() == doctest::Approx(2));
  CHECK(sample.spread() == doctest::Approx(0.25));
  CHECK_FALSE(sample.empty());
  CHECK(throughput_sample().empty());
}

TEST_CASE("both estimates of the throughput agree if jobs follow each other evenly") {
  CHECK(mixed_sample().log_rate(0) == doctest::Approx(0));
  CHECK(mixed_sample().log_rate(10) == doctest::Approx(0));
}

TEST_CASE("jobs in step are measured by Little's law, jobs of all lengths by counting") {
  metrics from, to;
  to.now += std::chrono::seconds(10);
  to.jobs_succeeded = 20;  // two rounds of ten jobs of 4 s have ended, the third has not
  to.job_seconds = 80;
  to.job_seconds_squared = 320;
  to.in_progress_seconds = 100;
  const throughput_sample rounds(from, to);
  CHECK(rounds.log_rate(1e-6) == doctest::Approx(std::log(10.0 / 4)));
  CHECK(rounds.log_rate(1e6) == doctest::Approx(std::log(20.0 / 10)));
}

TEST_CASE("the 99th percentile of lognormal jobs follows from their mean and spread") {
  throughput_sample sample = mixed_sample();
  const double sigma = 0.5;
  sample.job_seconds = sample.jobs * std::exp(sigma * sigma / 2);
  sample.job_seconds_squared = sample.jobs * std::exp(2 * sigma * sigma);
  CHECK(sample.p99_seconds() == doctest::Approx(std::exp(2.326 * sigma)));
}

TEST_CASE("a sample that fades keeps its means") {
  throughput_sample sample = mixed_sample();
  sample.fade_to(10);
  CHECK(sample.jobs == 4);
  sample.fade_to(1);
  CHECK(sample.jobs == doctest::Approx(1));
  CHECK(sample.mean_seconds() == doctest::Approx(2));
  CHECK(sample.in_progress() == doctest::Approx(2));
  CHECK(sample.spread() == doctest::Approx(0.25));
  sample.add(mixed_sample());
  CHECK(sample.jobs == doctest::Approx(5));
}
