// expect: lender<T>: the function that makes the values must return a T or a task<T>
// max-lines: 7
#include <coworker/exec/lender.hpp>

int make_number();

void use() { coworker::lender<long> numbers(make_number, 4); }
