// expect: a task runs once, so awaiting it uses it up: write co_await std::move(the_task)
#include <coworker/coro/task.hpp>

coworker::task<int> number() { co_return 1; }

coworker::task<int> twice() {
  auto the_task = number();
  co_return 2 * co_await the_task;
}
