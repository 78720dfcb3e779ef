// only-error: coworker::worker: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// max-lines: 4

#include <coworker.hpp>

struct answer {};

int main() {
  const auto handle = [](coworker::job<>) { return answer(); };
  coworker::worker serving(handle);
}
