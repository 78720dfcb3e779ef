// only-error: coworker::worker: the concurrency modifier does not fit
// expect: it must be callable as `int(int current)` or
// expect: and give an integer
// max-lines: 4

#include <coworker.hpp>

int process_request(coworker::job<>) { return 1; }
std::string adjust_concurrency(int, const coworker::metrics&) { return "5"; }

int main() { coworker::worker worker(process_request, adjust_concurrency); }
