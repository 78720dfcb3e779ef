// expect: job<Input>: JSON cannot fill this Input; coworker::typed_input says what can
// expect: job<request>
// max-lines: 12

#include <coworker.hpp>

struct request {
  char prompt[80] = {};
  int size = 0;
};

int process_request(coworker::job<request> work) { return work.input.size; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
