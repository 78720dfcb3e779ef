// only-error: coworker::batched: the function does not fit
// expect: of a type that is written out
// max-lines: 4

#include <coworker/job/middleware/batched.hpp>
#include <coworker/start.hpp>

int main(int argc, char** argv) {
  const auto handle = [](auto batch) { return batch; };
  return coworker::start(argc, argv, coworker::batched(handle));
}
