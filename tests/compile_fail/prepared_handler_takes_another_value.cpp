// only-error: coworker::prepared: the handler does not fit
// expect: it must be callable with a reference to what is loaded and with a job, and give something that turns into json, as in `task<std::string> handle(model& loaded, job<> work)`
// max-lines: 4

#include <coworker/job/middleware/prepared.hpp>
#include <coworker/start.hpp>
#include <string>

std::string load_model();
int handle(int& model, coworker::job<> work);

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::prepared(load_model, handle)); }
