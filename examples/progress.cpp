// A handler that reports progress from a thread that a library has started. The queue receives the latest
// value, at most twice a second, and none after the job's outcome.
//
// run: ./progress --test_input '{"input": {"steps": 40}}'

#include <chrono>
#include <coworker.hpp>
#include <string>
#include <thread>

namespace cw = coworker;
using namespace std::chrono_literals;

struct request {
  int steps = 20;
};

struct state {
  int percent = 0;
  std::string phase;
};

// Stands for a C library that renders on its own thread and calls back from there.
void render(int steps, void (*on_step)(int step, void* user), void* user) {
  std::thread renderer([=] {
    for (int step = 1; step <= steps; ++step) {
      std::this_thread::sleep_for(10ms);
      on_step(step, user);
    }
  });
  renderer.join();
}

// Called on the library's thread.
void report(int step, void* user) {
  const auto& job = *static_cast<const cw::job<request>*>(user);
  const int percent = 100 * step / job.input.steps;
  job.progress(state{percent, percent < 50 ? "sketching" : "painting"});
}

// A plain function: it blocks a thread of the pool while the library works.
std::string handle(cw::job<request> job) {
  render(job.input.steps, report, &job);
  return "a picture in " + std::to_string(job.input.steps) + " steps";
}

int main(int argc, char** argv) { return cw::start(argc, argv, handle, cw::fixed_concurrency{2}); }
