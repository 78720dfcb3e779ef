// A unit test of a handler under load and faults. A real worker with the real queue protocol takes its jobs
// from a simulated queue, over a network that loses, repeats and delays messages, in virtual time. A hundred
// runs take a fraction of a second. A run that breaks a rule is reduced to a smaller one and printed event by
// event.
//
// run: ./simulate_handler

#define COWORKER_WITH_SIMULATION 1
#include <chrono>
#include <coworker.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace cw = coworker;
namespace simulation = coworker::simulation;

struct request {
  std::string prompt;
  double seconds = 0.2;
};

// The handler under test.
cw::task<std::string> answer(cw::job<request> job) {
  co_await cw::sleep_for(std::chrono::duration<double>(job.input.seconds));
  if (job.input.prompt.empty()) throw std::invalid_argument("the prompt is empty");
  co_return "Answered: " + job.input.prompt;
}

int main() {
  simulation::options load;
  load.jobs = 40;
  load.inputs = {{{"prompt", "fog"}}, {{"prompt", "rain"}, {"seconds", 2}}, {{"prompt", ""}}};

  // Without faults, the outcome of each job is known in advance.
  load.faults = simulation::fault_set();
  const simulation::report calm = simulation::simulate(answer, cw::fixed_concurrency{8}, load);
  int succeeded = 0;
  for (const simulation::job_report& job : calm.jobs) succeeded += job.succeeded() ? 1 : 0;
  std::printf("%d of %zu jobs succeeded, %d at once, job 0: %s\n", succeeded, calm.jobs.size(),
              calm.highest_in_progress, calm.jobs[0].outcome.c_str());

  // With all faults, over many seeds: no job is lost, started twice, or reported wrongly.
  load.faults = simulation::fault_set::all();
  const simulation::seeds_report stormy =
      simulation::simulate_seeds(100, answer, cw::follow_demand{.max = 8}, load);
  std::printf("%s\n", stormy.text().c_str());
  return calm.ok() && stormy.ok() ? 0 : 1;
}
