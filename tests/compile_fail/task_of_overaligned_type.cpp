// expect: task<T>: T needs a stricter alignment than coroutine frames have; give a std::unique_ptr<T>
#include <coworker/coro/task.hpp>

struct alignas(64) cache_line {
  int number = 0;
};

coworker::task<cache_line> line() { co_return cache_line(); }
