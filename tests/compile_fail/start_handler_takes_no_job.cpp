// only-error: coworker::start: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

coworker::task<std::string> process_request(int) { co_return "done"; }

int main(int argc, char** argv) {
  const coworker::follow_demand modifier;
  return coworker::start(argc, argv, process_request, modifier);
}
