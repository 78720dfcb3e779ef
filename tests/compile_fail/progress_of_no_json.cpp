// only-error: coworker::job::progress: the value does not fit
// expect: something that turns into json
// max-lines: 4

#include <coworker.hpp>

struct no_json {
  void* device = nullptr;
};

int process_request(coworker::job<> work) {
  work.progress(no_json());
  return 1;
}

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
