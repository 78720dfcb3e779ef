// only-error: coworker::start: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: task<std::string> handle(job<> work)
// max-lines: 4

#include <coworker.hpp>

struct answer {};
coworker::task<answer> process_request(coworker::job<>) { co_return answer(); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
