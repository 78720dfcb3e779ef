// A job inside a C library that ends early when it is asked to stop. Such libraries take an abort callback: a
// plain function, and a pointer that they pass to it. Through that pointer the callback checks the job's stop
// token. A stop comes from the queue (the job was cancelled), from SIGTERM once the grace period is over, or
// from a deadline. tests/examples/stop_test.cpp tests this handler with a test_job.
//
// run: ./stop --test_input '{"input": {"steps": 5}}'

#include <coworker.hpp>
#include <stdexcept>
#include <string>

namespace cw = coworker;

// --- a typical C library --------------------------------------------------------------------------------------

extern "C" {
typedef bool (*engine_abort_callback)(void* user_data);  // returns true to abort

struct engine_params {
  int steps;
  engine_abort_callback abort_callback;
  void* abort_user_data;
};

// Returns the number of completed steps, or -1 if the callback aborted the run.
int engine_run(engine_params params) {
  for (int step = 0; step < params.steps; ++step) {
    if (params.abort_callback(params.abort_user_data)) return -1;
  }
  return params.steps;
}

}

// --- the handler ----------------------------------------------------------------------------------------------

struct request {
  int steps = 100;
};

// The callback's user data. The callback also reports the job's progress.
struct run_in_progress {
  const cw::job<request>& job;
  int steps_done = 0;
};

extern "C" bool asked_to_stop(void* user_data) {
  auto& run = *static_cast<run_in_progress*>(user_data);
  run.job.progress(run.steps_done++);
  return run.job.stop_token().stop_requested();
}

// A plain function: the library blocks, so it runs on the thread pool.
std::string run_engine(cw::job<request> job) {
  run_in_progress run{job};
  const int done = engine_run({job.input.steps, asked_to_stop, &run});
  job.stop_token().throw_if_stopped();  // so that the job ends as stopped rather than as failed
  if (done < 0) throw std::runtime_error("the engine gave up by itself");
  return "done in " + std::to_string(done) + " steps";
}

int main(int argc, char** argv) { return cw::start(argc, argv, run_engine, cw::fixed_concurrency{2}); }
