// only-error: coworker: this engine's arrivals_per_second() does not fit and would not be called; write `double arrivals_per_second(time_point now) const`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  double arrivals_per_second() const;
};

int main() {
  coworker::worker worker(process_request);
  queue jobs;
  worker.run(jobs);
}
