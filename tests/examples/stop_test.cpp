// Tests the handler of examples/stop.cpp as a user would.
#define COWORKER_WITH_SIMULATION 1
#define main stop_example_main
#include "../../examples/stop.cpp"
#undef main
#include <doctest/doctest.h>

namespace {

using coworker::outcome_status;
using coworker::test_job;

}  // namespace

TEST_CASE("the abort callback ends the library's run at the step at which the job is stopped") {
  test_job<request> job({.steps = 1000});
  job.stop_at_progress(3);
  job.run(run_engine);
  CHECK(job.outcome.status == outcome_status::stopped);
  CHECK(job.progress == std::vector<cw::json>{0, 1, 2});
}

TEST_CASE("the library runs to its end if nothing stops the job") {
  test_job<request> job({.steps = 4});
  job.run(run_engine);
  CHECK(job.outcome.output == cw::json("done in 4 steps"));
  CHECK(job.progress.size() == 4);
}
