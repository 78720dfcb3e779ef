// expect: scope::spawn: takes a task<void>, or a coroutine and the arguments to call it with
// max-lines: 7
#include <coworker/coro/scope.hpp>

void work(int number);

void start(coworker::scope& children) { children.spawn(work, 1); }
