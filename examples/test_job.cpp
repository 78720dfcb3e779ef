// Unit tests of a handler. A test_job runs the handler without a queue, in virtual time, stops it when the
// test says, and records everything that it did. It works with any test framework; this example uses none.
// `simulate_handler.cpp` tests handlers under load and faults.
//
// run: ./test_job

#define COWORKER_WITH_SIMULATION 1
#include <chrono>
#include <coworker.hpp>
#include <cstdio>
#include <string>

namespace cw = coworker;
using namespace std::chrono_literals;

struct request {
  int minutes = 10;
};

// The handler under test.
cw::task<std::string> bake(cw::job<request> job) {
  for (int minute = 1; minute <= job.input.minutes; ++minute) {
    job.progress(minute);
    co_await cw::sleep_for(1min);
  }
  co_return "done in " + std::to_string(job.input.minutes) + " minutes";
}

bool runs_to_its_end() {
  cw::test_job<request> job({.minutes = 3});
  job.run(bake);
  return job.outcome.output == cw::json("done in 3 minutes") && job.progress.size() == 3 && job.elapsed == 3min;
}

bool stops_at_the_third_progress() {
  cw::test_job<request> job;
  job.stop_at_progress(3);
  job.run(bake);
  return job.outcome.status == cw::outcome_status::stopped && job.elapsed == 2min;
}

bool fails_when_its_time_is_over() {
  cw::test_job<request> job;
  job.deadline_at(90s);
  job.run(bake);
  return job.outcome.status == cw::outcome_status::failed && job.elapsed == 90s;
}

int main() {
  const bool good = runs_to_its_end() && stops_at_the_third_progress() && fails_when_its_time_is_over();
  std::printf("%s\n", good ? "all tests passed" : "a test failed");
  return good ? 0 : 1;
}
