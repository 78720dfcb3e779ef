// only-error: coworker::start: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// max-lines: 4

#include <coworker.hpp>

struct answer {};

int main(int argc, char** argv) {
  const auto handle = [](coworker::job<>) { return answer(); };
  return coworker::start(argc, argv, handle);
}
