// only-error: coworker::start: the concurrency modifier does not fit
// expect: it must be callable as `int(int current)` or
// expect: and give an integer
// max-lines: 4

#include <coworker.hpp>

int process_request(coworker::job<>) { return 1; }
std::string adjust_concurrency(int) { return "5"; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request, adjust_concurrency); }
