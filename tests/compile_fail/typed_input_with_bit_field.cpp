// expect: JSON fills and reads no bit-field, which has no address
// expect: bit_field_member<request, 2
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt;
  unsigned steps : 6 = 20;
  bool fast = false;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
