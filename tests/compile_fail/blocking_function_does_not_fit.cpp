// expect: blocking: the function cannot be called with these arguments; it gets copies of its own, as rvalues, so take them by value or const reference, or pass std::ref(x)
// max-lines: 8
#include <coworker/exec/blocking.hpp>

int change(int& number);

coworker::task<int> use(coworker::executor_ref pool, int number) {
  const int changed = co_await coworker::blocking(pool, change, number);
  co_return changed;
}
