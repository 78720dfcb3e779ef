// only-error: coworker::batched: the function does not fit
// expect: it must take a vector of inputs or jobs, of a type that is written out, and give a vector of what turns into json or a task of it, as in `std::vector<std::string> handle_many(std::vector<request> batch)`
// max-lines: 4

#include <coworker/job/middleware/batched.hpp>
#include <coworker/start.hpp>
#include <string>

std::string handle(std::string text);

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::batched(handle, {.most = 8})); }
