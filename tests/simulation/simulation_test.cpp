#include <doctest/doctest.h>
#include <chrono>
#include <coroutine>
#include <coworker/coro/async_generator.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/simulation/simulation.hpp>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "simulation/erratic.hpp"

namespace {

using namespace std::chrono_literals;
namespace sim = coworker::simulation;
using coworker::fixed_concurrency;
using coworker::job;
using coworker::json;
using coworker::task;
using sim::fault;
using sim::fault_set;

task<json> simulated_work(job<> work) {
  co_await coworker::sleep_for(100ms);
  co_return work.input;
}

sim::options simulated_load(std::size_t jobs, fault_set faults, std::uint64_t seed = 1) {
  sim::options made;
  made.jobs = jobs;
  made.faults = faults;
  made.seed = seed;
  return made;
}

}  // namespace

TEST_CASE("whatever goes wrong, and whatever handlers and modifiers do, the invariants hold") {
  sim::options base;
  base.jobs = 30;
  const sim::seeds_report seen = sim::run_seeds(base, 65, 1, coworker::testing::run_erratic);
  CHECK_MESSAGE(seen.ok(), seen.text());
  CHECK(seen.runs == 65);
  CHECK(seen.compared == 2);
}

TEST_CASE("one seed gives one run, with and without a trace; other seeds give other runs") {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    sim::options wanted = simulated_load(20, fault_set::all(), seed);
    const sim::report first = coworker::testing::run_erratic(wanted);
    wanted.trace = true;
    const sim::report second = coworker::testing::run_erratic(wanted);
    CHECK(first.hash == second.hash);
    CHECK(first.trace.empty());
    CHECK(second.trace.find("job-0 is submitted") != std::string::npos);
    hashes.insert(first.hash);
  }
  CHECK(hashes.size() == 8);
}

TEST_CASE(
    "without faults every job is handed over and started once and has one result, in order of submission") {
  sim::options wanted = simulated_load(12, fault_set());
  wanted.inputs = {json{{"n", 1}}, json{{"n", 2}}};
  const sim::report seen = sim::simulate(simulated_work, fixed_concurrency{3}, wanted);
  CHECK_MESSAGE(seen.ok(), seen.text());
  CHECK(seen.faults.empty());
  CHECK(seen.highest_in_progress == 3);
  REQUIRE(seen.jobs.size() == 12);
  for (std::size_t i = 0; i < seen.jobs.size(); ++i) {
    const sim::job_report& one = seen.jobs[i];
    CHECK(one.id == "job-" + std::to_string(i));
    CHECK(one.succeeded());
    CHECK(one.hand_overs == 1);
    CHECK(one.starts == 1);
    CHECK(one.outcome == (i % 2 == 0 ? R"({"output":{"n":1}})" : R"({"output":{"n":2}})"));
    CHECK(one.latency >= 100ms);
  }
}

TEST_CASE("follow_demand runs jobs side by side that are submitted at once, whatever goes wrong besides") {
  int highest = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const sim::options wanted = simulated_load(60, seed % 2 == 0 ? fault_set() : fault_set::all(), seed);
    const sim::report seen = sim::simulate(simulated_work, coworker::follow_demand{.max = 10}, wanted);
    CHECK_MESSAGE(seen.ok(), seen.text());
    CHECK(seen.highest_in_progress <= 10);
    if (seen.highest_in_progress > highest) highest = seen.highest_in_progress;
  }
  CHECK(highest >= 8);
}

TEST_CASE("seeds that once raised a false alarm raise none") {
  // Two jumps of the clock after the last fault; the refusal of a job's first run that arrives in its second.
  for (const std::uint64_t seed : {90037948U, 5993560U}) {
    CAPTURE(seed);
    sim::options wanted;
    wanted.jobs = 1000;
    wanted.seed = seed;
    const sim::report seen = coworker::testing::run_erratic(wanted);
    CHECK_MESSAGE(seen.ok(), seen.text());
  }
}

TEST_CASE("an exception of a handler, or an output that cannot be sent, is the result of its job") {
  sim::options wanted = simulated_load(4, fault_set());
  wanted.inputs = {json{{"do", "throw"}}, json{{"do", "unserialisable"}}, json{{"n", 3}}};
  const sim::report seen = sim::simulate(coworker::testing::erratic_plain, fixed_concurrency{2}, wanted);
  CHECK_MESSAGE(seen.ok(), seen.text());
  CHECK(!seen.jobs[0].succeeded());
  CHECK(seen.jobs[0].outcome.find("as the seed says") != std::string::npos);
  CHECK(!seen.jobs[1].succeeded());
  CHECK(seen.jobs[2].succeeded());
}

TEST_CASE("a handler that goes on after it was asked to stop is reported once its stop_patience is over") {
  const auto stubborn = [](job<>) -> task<json> {
    coworker::auto_reset_event never_set;
    const coworker::executor_ref here = co_await coworker::this_coro::executor();
    co_await never_set.wait_until(here.now() + 10min);
    co_return json(1);
  };
  fault_set faults;
  faults.add(fault::departures);
  sim::options wanted = simulated_load(3, faults);
  wanted.ping_interval = 1min;
  const sim::seeds_report seen = sim::simulate_seeds(8, stubborn, fixed_concurrency{2}, wanted);
  REQUIRE(!seen.ok());
  CHECK(seen.failure->violations.front().broken == sim::invariant::leaves_in_time);
  CHECK(seen.failure->jobs.size() == 1);
  CHECK(seen.text().find("worker 0  is asked to leave") != std::string::npos);
  wanted.stop_patience = 11min;
  CHECK(sim::simulate_seeds(8, stubborn, fixed_concurrency{2}, wanted).ok());
}

TEST_CASE("handlers that take their job by reference have it for as long as they run") {
  const auto slow = [](const job<>& work) -> task<json> {
    co_await coworker::sleep_for(100ms);
    co_return json(work.id);
  };
  const auto streams = [](const job<>& work) -> coworker::async_generator<std::string> {
    co_await coworker::sleep_for(100ms);
    co_yield work.id;
  };
  sim::options wanted = simulated_load(3, fault_set());
  wanted.worker.stream.return_aggregate_stream = true;
  const sim::report tasks = sim::simulate(slow, fixed_concurrency{2}, wanted);
  CHECK_MESSAGE(tasks.ok(), tasks.text());
  CHECK(tasks.jobs[2].outcome == R"({"output":"job-2"})");
  const sim::report generators = sim::simulate(streams, fixed_concurrency{2}, wanted);
  CHECK_MESSAGE(generators.ok(), generators.text());
  CHECK(generators.jobs[2].outcome == R"({"output":["job-2"]})");
}

TEST_CASE("with overlapping delivery a job that waits for its progress to be sent holds no slot") {
  const auto reports_last = [](job<> work) -> task<json> {
    const coworker::executor_ref here = co_await coworker::this_coro::executor();
    work.progress(json(1));
    for (int i = 0; i < 2; ++i) co_await coworker::resume_on(here);
    co_return json(1);
  };
  sim::options wanted = simulated_load(10, fault_set::all());
  wanted.worker.overlap_delivery = wanted.worker.prefetch = true;
  const sim::seeds_report seen = sim::simulate_seeds(20, reports_last, fixed_concurrency{1}, wanted);
  CHECK_MESSAGE(seen.ok(), seen.text());
}

TEST_CASE("a coroutine that a handler leaves behind is reported") {
  coworker::timer alarm;
  const auto leaves_an_alarm = [&alarm](job<>) -> task<json> {
    const coworker::executor_ref here = co_await coworker::this_coro::executor();
    alarm.handle = std::noop_coroutine();
    alarm.due = here.now() + 24h;
    here.arm(alarm);
    co_return json(1);
  };
  const sim::report seen =
      sim::simulate(leaves_an_alarm, fixed_concurrency{1}, simulated_load(1, fault_set()));
  REQUIRE(!seen.ok());
  CHECK(seen.violations[0].broken == sim::invariant::nothing_left_behind);
}

TEST_CASE("jobs that never end are reported as unsettled, with the time they had") {
  const auto endless = [](job<>) -> task<json> {
    co_await coworker::sleep_for(1000h);
    co_return json(1);
  };
  sim::options wanted = simulated_load(2, fault_set());
  wanted.settle_within = 10min;
  wanted.ping_interval = 1min;
  const sim::report seen = sim::simulate(endless, fixed_concurrency{2}, wanted);
  REQUIRE(seen.violations.size() == 1);
  CHECK(seen.violations[0].name() == "every_job_settles");
  CHECK(seen.violations[0].text == "job-0 has no result 600 s after the last fault; 2 are unsettled");
  CHECK(seen.violations[0].at == 10min);
}

#if COWORKER_RECYCLE_FRAMES  // otherwise LeakSanitizer reports the coroutines that are never destroyed
TEST_CASE("a coroutine that never lets time pass is reported, not waited for") {
  const auto spinning = [](job<>) -> task<json> {
    const coworker::executor_ref here = co_await coworker::this_coro::executor();
    for (;;) co_await coworker::resume_on(here);
  };
  sim::options wanted = simulated_load(1, fault_set());
  wanted.most_steps = 10'000;
  const sim::report seen = sim::simulate(spinning, fixed_concurrency{1}, wanted);
  REQUIRE(seen.violations.size() == 1);
  CHECK(seen.violations[0].broken == sim::invariant::no_endless_loop);
}
#endif
