// expect: JSON fills and reads no bit-field, which has no address, and no volatile member
// expect: bit_field_member<answer, 2
// max-lines: 4

#include <coworker.hpp>

struct answer {
  int kind = 1;
  volatile int tries = 3;
};

answer process_request(coworker::job<>) { return {}; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
