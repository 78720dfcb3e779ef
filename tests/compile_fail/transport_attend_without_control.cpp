// only-error: coworker: this engine's attend() does not fit and would not be called; write `task<void> attend(worker_control control)`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  coworker::task<void> attend();
};

int main() {
  coworker::worker worker(process_request);
  queue jobs;
  worker.run(jobs);
}
