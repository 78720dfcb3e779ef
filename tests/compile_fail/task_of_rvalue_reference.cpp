// expect: task<T&&>: the object would no longer exist when the caller uses it; use T, or T& to one that lives longer
#include <coworker/coro/task.hpp>

coworker::task<int&&> number() { co_return 1; }
