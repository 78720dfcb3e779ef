// expect: when_any: the tasks have different result types; make them return one type, such as a std::variant of them all
// max-lines: 7
#include <coworker/coro/when_any.hpp>

coworker::task<int> number();
coworker::task<double> fraction();

auto any() { return coworker::when_any(number(), fraction()); }
