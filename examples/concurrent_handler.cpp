// A worker that runs many jobs at once on one thread. Its handler waits without blocking, and it runs between 1 and 10
// jobs at once: more while jobs wait, fewer while there are none.

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

// One more job at once while jobs wait for a slot, one fewer while slots wait for jobs. The rate at which a worker takes
// jobs would not do: it is never higher than what the worker gets done, however many jobs wait.
int adjust_concurrency(int current, const cw::metrics& measured) {
  if (measured.demand == cw::demand_level::high) return std::min(current + 1, 10);
  if (measured.demand == cw::demand_level::low) return std::max(current - 1, 1);
  return current;
}

int main(int argc, char** argv) { return cw::start(argc, argv, process_request, adjust_concurrency); }
