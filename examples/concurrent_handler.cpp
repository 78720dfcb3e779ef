// A worker that runs many jobs at once on one thread. The handler waits without blocking. The worker runs
// between 1 and 10 jobs at once: more while jobs wait, fewer while there are none.

#include <algorithm>
#include <chrono>
#include <coworker.hpp>
#include <string>

namespace cw = coworker;

// Called for each job. While one call waits, others run.
cw::task<std::string> process_request(cw::job<> job) {
  const double delay = job.input.value("delay", 1.0);
  co_await cw::sleep_for(std::chrono::duration<double>(delay));
  co_return "Processed: " + job.input.value("message", "");
}

// Allows one more job at once while jobs wait for slots, and one fewer while slots wait for jobs. The rate of
// taken jobs does not show this: however many jobs wait, it never exceeds the rate of finished jobs.
int adjust_concurrency(int current, const cw::metrics& measured) {
  if (measured.demand == cw::demand_level::high) return std::min(current + 1, 10);
  if (measured.demand == cw::demand_level::low) return std::max(current - 1, 1);
  return current;
}

int main(int argc, char** argv) { return cw::start(argc, argv, process_request, adjust_concurrency); }
