// only-error: coworker::start: the handler does not fit
// expect: it must be callable with a job and give something that turns into json
// expect: answer
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct answer {
  std::string text;
  void* device = nullptr;
};

answer process_request(coworker::job<>) { return {}; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
