// only-error: coworker::batched: the function does not fit
// expect: give a vector of what turns into json or a task of it
// max-lines: 4

#include <coworker/job/middleware/batched.hpp>
#include <coworker/start.hpp>
#include <vector>

struct handle_of_library {
  void* pointer;
};

std::vector<handle_of_library> handle(std::vector<int> batch);

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::batched(handle)); }
