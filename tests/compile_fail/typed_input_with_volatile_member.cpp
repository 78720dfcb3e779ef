// expect: JSON fills and reads no bit-field, which has no address, and no volatile member
// expect: bit_field_member<request, 2
// max-lines: 4

#include <coworker.hpp>

struct request {
  int kind = 1;
  volatile int tries = 3;
};

int process_request(coworker::job<request> work) { return work.input.tries; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
