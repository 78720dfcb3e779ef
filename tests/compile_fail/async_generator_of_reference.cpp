// expect: async_generator<T>: T must be an object type; yield a pointer instead of a reference
#include <coworker/coro/async_generator.hpp>

coworker::async_generator<int&> numbers(int& n) { co_yield n; }
