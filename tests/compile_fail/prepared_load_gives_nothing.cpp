// only-error: coworker::prepared: the function that loads does not fit
// expect: it must be callable without arguments, or with a `const preparation&`, and give an object or a task of one, as in `model load()`
// max-lines: 4

#include <coworker/job/middleware/prepared.hpp>
#include <coworker/start.hpp>

void load_model(const char* path);
int handle(int& model, coworker::job<> work);

int main(int argc, char** argv) { return coworker::start(argc, argv, coworker::prepared(load_model, handle)); }
