// only-error: coworker: this engine's next_stops() is not called any more; call control.stop_job() from `task<void> attend(worker_control control)`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  coworker::task<std::vector<std::string>> next_stops();
};

coworker::task<coworker::worker_summary> serve(queue& jobs) {
  coworker::worker worker(process_request);
  co_return co_await worker.serve(jobs);
}
