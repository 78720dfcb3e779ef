#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <coworker/exec/random.hpp>
#include <coworker/scale/latency_histogram.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using coworker::duration;
using coworker::latency_histogram;
using coworker::latency_summary;
using coworker::time_point;
using coworker::detail::latency_buckets;

time_point histogram_moment(duration since_start) { return time_point(since_start); }

}  // namespace

TEST_CASE("a histogram without latencies has a summary of zeros") {
  const latency_summary none = latency_histogram().summary();
  CHECK(none.count == 0);
  CHECK(none.minimum_seconds == 0);
  CHECK(none.p99_seconds == 0);
}

TEST_CASE("latencies from a microsecond to weeks fall into buckets that are at most a sixteenth wide") {
  std::size_t before = 0;
  for (double microseconds = 1; microseconds < 1.5e12; microseconds *= 1.01) {
    const auto whole = static_cast<std::uint64_t>(microseconds);
    const std::size_t bucket = latency_buckets::index(whole);
    REQUIRE(bucket >= before);
    REQUIRE(bucket < latency_buckets::count);
    const double upper = latency_buckets::upper_seconds(bucket) * 1e6;
    REQUIRE(upper > static_cast<double>(whole));
    REQUIRE(upper <= static_cast<double>(whole) * (1 + 1.0 / 16) + 1);
    before = bucket;
  }
}

TEST_CASE("a latency beyond the last bucket counts in it, and a negative one as zero") {
  latency_histogram histogram;
  histogram.add(histogram_moment(0s), duration::max());
  histogram.add(histogram_moment(0s), -5s);
  const latency_summary both = histogram.summary();
  CHECK(both.minimum_seconds == 0);
  CHECK(both.p50_seconds <= 1e-6);
  CHECK(both.p99_seconds > 25 * 86400.0);
}

TEST_CASE("percentiles are those of the sorted latencies to within a sixteenth, and the mean is exact") {
  for (const double sigma : {0.1, 1.0, 2.0}) {
    coworker::random_source random(7);
    latency_histogram histogram;
    std::vector<double> all;
    double sum = 0;
    for (int i = 0; i < 5000; ++i) {
      double normal = -6;
      for (int k = 0; k < 12; ++k) normal += random.fraction();
      const double seconds = 0.05 * std::exp(sigma * normal);
      const auto latency = std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
      all.push_back(std::chrono::duration<double>(latency).count());
      sum += all.back();
      histogram.add(histogram_moment(0s), latency);
    }
    std::sort(all.begin(), all.end());
    const latency_summary summary = histogram.summary();
    CHECK(summary.count == all.size());
    CHECK(summary.minimum_seconds == all.front());
    CHECK(summary.mean_seconds == doctest::Approx(sum / 5000));
    const auto near = [&all](double found, std::size_t index) {
      return found >= all[index] && found <= all[index] * (1 + 1.0 / 16) + 1e-6;
    };
    CHECK(near(summary.p50_seconds, 2499));
    CHECK(near(summary.p90_seconds, 4499));
    CHECK(near(summary.p99_seconds, 4949));
  }
}

TEST_CASE("a busy histogram forgets latencies that are two half lives old") {
  latency_histogram histogram(1s);
  for (int i = 0; i < 100; ++i) histogram.add(histogram_moment(i * 10ms), 50ms);
  for (int i = 100; i < 400; ++i) histogram.add(histogram_moment(i * 10ms), 200ms);
  CHECK(histogram.summary().minimum_seconds == doctest::Approx(0.2));
  CHECK(histogram.summary().count <= 201);
  CHECK(histogram.summary().count >= 100);
}

TEST_CASE("an idle histogram keeps its last latencies, however old they are") {
  latency_histogram histogram(1s);
  for (int i = 0; i < 20; ++i) histogram.add(histogram_moment(i * 1h), 30min);
  CHECK(histogram.summary().count == 20);
  CHECK(histogram.summary().p50_seconds >= 1800);
}
