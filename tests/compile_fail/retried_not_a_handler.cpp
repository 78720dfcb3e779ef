// only-error: coworker::retried: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

struct answer {};
coworker::task<answer> process_request(coworker::job<>) { co_return answer(); }

int main(int argc, char** argv) {
  return coworker::start(argc, argv, coworker::retried(process_request, {.times = 5}));
}
