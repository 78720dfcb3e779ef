// only-error: coworker: this engine's progress() does not fit and would not be called; write `task<delivery> progress(std::string_view job_id, json value)`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  coworker::task<coworker::delivery> progress(std::string_view job_id, const std::string& text);
};

coworker::task<coworker::worker_summary> serve(queue& jobs) {
  coworker::worker worker(process_request);
  co_return co_await worker.serve(jobs);
}
