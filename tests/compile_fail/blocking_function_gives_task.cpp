// expect: blocking: the function returns a task; co_await run_on(pool, the task) instead
// max-lines: 8
#include <coworker/exec/blocking.hpp>

coworker::task<int> count(int number);

coworker::task<int> use(coworker::executor_ref pool) {
  auto counted = coworker::blocking(pool, count, 3);
  co_return 0;
}
