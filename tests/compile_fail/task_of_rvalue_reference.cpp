// expect: task<T&&>: what the reference is bound to would be gone; give a T, or a T& to what lives on
#include <coworker/coro/task.hpp>

coworker::task<int&&> number() { co_return 1; }
