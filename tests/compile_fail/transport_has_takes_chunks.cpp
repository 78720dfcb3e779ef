// only-error: coworker: this engine's takes_chunks() is not called any more; set limits().chunks
// max-lines: 4

#include <coworker/start.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  bool takes_chunks() const;
};

int main(int argc, char** argv) {
  queue jobs;
  return coworker::start(argc, argv, process_request, coworker::fixed_concurrency(), {}, jobs);
}
