// expect: lender: the function that makes the values must return an object, or a task of one, and be callable without arguments or with the number of the value
// max-lines: 7
#include <coworker/exec/lender.hpp>

void make_connection(const char* host);

void use() { coworker::lender connections(make_connection, 4); }
