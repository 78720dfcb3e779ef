// expect: a future has one value, so awaiting it uses it up: write co_await std::move(the_future)
// max-lines: 9
#include <coworker/coro/task.hpp>
#include <coworker/exec/promise.hpp>

coworker::task<int> wait(coworker::future<int> answer) { co_return co_await answer; }
