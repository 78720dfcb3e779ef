// expect: JSON fills and reads no bit-field, which has no address
// expect: bit_field_member<answer, 1
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct answer {
  unsigned tokens : 20 = 0;
  std::string text;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
