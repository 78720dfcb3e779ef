// only-error: coworker: this engine's limits() does not fit and would not be called; write `transport_limits limits() const`
// max-lines: 4

#include <coworker/start.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  int limits() const;
};

int main(int argc, char** argv) {
  queue jobs;
  return coworker::start(argc, argv, process_request, coworker::fixed_concurrency(), {}, jobs);
}
