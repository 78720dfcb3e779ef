// only-error: coworker::start: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

int main(int argc, char** argv) {
  const std::string not_a_handler = "process_request";
  return coworker::start(argc, argv, not_a_handler);
}
