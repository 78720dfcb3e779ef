// only-error: coworker: this engine's chunk() does not fit and would not be called; write `task<delivery> chunk(std::string_view job_id, json value)`
// max-lines: 4

#include <coworker/start.hpp>

int process_request(coworker::job<>) { return 1; }

struct queue {
  coworker::task<coworker::take_result> take(coworker::take_request);
  coworker::task<coworker::delivery> complete(coworker::job_result);
  coworker::task<coworker::delivery> chunk(std::string_view job_id, const std::string& text);
  coworker::task<coworker::delivery> chunk(std::string_view job_id, int number);
};

int main(int argc, char** argv) {
  queue jobs;
  return coworker::start(argc, argv, process_request, coworker::fixed_concurrency(), {}, jobs);
}
