// only-error: coworker: this engine's interpret() does not fit and would not be called; write `void interpret(outcome& made) const`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  void interpret(coworker::outcome& made);
};

coworker::task<coworker::worker_summary> serve(queue& jobs) {
  coworker::worker worker(process_request);
  co_return co_await worker.serve(jobs);
}
