// A worker that runs many jobs at once on one thread. Its handler waits without blocking, and the number of jobs in
// progress moves between 1 and 10 with the rate at which they arrive.

#include <algorithm>
#include <chrono>
#include <coworker.hpp>
#include <string>

namespace cw = coworker;

// Called for each job; while it waits, others run.
cw::task<std::string> process_request(cw::job<> job) {
  const double delay = job.input.value("delay", 1.0);
  co_await cw::sleep_for(std::chrono::duration<double>(delay));
  co_return "Processed: " + job.input.value("message", "");
}

// One more job at once while more than 50 a second arrive, one fewer while fewer do.
int adjust_concurrency(int current, const cw::metrics& measured) {
  if (measured.arrivals_per_second > 50) return std::min(current + 1, 10);
  return std::max(current - 1, 1);
}

int main(int argc, char** argv) { return cw::start(argc, argv, process_request, adjust_concurrency); }
