// only-error: coworker::prepared: the second step does not fit
// expect: it must be callable with a reference to what is loaded, as in `void warm_up(model& loaded)`, or give task<void>
// max-lines: 4

#include <coworker/job/middleware/prepared.hpp>
#include <coworker/start.hpp>
#include <string>

std::string load_model();
void warm_up(std::string& model, coworker::job<> work);
int handle(std::string& model, coworker::job<> work);

int main(int argc, char** argv) {
  return coworker::start(argc, argv, coworker::prepared(load_model, warm_up, handle));
}
