// only-error: coworker: this engine's chunk() does not fit and would not be called; write `task<delivery> chunk(std::string_view job_id, json value)`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  coworker::task<coworker::delivery> chunk(std::string_view job_id, const std::string& text);
};

int main() {
  coworker::worker worker(process_request);
  queue jobs;
  worker.run(jobs);
}
