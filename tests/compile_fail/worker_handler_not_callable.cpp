// only-error: coworker::worker: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

int main() {
  coworker::logger log;
  coworker::local_file queue({}, log);
  coworker::worker worker(42);
  worker.run(queue);
}
