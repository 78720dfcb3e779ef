// expect: lanes::run: the function returns a task, and a lane runs ordinary functions; to await something in between, enter() the lane and call run() for each part
// max-lines: 9
#include <coworker/exec/lanes.hpp>

coworker::task<int> compute(int& model);

coworker::task<int> use(const coworker::lanes<int>::lane& lane) { co_return co_await lane.run(compute); }
