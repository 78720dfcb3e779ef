// expect: job<Input>: JSON cannot fill this member; coworker::typed_input says what can
// expect: member_of_input<request,
// expect: {"device"}, void
// max-lines: 16

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt;
  void* device = nullptr;
};

std::string process_request(coworker::job<request> work) { return work.input.prompt; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
