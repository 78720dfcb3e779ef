// A plain function as a handler. It runs on a thread pool, so it may block or compute for as long as it
// needs. Four jobs of half a second each take half a second together, and the worker keeps polling meanwhile.
//
// run: ./blocking --test_input '[{"input": "a"}, {"input": "b"}, {"input": "c"}, {"input": "d"}]'

#include <chrono>
#include <coworker.hpp>
#include <string>
#include <thread>

namespace cw = coworker;

// Several threads run it at once, so whatever it shares must be thread-safe.
std::string transcribe(cw::job<std::string> job) {
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // stands for a library that blocks
  return "a transcript of " + job.input;
}

int main(int argc, char** argv) { return cw::start(argc, argv, transcribe, cw::fixed_concurrency{4}); }
