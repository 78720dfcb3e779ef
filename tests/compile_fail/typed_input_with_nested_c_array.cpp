// expect: JSON fills and reads no C array in a struct
// expect: <part, 
// expect: {"names"}, 
// max-lines: 4

#include <coworker.hpp>
#include <string>
#include <vector>

struct part {
  int first = 0;
  std::string names[3];
};
struct request {
  std::string prompt;
  std::vector<part> parts;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
