// expect: the handler does not fit; what it gives must turn into json, and this member does not
// expect: <answer, 
// expect: {"device"}, void
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct answer {
  std::string text;
  void* device = nullptr;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
