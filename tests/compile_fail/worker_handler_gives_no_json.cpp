// only-error: coworker::worker: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

void* process_request(coworker::job<>) { return nullptr; }

int main() { coworker::worker worker(process_request, coworker::follow_demand()); }
