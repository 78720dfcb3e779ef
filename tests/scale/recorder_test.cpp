#include <doctest/doctest.h>
#include <chrono>
#include <coworker/scale/recorder.hpp>

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::metrics;
using coworker::metrics_recorder;
using coworker::outcome;
using coworker::outcome_status;
using coworker::time_point;

time_point recorder_moment(duration since_start) { return time_point(since_start); }

}  // namespace

TEST_CASE("a recorder counts takes, their waits, and those that returned full") {
  metrics_recorder recorder;
  recorder.take_answered(recorder_moment(1s), recorder_moment(980ms), 4, 4);
  recorder.take_answered(recorder_moment(9s), recorder_moment(1s), 2, 1);
  recorder.take_answered(recorder_moment(99s), recorder_moment(9s), 1, 0);
  const metrics seen = recorder.snapshot(recorder_moment(99s), 4);
  CHECK(seen.takes == 3);
  CHECK(seen.takes_full == 1);
  CHECK(seen.jobs_taken == 5);
  CHECK(seen.take_wait_seconds == doctest::Approx(98.02));
  CHECK(seen.take_wait.minimum_seconds == doctest::Approx(0.02));
  CHECK(seen.limit == 4);
  CHECK(seen.now == recorder_moment(99s));
}

TEST_CASE("a recorder adds up the jobs in progress over time") {
  metrics_recorder recorder(recorder_moment(10s));
  recorder.in_progress(recorder_moment(10s), 2);
  recorder.in_progress(recorder_moment(13s), 5);
  CHECK(recorder.snapshot(recorder_moment(14s), 8).in_progress_seconds == doctest::Approx(11));
  CHECK(recorder.snapshot(recorder_moment(14s), 8).in_progress_seconds == doctest::Approx(11));
  recorder.in_progress(recorder_moment(15s), 0);
  const metrics seen = recorder.snapshot(recorder_moment(60s), 8);
  CHECK(seen.in_progress_seconds == doctest::Approx(16));
  CHECK(seen.in_progress == 0);
  CHECK(seen.most_in_progress == 5);
}

TEST_CASE("a recorder sums the times of ended jobs and counts them by outcome") {
  metrics_recorder recorder;
  recorder.handler_ended(recorder_moment(3s), 2s);
  recorder.job_ended(recorder_moment(4s), outcome_status::succeeded, 3s, 1s);
  recorder.job_ended(recorder_moment(5s), outcome_status::failed, 4s, 2s);
  recorder.job_ended(recorder_moment(5s), outcome_status::stopped, 0s, 0s);
  const metrics seen = recorder.snapshot(recorder_moment(5s), 1);
  CHECK(seen.jobs_succeeded == 1);
  CHECK(seen.jobs_failed == 1);
  CHECK(seen.jobs_stopped == 1);
  CHECK(seen.jobs_ended() == 3);
  CHECK(seen.job_seconds == doctest::Approx(7));
  CHECK(seen.job_seconds_squared == doctest::Approx(25));
  CHECK(seen.completions_per_second == 2);
  CHECK(seen.handler.count == 1);
  CHECK(seen.handler.minimum_seconds == doctest::Approx(2));
  CHECK(seen.delivery.count == 3);
  CHECK(seen.delivery.mean_seconds == doctest::Approx(1));
}

TEST_CASE("a recorder's summaries are at most a tenth of a second old") {
  metrics_recorder recorder;
  recorder.snapshot(recorder_moment(0s), 1);
  recorder.handler_ended(recorder_moment(1ms), 1ms);
  CHECK(recorder.snapshot(recorder_moment(99ms), 1).handler.count == 0);
  CHECK(recorder.snapshot(recorder_moment(100ms), 1).handler.count == 1);
}

TEST_CASE("a recorder's snapshot contains the readings of others: lag, resources, a probe") {
  metrics_recorder recorder;
  recorder.timer_late(3ms);
  recorder.external().gpu_load = 0.5;
  const metrics seen = recorder.snapshot(recorder_moment(0s), 1);
  CHECK(seen.loop_lag_seconds == doctest::Approx(0.003));
  CHECK(seen.gpu_load == 0.5);
}
