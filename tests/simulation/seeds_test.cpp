#include <doctest/doctest.h>
#include <atomic>
#include <coworker/simulation/seeds.hpp>
#include <coworker/simulation/shrink.hpp>
#include <cstdint>
#include <string>

namespace {

namespace sim = coworker::simulation;
using sim::fault;
using sim::fault_set;

sim::report report_of(const sim::options& wanted, bool fails) {
  sim::report made;
  made.seed = wanted.seed;
  made.faults = wanted.faults;
  made.jobs.resize(wanted.jobs);
  made.hash = wanted.seed * 7;
  if (fails) made.violations.push_back({sim::invariant::reported_truly, {}, "as it was set up"});
  return made;
}

// Fails if there are stops, and seven jobs or more.
sim::report needs_stops_and_seven_jobs(const sim::options& wanted) {
  return report_of(wanted, wanted.faults.has(fault::stops) && wanted.jobs >= 7);
}

}  // namespace

TEST_CASE("a failing run is shrunk to the faults and jobs that it needs") {
  sim::options wanted;
  wanted.jobs = 50;
  const sim::options small = sim::shrink(wanted, needs_stops_and_seven_jobs);
  CHECK(small.faults.text() == "stops");
  CHECK(small.jobs == 7);
  CHECK(small.seed == wanted.seed);
}

TEST_CASE("a run that does not fail is not shrunk, and shrinking stops before another invariant breaks") {
  sim::options wanted;
  wanted.faults.remove(fault::stops);
  CHECK(sim::shrink(wanted, needs_stops_and_seven_jobs).jobs == wanted.jobs);
  const auto otherwise_below_ten = [](const sim::options& one) {
    sim::report made = report_of(one, true);
    if (one.jobs < 10) made.violations[0].broken = sim::invariant::no_exception;
    return made;
  };
  CHECK(sim::shrink(wanted, otherwise_below_ten).jobs == 10);
}

TEST_CASE("of many seeds the lowest that fails is shown, on however many threads they ran") {
  const auto fails_at_some = [](const sim::options& wanted) {
    return report_of(wanted, wanted.seed == 113 || wanted.seed == 140);
  };
  sim::options base;
  base.seed = 100;
  for (const unsigned threads : {1U, 3U}) {
    const sim::seeds_report seen = sim::run_seeds(base, 100, threads, fails_at_some);
    REQUIRE(seen.failure.has_value());
    CHECK(seen.failure->seed == 113);
    CHECK(seen.failure->jobs.size() == 1);
    CHECK(seen.text().find("violated: reported_truly") != std::string::npos);
  }
  const sim::seeds_report good = sim::run_seeds(base, 13, 2, fails_at_some);
  CHECK(good.ok());
  CHECK(good.runs == 13);
  CHECK(good.text() == "13 runs, no violation");
}

TEST_CASE("a run that differs from its repetition is a failure of its own") {
  std::atomic<std::uint64_t> runs{0};
  const auto unlike_itself = [&runs](const sim::options& wanted) {
    sim::report made = report_of(wanted, false);
    made.hash = ++runs;
    return made;
  };
  const sim::seeds_report seen = sim::run_seeds(sim::options(), 64, 1, unlike_itself);
  REQUIRE(!seen.ok());
  CHECK(seen.failure->violations.at(0).name() == "same_seed_same_run");
  CHECK(seen.failure->seed == 32);
}
