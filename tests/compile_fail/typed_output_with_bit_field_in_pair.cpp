// expect: JSON fills and reads no bit-field, which has no address
// expect: bit_field_member<part, 1
// max-lines: 4

#include <coworker.hpp>
#include <string>
#include <utility>
#include <vector>

struct part {
  int kind : 3;
  int count = 0;
};
struct answer {
  std::vector<std::pair<std::string, part>> parts;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
