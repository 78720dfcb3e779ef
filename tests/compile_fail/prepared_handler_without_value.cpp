// only-error: coworker::prepared: the handler does not fit
// expect: it must be callable with a reference to what is loaded and with a job
// max-lines: 4

#include <coworker/job/middleware/prepared.hpp>
#include <coworker/start.hpp>
#include <string>

std::string load_model();
void warm_up(std::string& model);
int handle(coworker::job<> work);

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::prepared(load_model, warm_up, handle)); }
