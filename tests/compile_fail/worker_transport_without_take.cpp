// only-error: coworker: this is not a transport; it needs `task<take_result> take(take_request)` and `task<delivery> complete(job_result)`
// max-lines: 4

#include <coworker/worker.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::delivery> complete(coworker::job_result) {
    co_return coworker::delivery::accepted;
  }
};

int main() {
  coworker::worker worker(process_request);
  queue jobs;
  worker.run(jobs);
}
