// expect: lanes::run: the function cannot be called with a T& and these arguments; it gets copies of its own, as rvalues, so take them by value or const reference, or pass std::ref(x)
// max-lines: 8
#include <coworker/exec/lanes.hpp>

int compute(int& model, int& result);

coworker::task<int> use(coworker::lanes<int>& gpus, int result) {
  co_return co_await gpus.run(compute, result);
}
