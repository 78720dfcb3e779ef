// What coworker writes is the same, whatever locale a program has set.

#include <doctest/doctest.h>
#include <cerrno>
#include <chrono>
#include <coworker/json/json.hpp>
#include <coworker/scale/prometheus.hpp>
#include <coworker/start/local_mode.hpp>
#include <coworker/system.hpp>
#include <coworker/worker/job_watch.hpp>
#include <string>

#include "support/comma_locale.hpp"

namespace {

using namespace std::chrono_literals;
using coworker::json;

std::string all_that_has_numbers() {
  coworker::metrics measured;
  measured.cpus = 1.5;
  measured.cpu_load = 0.25;
  measured.job_seconds = 1234.5;
  coworker::worker_summary summary;
  summary.jobs = 1200;
  summary.elapsed = 1234567ms;
  return coworker::prometheus_text(measured) + coworker::detail::seconds_text(250ms) +
         coworker::detail::summary_line(summary) + json{{"a", 0.25}, {"b", 1e100}}.dump() +
         json(json::parse("0.5").get<double>() + 1).dump() + coworker::detail::errno_text(ENOENT);
}

}  // namespace

TEST_CASE("pages, lines and JSON are the same in a locale with a decimal comma") {
  const std::string expected = all_that_has_numbers();
  CHECK(expected.find("coworker_cpu_load 0.25\n") != std::string::npos);
  CHECK(expected.find("1200 jobs, 0 failed, 1234.57 s, ") != std::string::npos);
  const coworker::testing::comma_locale here;
  if (!here) {
    MESSAGE("skipped: there is no locale with a decimal comma");
    return;
  }
  CHECK(all_that_has_numbers() == expected);
}
