// only-error: coworker::retried: the handler does not fit
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

int main(int argc, char** argv) {
  const auto takes_no_job = [](int work) { return work; };
  return coworker::start(argc, argv, coworker::retried(takes_no_job));
}
