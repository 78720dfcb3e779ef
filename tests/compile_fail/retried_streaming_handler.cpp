// only-error: coworker::retried: a streaming handler cannot be run again
// expect: repeat what fails inside the handler
// max-lines: 4

#include <coworker.hpp>

coworker::async_generator<int> count(coworker::job<>) { co_yield 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::retried(count)); }
